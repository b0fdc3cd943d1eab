"""What Ollama's ``/api/chat`` refuses in a conversation, and what it would take for something else than it is."""

from collections.abc import Collection, Iterator
from typing import Any

from tests.servers import fake_ollama
from tests.servers.fake_http import Answer, Request
from tests.servers.fake_ollama import FakeOllama
from tests.servers.strictness import Body, Rule, StrictServer, Violation, broken

_GO = "json: cannot unmarshal {} into Go struct field ChatRequest.{} of type {}"
_KINDS = {
    str: "string",
    list: "array",
    dict: "object",
    bool: "bool",
    int: "number",
    float: "number",
    type(None): "null",
}
_DEPTH = 10_000
_TEXTS = ("role", "content", "thinking", "tool_name", "tool_call_id")


def _texts(body: Body) -> Iterator[str]:
    for message in body["messages"]:
        for key in _TEXTS:
            if not isinstance(message.get(key, ""), str):
                yield _GO.format(_KINDS[type(message[key])], f"messages.{key}", "string")


def _arguments(body: Body) -> Iterator[str]:
    for message in body["messages"]:
        for call in message.get("tool_calls") or ():
            value = call["function"].get("arguments", {})
            if not isinstance(value, dict):
                kind = _KINDS[type(value)]
                yield _GO.format(kind, "messages.tool_calls.function.arguments", "api.ToolCallFunctionArguments")


def _roles(body: Body) -> Iterator[str]:
    roles = ("system", "user", "assistant", "tool")
    for message in body["messages"]:
        if message.get("role") not in roles:
            yield f'invalid role: "{message.get("role")}", role must be one of {list(roles)}'


def _depth(body: Body) -> Iterator[str]:
    todo: list[tuple[Any, int]] = [(body, 1)]
    while todo:
        value, depth = todo.pop()
        if depth > _DEPTH:
            yield "json: exceeded max depth"
            return
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        todo += [(one, depth + 1) for one in inner]


def _prefilled(body: Body) -> Iterator[str]:
    if body["messages"][-1]["role"] == "assistant":
        yield "(not refused: the model goes on with its last reply instead of answering)"


def _pairs(body: Body) -> Iterator[str]:
    wanted: list[tuple[str, str]] = []
    for message in [*body["messages"], {"role": "end"}]:
        if message["role"] != "tool":
            if wanted:
                yield f"(not refused: the template shows no result of {wanted})"
            wanted = [(call.get("id", ""), call["function"]["name"]) for call in message.get("tool_calls") or ()]
        elif (named := (message.get("tool_call_id", ""), message.get("tool_name", ""))) in wanted:
            wanted.remove(named)
        else:
            yield f"(not refused: the template shows a result of {named}, which was not called)"


_API = "https://github.com/ollama/ollama/blob/main/docs/api.md"
RULES = (
    Rule("texts", "https://github.com/BerriAI/litellm/issues/11273", _texts),
    Rule("arguments are objects", "https://github.com/ollama/ollama/issues/12794", _arguments),
    Rule("roles", "https://github.com/ollama/ollama/blob/main/api/types.go", _roles),
    Rule("depth", "https://pkg.go.dev/encoding/json", _depth),
    Rule("nothing half said", _API, _prefilled),
    Rule("every call answered", _API, _pairs),
)


def check(body: Body, thoughts: Collection[str] = ()) -> list[Violation]:
    """What Ollama would refuse or misread, ``thoughts`` being the thinking of this very model."""

    def foreign(body: Body) -> Iterator[str]:
        for message in body["messages"]:
            if message.get("thinking") and message["thinking"] not in thoughts:
                yield f"(not refused: the template shows {message['thinking']!r} as the model's own thinking)"

    return broken((*RULES, Rule("own thinking", _API, foreign)), body)


class StrictOllama(StrictServer, FakeOllama):
    """Ollama's wire with its rules; ``thoughts`` are what its model thought."""

    thoughts: Collection[str] = ()

    def check(self, request: Request) -> list[Violation]:
        return check(request.json, self.thoughts)

    def refusal(self, text: str) -> Answer:
        return fake_ollama.refuse(400, text)
