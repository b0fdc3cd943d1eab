"""Ollama's native chat: requests out, chunks in. Source: ``docs/api.md`` and ``api/types.go`` of ollama/ollama.

A request's bytes are those of the last one up to the end of its messages, so that a server can take what it has
already read from its cache: what stands in front is fixed, and messages are encoded once and only appended.
"""

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from py_mono.llm.call_arguments import call_with
from py_mono.llm.foreign import is_own
from py_mono.llm.ollama.calls import asked_alone, the_only_tool
from py_mono.protocol.messages import AssistantMessage, Message, ToolMessage
from py_mono.protocol.ports import ModelRequest
from py_mono.protocol.tools import ToolCall, ToolSpec
from py_mono.utils.text import beginning

_encoder = msgspec.json.Encoder()


class _Function(Struct):
    name: str = ""
    arguments: Any = None


class _Call(Struct):
    function: _Function
    id: str | None = None


class _Said(Struct):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_Call] | None = None


class Chunk(Struct):
    """One line of a reply."""

    message: _Said | None = None
    done: bool = False
    done_reason: str | None = None
    load_duration: Any = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    error: Any = None

    def calls(self) -> list[ToolCall]:
        """The tool calls it holds, ids as the server gave them (or empty)."""
        found = self.message.tool_calls if self.message else None
        return [call_with(one.function.arguments, name=one.function.name, id_=one.id or "") for one in found or ()]


class _Show(Struct):
    model_info: dict[str, Any] | None = None
    capabilities: list[str] | None = None


class ModelFacts(Struct, frozen=True):
    """What ``/api/show`` told.

    Attributes:
        max_window: In tokens; 0 where unknown.
        capabilities: Such as ``tools`` and ``thinking``; None where unknown.
        always_thinks: Whether it is of a family (gpt-oss) whose replies begin with thinking, whatever it is asked.
    """

    max_window: int = 0
    capabilities: frozenset[str] | None = None
    always_thinks: bool = False

    def may(self, capability: str) -> bool:
        """Whether the model can do that, as far as is known; a server that lists nothing said nothing."""
        return not self.capabilities or capability in self.capabilities


class _Listed(Struct):
    name: str = ""
    model: str = ""


class _Tags(Struct):
    models: list[_Listed] | None = None


class _Error(Struct):
    error: Any = None


_chunks = msgspec.json.Decoder(Chunk)
_shows = msgspec.json.Decoder(_Show)
_tags = msgspec.json.Decoder(_Tags)
_errors = msgspec.json.Decoder(_Error)


def decode_chunk(line: bytes) -> Chunk:
    """One line of a reply.

    Raises:
        ValueError: It is not JSON, or not of the shape that Ollama documents.
    """
    try:
        return _chunks.decode(line)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def decode_show(body: bytes) -> ModelFacts:
    """What ``/api/show`` answered; raises ``ValueError`` where it is something else."""
    shown = _shows.decode(body)
    lengths = [
        value
        for key, value in (shown.model_info or {}).items()
        if key.endswith(".context_length") and isinstance(value, int) and not isinstance(value, bool) and value > 0
    ]
    capabilities = None if shown.capabilities is None else frozenset(shown.capabilities)
    always_thinks = str((shown.model_info or {}).get("general.architecture")) in {"gptoss", "gpt-oss"}
    return ModelFacts(max(lengths, default=0), capabilities, always_thinks)


def decode_tags(body: bytes) -> list[str]:
    """The names that ``/api/tags`` lists, sorted; raises ``ValueError`` where it is something else."""
    return sorted({entry.name or entry.model for entry in _tags.decode(body).models or ()} - {""})


def error_text(error: object) -> str:
    """What an ``error`` member says; some servers nest it."""
    if isinstance(error, dict):
        return error_text(error.get("message", error.get("error", "")))
    return error.strip() if isinstance(error, str) else ""


def body_error(body: bytes) -> str:
    """The error in the body of a failed request, or the start of its text."""
    try:
        return error_text(_errors.decode(body).error)
    except (ValueError, RecursionError):
        text = "".join(one if one.isprintable() else " " for one in body[:2000].decode(errors="replace"))
        return beginning(" ".join(text.split()), 200)


def encode_show(model: str) -> bytes:
    """The request for ``/api/show``."""
    return _encoder.encode({"model": model})


class RequestEncoder:
    """Turns requests into bytes, encoding only what is new since the last."""

    def __init__(self, model: str, *, num_ctx: int, keep_alive: str) -> None:
        self._fixed = {
            "model": model,
            "stream": True,
            "keep_alive": _duration(keep_alive),
            "truncate": False,  # an error is better than a prompt without its front
            "shift": False,  # the same, while the reply grows
        }
        self._model = model
        self._num_ctx = num_ctx
        self._tools: tuple[tuple[ToolSpec, ...], bytes] = ((), b"")
        self._messages: list[Message] = []
        self._parts: list[bytes] = []

    def encode(self, request: ModelRequest, think: bool | None) -> bytes:  # noqa: FBT001 - three states, as on the wire
        """The body of ``/api/chat``; ``think`` None leaves it to the server."""
        options = {"num_ctx": self._num_ctx}
        if request.max_output_tokens is not None:
            options["num_predict"] = request.max_output_tokens
        front = self._fixed | {"options": options} | ({} if think is None else {"think": think})
        system = _encoder.encode({"role": "system", "content": request.system})
        self._extend(request.messages)
        only = the_only_tool(request)
        tools = self._encoded_tools(request.tools) if only is None else _format(only)
        last = b"" if only is None else b"," + _encoder.encode(_message(asked_alone(only), self._model))
        head = _encoder.encode(front)[:-1] + tools + b',"messages":['
        return b"".join([head, system, *self._parts, last, b"]}"])

    def _encoded_tools(self, tools: tuple[ToolSpec, ...]) -> bytes:
        if not tools:
            return b""
        known, encoded = self._tools
        if known is not tools:
            encoded = b',"tools":' + _encoder.encode([_tool(tool) for tool in tools])
            self._tools = (tools, encoded)
        return encoded

    def _extend(self, messages: tuple[Message, ...]) -> None:
        same = 0
        for old, new in zip(self._messages, messages, strict=False):
            if old is not new and old != new:
                break
            same += 1
        del self._messages[same:], self._parts[same:]
        for message in messages[same:]:
            self._messages.append(message)
            self._parts.append(b"," + _encoder.encode(_message(message, self._model)))


def _duration(text: str) -> str | int:
    """``keep_alive`` as Ollama reads it: a number is seconds (negative for ever), a text has its unit."""
    try:
        return int(text)
    except ValueError:
        return text


def _format(tool: ToolSpec) -> bytes:
    return b',"format":' + _encoder.encode(tool.parameters)


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


class _WireMessage(Struct, omit_defaults=True):
    """A message on the wire; ``content`` stands always, as Ollama's templates need it."""

    role: str
    content: str
    thinking: str = ""
    tool_calls: list[dict[str, Any]] | UnsetType = UNSET
    tool_name: str = ""
    tool_call_id: str = ""


def _message(message: Message, model: str) -> _WireMessage:
    match message:
        case AssistantMessage():
            calls = [
                {"id": call.id, "function": {"name": call.name, "arguments": call.arguments}}
                for call in message.tool_calls
            ]
            thinking = message.reasoning if is_own(message, model) else ""  # a template shows it as the model's own
            return _WireMessage("assistant", message.text, thinking, calls or UNSET)
        case ToolMessage(result):
            return _WireMessage("tool", result.content, tool_name=result.name, tool_call_id=result.call_id)
        case _:
            return _WireMessage("user", message.text)
