"""What OpenAI's chat completions refuse in a conversation.

The API reference has the schema; the texts are those of the 400s that people were answered with. ``{issue}`` is a thread with one.
"""

import re
from collections.abc import Iterator
from typing import Any

from tests.servers import fake_openai
from tests.servers.fake_http import Answer, Request
from tests.servers.fake_openai import FakeOpenAI
from tests.servers.strictness import Body, Rule, StrictServer, Violation, broken, twice

_REFERENCE = "https://platform.openai.com/docs/api-reference/chat/create"
_FIELDS = {
    "system": {"role", "content", "name"},
    "developer": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    "assistant": {"role", "content", "name", "tool_calls", "refusal", "audio", "function_call"},
    "tool": {"role", "content", "tool_call_id"},
}
_ID_LENGTH = 40
_NAME_LENGTH = 64
_TOOLS = 128

Calls = Iterator[tuple[str, dict[str, Any]]]


def _calls(body: Body) -> Calls:
    for at, message in enumerate(body["messages"]):
        for number, call in enumerate(message.get("tool_calls") or ()):
            yield f"messages[{at}].tool_calls[{number}]", call


def _unanswered(body: Body) -> Iterator[str]:
    messages = body["messages"]
    for at, message in enumerate(messages):
        wanted = [call["id"] for call in message.get("tool_calls") or ()]
        after = at + 1
        while after < len(messages) and messages[after]["role"] == "tool":
            wanted = [id_ for id_ in wanted if id_ != messages[after]["tool_call_id"]]
            after += 1
        if wanted:
            yield (
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
                f"The following tool_call_ids did not have response messages: {', '.join(wanted)}"
            )


def _stray(body: Body) -> Iterator[str]:
    asked: set[str] = set()
    for message in body["messages"]:
        if message["role"] != "tool":
            asked = {call["id"] for call in message.get("tool_calls") or ()}
        elif message["tool_call_id"] not in asked:
            yield (
                "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
            )


def _answered_twice(body: Body) -> Iterator[str]:
    for id_ in twice(message["tool_call_id"] for message in body["messages"] if message["role"] == "tool"):
        yield f"Invalid parameter: Duplicate value for 'tool_call_id' of '{id_}'."


def _ids(body: Body) -> Iterator[str]:
    for where, call in _calls(body):
        if len(call["id"]) > _ID_LENGTH:
            yield (
                f"Invalid '{where}.id': string too long. Expected a string with maximum length {_ID_LENGTH}, but got a string "
                f"with length {len(call['id'])} instead."
            )


def _names(body: Body) -> Iterator[str]:
    named = [(f"{where}.function.name", call["function"]["name"]) for where, call in _calls(body)]
    named += [
        (f"tools[{at}].function.name", tool["function"]["name"]) for at, tool in enumerate(body.get("tools") or ())
    ]
    for where, name in named:
        if not re.fullmatch("[a-zA-Z0-9_-]+", name):
            yield (
                f"Invalid '{where}': string does not match pattern. Expected a string that matches the pattern "
                "'^[a-zA-Z0-9_-]+$'."
            )
        elif len(name) > _NAME_LENGTH:
            yield (
                f"Invalid '{where}': string too long. Expected a string with maximum length {_NAME_LENGTH}, but got a string "
                f"with length {len(name)} instead."
            )


def _contents(body: Body) -> Iterator[str]:
    for message in body["messages"]:
        content = message.get("content")
        if content is None and not message.get("tool_calls"):
            yield "Invalid value for 'content': expected a string, got null."


def _arguments(body: Body) -> Iterator[str]:
    for where, call in _calls(body):
        if not isinstance(call["function"]["arguments"], str):
            yield f"Invalid type for '{where}.function.arguments': expected a string, but got an object instead."


def _empty_lists(body: Body) -> Iterator[str]:
    lists = {"messages": body["messages"], "tools": body.get("tools", [0])}
    lists |= {f"messages[{at}].tool_calls": one.get("tool_calls", [0]) for at, one in enumerate(body["messages"])}
    for where, value in lists.items():
        if not value:
            yield (
                f"Invalid '{where}': empty array. Expected an array with minimum length 1, but got an empty array instead."
            )


def _too_many_tools(body: Body) -> Iterator[str]:
    if (count := len(body.get("tools") or ())) > _TOOLS:
        yield (
            f"Invalid 'tools': array too long. Expected an array with maximum length {_TOOLS}, but got an array with length "
            f"{count} instead."
        )


def _unknown(body: Body) -> Iterator[str]:
    for at, message in enumerate(body["messages"]):
        for key in sorted(set(message) - _FIELDS.get(message["role"], set())):
            yield f"Unknown parameter: 'messages[{at}].{key}'."
    for where, call in _calls(body):
        for key in sorted(set(call) - {"id", "type", "function"}):
            yield f"Unknown parameter: '{where}.{key}'."


RULES = (
    Rule("every call answered", "https://github.com/pydantic/pydantic-ai/issues/562", _unanswered),
    Rule("answers after their calls", "https://community.openai.com/t/977537", _stray),
    Rule("answered once", _REFERENCE, _answered_twice),
    Rule("ids of at most 40", "https://github.com/agno-agi/agno/issues/5382", _ids),
    Rule("names", "https://github.com/mcp-use/mcp-use/pull/94", _names),
    Rule("content", _REFERENCE, _contents),
    Rule("arguments are text", _REFERENCE, _arguments),
    Rule("no empty list", _REFERENCE, _empty_lists),
    Rule("at most 128 tools", _REFERENCE, _too_many_tools),
    Rule("no unknown field", "https://github.com/janhq/jan/issues/8136", _unknown),
)


def check(body: Body) -> list[Violation]:
    """What OpenAI would refuse."""
    return broken(RULES, body)


class StrictOpenAI(StrictServer, FakeOpenAI):
    """OpenAI's wire with OpenAI's rules."""

    def check(self, request: Request) -> list[Violation]:
        return check(request.json)

    def refusal(self, text: str) -> Answer:
        return fake_openai.refuse(400, text)
