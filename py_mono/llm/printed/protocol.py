"""Tools for a model that has no tool calling of its own: described in the system prompt, called and answered in text.

The form is that of the Hermes models, which most others know too (github.com/NousResearch/Hermes-Function-Calling):
``<tool_call>`` around one JSON object, ``<tool_response>`` around a result. What a request becomes depends on nothing but
the request, message by message, so a server's cache of the text before it still holds.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from py_mono.protocol.messages import AssistantMessage, Message, ToolMessage, UserMessage
from py_mono.protocol.ports import ModelRequest
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec

NATIVELY = "Make tool calls natively, never as text in an answer. "
"""What the system prompt says to all other models; here it would be wrong."""

RESPONSE = "<tool_response>"
"""Where the results begin; a model that goes on to write this makes them up."""

_RESPONSE_END = "</tool_response>"
_HOW = """

Tools: to call one, write exactly this, with its name and a JSON object of its arguments:
<tool_call>{"name": "NAME", "arguments": {}}</tool_call>
Several calls may follow each other; then stop, write no result yourself. The results come in the next message.
These are the tools, each with the JSON schema of its arguments as parameters:
"""

_encode = msgspec.json.Encoder().encode


def as_text(request: ModelRequest) -> ModelRequest:
    """The same question without native tools.

    Its ``tools`` are empty, unless it is held to one of them (``only_tool``): a provider takes the schema from there.
    """
    system = request.system.replace(NATIVELY, "", 1) + _described(request.tools) if request.tools else request.system
    return replace(
        request,
        system=system,
        messages=tuple(_messages(request.messages)),
        tools=request.tools if request.only_tool else (),
    )


def _described(tools: Sequence[ToolSpec]) -> str:
    return _HOW + "\n".join(map(_line, tools))


def _line(tool: ToolSpec) -> str:
    shown = {"name": tool.name, "description": tool.description, "parameters": _schema(tool.parameters)}
    return _encode(shown).decode()


def _schema(parameters: dict[str, Any]) -> dict[str, Any]:
    """The schema without what every line would repeat."""
    return {key: value for key, value in parameters.items() if key not in {"type", "additionalProperties"}}


def _messages(messages: Sequence[Message]) -> Iterator[Message]:
    """The conversation with calls and results as text; what is said to the model between two replies is one message.

    Templates that know no tools often insist that user and assistant take turns.
    """
    said: list[str] = []
    for message in messages:
        if isinstance(message, AssistantMessage):
            if said:
                yield UserMessage("\n\n".join(said))
                said = []
            yield _reply(message)
        else:
            said.append(_result(message.result) if isinstance(message, ToolMessage) else message.text)
    if said:
        yield UserMessage("\n\n".join(said))


def _reply(message: AssistantMessage) -> AssistantMessage:
    if not message.tool_calls:
        return message
    parts = [message.text, *map(_call, message.tool_calls)]
    return replace(message, text="\n".join(part for part in parts if part), tool_calls=())


def _call(call: ToolCall) -> str:
    arguments = call.malformed or _encode(call.arguments).decode()
    return f'<tool_call>{{"name": {_encode(call.name).decode()}, "arguments": {arguments}}}</tool_call>'


def _result(result: ToolResult) -> str:
    """A result; a text that holds our own closing tag must not end it."""
    body = result.content.replace(_RESPONSE_END, "</ tool_response>")
    return f"{RESPONSE}\n{body}\n{_RESPONSE_END}"


class Until:
    """Passes a text on, piece by piece, up to the first place where ``mark`` stands; what comes after it is dropped."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._held = ""
        self._ended = False

    def feed(self, piece: str) -> str:
        """What can be passed on by now: all but what may be the beginning of the mark."""
        if self._ended:
            return ""
        text = self._held + piece
        before, mark, _ = text.partition(self._mark)
        if mark:
            self._held, self._ended = "", True
            return before
        kept = self._beginning(text)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept]

    def end(self) -> str:
        """What was held back, where the text ended without the mark."""
        held, self._held = self._held, ""
        return held

    def _beginning(self, text: str) -> int:
        """How many characters at the end of the text begin the mark."""
        longest = min(len(self._mark) - 1, len(text))
        return next((size for size in range(longest, 0, -1) if self._mark.startswith(text[-size:])), 0)
