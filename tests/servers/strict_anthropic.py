"""What Anthropic's messages refuse in a conversation: the texts are those of the 400s that people were answered with."""

import re
from collections.abc import Collection, Iterator
from typing import Any

from tests.servers import fake_anthropic
from tests.servers.fake_anthropic import FakeAnthropic
from tests.servers.fake_http import Answer, Request
from tests.servers.strictness import Body, Rule, StrictServer, Violation, broken, twice

_FIELDS = {
    "text": {"type", "text", "cache_control", "citations"},
    "thinking": {"type", "thinking", "signature"},
    "redacted_thinking": {"type", "data"},
    "tool_use": {"type", "id", "name", "input", "cache_control"},
    "tool_result": {"type", "tool_use_id", "content", "is_error", "cache_control"},
}
_MARKS = 4
_NAME_LENGTH = 200


def _blocks(body: Body, *kinds: str) -> Iterator[tuple[int, int, dict[str, Any]]]:
    for at, message in enumerate(body["messages"]):
        for number, block in enumerate(_content(message)):
            if not kinds or block["type"] in kinds:
                yield at, number, block


def _content(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _ids(message: dict[str, Any], kind: str, key: str) -> list[str]:
    return [block[key] for block in _content(message) if block["type"] == kind]


def _texts(body: Body) -> Iterator[tuple[str, str]]:
    for _, _, block in _blocks(body, "text", "tool_result"):
        inner = block.get("content")
        parts = [block] if block["type"] == "text" else inner if isinstance(inner, list) else []
        yield from (("messages", part["text"]) for part in parts if part["type"] == "text")
    system = body.get("system") or ()
    yield from (("system", part["text"]) for part in system if not isinstance(system, str))


def _empty(body: Body) -> Iterator[str]:
    for where, text in _texts(body):
        if not text:
            yield f"{where}: text content blocks must be non-empty"
        elif not text.strip():
            yield f"{where}: text content blocks must contain non-whitespace text"


def _nothing(body: Body) -> Iterator[str]:
    for at, message in enumerate(body["messages"]):
        if not message["content"]:
            yield f"messages.{at}: all messages must have non-empty content except for the optional final assistant message"


def _first(body: Body) -> Iterator[str]:
    if not body["messages"]:
        yield "messages: at least one message is required"
    elif body["messages"][0]["role"] != "user":
        yield 'messages: first message must use the "user" role'


def _last(body: Body) -> Iterator[str]:
    last = body["messages"][-1]
    if last["role"] == "assistant":
        texts = [block["text"] for block in _content(last) if block["type"] == "text"]
        if texts and texts[-1] != texts[-1].rstrip():
            yield "messages: final assistant content cannot end with trailing whitespace"
        else:
            yield "This model does not support assistant message prefill. The conversation must end with a user message."


def _unanswered(body: Body) -> Iterator[str]:
    messages = body["messages"]
    for at, message in enumerate(messages):
        following = _content(messages[at + 1]) if at + 1 < len(messages) else []
        front = []
        for block in following:
            if block["type"] != "tool_result":
                break
            front.append(block["tool_use_id"])
        if missing := [id_ for id_ in _ids(message, "tool_use", "id") if id_ not in front]:
            yield (
                f"messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block in the next message."
            )


def _stray(body: Body) -> Iterator[str]:
    for at, number, block in _blocks(body, "tool_result"):
        if at == 0 or block["tool_use_id"] not in _ids(body["messages"][at - 1], "tool_use", "id"):
            yield (
                f"messages.{at}.content.{number}: unexpected `tool_use_id` found in `tool_result` blocks: "
                f"{block['tool_use_id']}. Each `tool_result` block must have a corresponding `tool_use` block in the previous "
                "message."
            )


def _once(body: Body) -> Iterator[str]:
    for at, message in enumerate(body["messages"]):
        for id_ in twice(_ids(message, "tool_result", "tool_use_id")):
            yield f"messages.{at}: each tool_use must have a single result. Found multiple `tool_result` blocks with id: {id_}"


def _unique(body: Body) -> Iterator[str]:
    for _ in twice(block["id"] for _, _, block in _blocks(body, "tool_use")):
        yield "messages: `tool_use` ids must be unique"


def _patterns(body: Body) -> Iterator[str]:
    for at, number, block in _blocks(body, "tool_use", "tool_result"):
        key = "id" if block["type"] == "tool_use" else "tool_use_id"
        if not re.fullmatch("[a-zA-Z0-9_-]+", block[key]):
            yield f"messages.{at}.content.{number}.{block['type']}.{key}: String should match pattern '^[a-zA-Z0-9_-]+$'"


def _names(body: Body) -> Iterator[str]:
    for at, number, block in _blocks(body, "tool_use"):
        where = f"messages.{at}.content.{number}.tool_use.name"
        if not block["name"]:
            yield f"{where}: String should have at least 1 character"
        elif len(block["name"]) > _NAME_LENGTH:
            yield f"{where}: String should have at most {_NAME_LENGTH} characters"
        elif not re.fullmatch("[a-zA-Z0-9_-]+", block["name"]):
            yield f"{where}: String should match pattern '^[a-zA-Z0-9_-]{{1,{_NAME_LENGTH}}}$'"
    for at, tool in enumerate(body.get("tools") or ()):
        if not re.fullmatch("[a-zA-Z0-9_-]{1,128}", tool["name"]):
            yield f"tools.{at}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"


def _inputs(body: Body) -> Iterator[str]:
    for at, number, block in _blocks(body, "tool_use"):
        if not isinstance(block["input"], dict):
            yield f"messages.{at}.content.{number}.tool_use.input: Input should be a valid dictionary"


def _marks(body: Body) -> Iterator[str]:
    parts = [block for _, _, block in _blocks(body)]
    parts += [one for one in [*(body.get("system") or ()), *(body.get("tools") or ())] if isinstance(one, dict)]
    if (count := sum("cache_control" in part for part in parts)) > _MARKS:
        yield f"A maximum of {_MARKS} blocks with cache_control may be provided. Found {count}."


def _unknown(body: Body) -> Iterator[str]:
    for at, number, block in _blocks(body):
        for key in sorted(set(block) - _FIELDS[block["type"]]):
            yield f"messages.{at}.content.{number}.{block['type']}.{key}: Extra inputs are not permitted"


def _thinking_first(body: Body) -> Iterator[str]:
    if (body.get("thinking") or {}).get("type") != "enabled":
        return
    for at, message in enumerate(body["messages"]):
        kinds = [block["type"] for block in _content(message)]
        if message["role"] == "assistant" and "tool_use" in kinds and "thinking" not in kinds[0]:
            yield (
                f"messages.{at}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{kinds[0]}`. When "
                "`thinking` is enabled, a final `assistant` message must start with a thinking block."
            )


def _tools_defined(body: Body) -> Iterator[str]:
    if not body.get("tools") and any(_blocks(body, "tool_use", "tool_result")):
        yield "Requests which include `tool_use` or `tool_result` blocks must define tools"


_CLAUDE_CODE = "https://github.com/anthropics/claude-code/issues"
RULES = (
    Rule("user first", "https://docs.anthropic.com/en/api/messages", _first),
    Rule("nothing half said", "https://github.com/tailcallhq/forgecode/issues/1872", _last),
    Rule("texts", f"{_CLAUDE_CODE}/23440", _empty),
    Rule("contents", "https://docs.anthropic.com/en/api/messages", _nothing),
    Rule("every call answered", f"{_CLAUDE_CODE}/8210", _unanswered),
    Rule("answers after their calls", f"{_CLAUDE_CODE}/18947", _stray),
    Rule("answered once", "https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/implement-tool-use", _once),
    Rule("unique ids", "https://github.com/BerriAI/litellm/issues/23510", _unique),
    Rule("ids", "https://github.com/HKUDS/nanobot/pull/4356", _patterns),
    Rule("names", f"{_CLAUDE_CODE}/2673", _names),
    Rule("arguments are objects", "https://docs.anthropic.com/en/api/messages", _inputs),
    Rule("at most four marks", "https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching", _marks),
    Rule("no unknown field", "https://docs.anthropic.com/en/api/messages", _unknown),
    Rule("thinking first", "https://github.com/RooCodeInc/Roo-Code/pull/10351", _thinking_first),
    Rule("tools defined", "https://docs.litellm.ai/docs/providers/anthropic", _tools_defined),
)


def check(body: Body, signatures: Collection[str] = ()) -> list[Violation]:
    """What Anthropic would refuse, ``signatures`` being those that this model made."""

    def signed(body: Body) -> Iterator[str]:
        for at, number, block in _blocks(body, "thinking"):
            if block["signature"] not in signatures:
                yield f"messages.{at}.content.{number}: Invalid `signature` in `thinking` block"

    return broken((*RULES, Rule("own signatures", f"{_CLAUDE_CODE}/10627", signed)), body)


class StrictAnthropic(StrictServer, FakeAnthropic):
    """Anthropic's wire with its rules; it made the signatures that ``fake_anthropic.say`` puts to its thinking."""

    def check(self, request: Request) -> list[Violation]:
        return check(request.json, {"c2lnbmVk"})

    def refusal(self, text: str) -> Answer:
        return fake_anthropic.refuse(400, "invalid_request_error", text)
