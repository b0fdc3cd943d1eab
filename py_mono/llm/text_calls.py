"""A provider around a provider, with which every model can call tools: ``docs/adr/028-tool-calls-as-text.md``.

Calls that a model prints are taken out of its text; a call that cannot be read gets one more chance, its arguments held
to the tool's schema; a model without tool calling of its own is told of its tools in the prompt.
"""

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from msgspec import Struct
from msgspec.structs import replace

from py_mono.llm.text_protocol import as_text
from py_mono.llm.text_reply import NAMELESS, TextReply, Whole
from py_mono.protocol.errors import BadResponse, MalformedCall, ToolsUnsupported
from py_mono.protocol.events import ModelRetried, Notice, ReasoningDelta, TextDelta
from py_mono.protocol.messages import AssistantMessage, Usage
from py_mono.protocol.ports import ModelChunk, ModelRequest, Provider
from py_mono.protocol.tools import ToolSpec

_KEY = re.compile(r'"(\w{1,64})"\s{0,8}:')


class _Chance(Struct, frozen=True):
    """A second request in place of the first one's reply, and why."""

    request: ModelRequest
    reason: str


class TextCalls:
    """See the module; everything else is as ``inner`` does it."""

    def __init__(self, inner: Provider) -> None:
        self._inner = inner
        self._described = False

    @property
    def name(self) -> str:
        """See ``Provider``."""
        return self._inner.name

    @property
    def model(self) -> str:
        """See ``Provider``."""
        return self._inner.model

    @property
    def window(self) -> int:
        """See ``Provider``."""
        return self._inner.window

    async def prepare(self) -> None:
        """See ``Provider``."""
        await self._inner.prepare()

    async def close(self) -> None:
        """See ``Provider``."""
        await self._inner.close()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        """See ``Provider``."""
        if not self._described:
            try:
                async with aclosing(self._ask(request)) as chunks:
                    async for chunk in chunks:
                        yield chunk
            except ToolsUnsupported:
                self._described = True
                yield Notice(f"{self.model} has no tool calling of its own: the tools are described in its prompt")
            else:
                return
        async with aclosing(self._ask(request)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _ask(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        """The reply, and where it is a call that cannot be read, what a second request makes of it."""
        attempts = 0
        async with aclosing(self._read(request)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Whole):
                    first = piece
                    break
                if isinstance(piece, ModelRetried):
                    attempts = piece.attempt
                yield piece
            else:
                return
        chance = _chance(request, first)
        if chance is None:
            for delta in first.deltas:
                yield delta
            yield first.message
            return
        yield ModelRetried(attempts + 1, 0.0, chance.reason)
        async with aclosing(self._second(chance.request, first, attempts + 1)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _second(self, request: ModelRequest, first: Whole, attempts: int) -> AsyncGenerator[ModelChunk, None]:
        """The second reply if it is of use, else the first as it was; shown once that is known."""
        held: list[ModelChunk] = []
        best, usage = first, Usage()
        try:
            async with aclosing(self._read(request)) as pieces:
                async for piece in pieces:
                    match piece:
                        case Whole():
                            usage = piece.message.usage
                            best = piece if _of_use(piece) else first
                            held += piece.deltas
                        case TextDelta() | ReasoningDelta():
                            held.append(piece)
                        case ModelRetried():
                            held.clear()
                            yield ModelRetried(attempts + piece.attempt, piece.wait_s, piece.reason)
                        case _:
                            yield piece
        except (BadResponse, ToolsUnsupported):
            if first.silent:
                raise
        if best.silent:
            raise BadResponse(
                "the model's reply was nothing but thinking, twice",
                remedy="ask again in other words, or choose another model",
            )
        message = best.message
        if best is first:
            shown = (ReasoningDelta(message.reasoning), TextDelta(message.text))
            held = [delta for delta in shown if delta.text]
        for delta in held:
            yield delta
        yield replace(message, usage=first.message.usage + usage)

    async def _read(self, request: ModelRequest) -> AsyncGenerator[ModelChunk | Whole, None]:
        """One reply: what can be shown of it, then the whole."""
        reply = TextReply(request, described=self._described) if request.tools else None
        sent = as_text(request) if self._described else request
        try:
            async with aclosing(self._inner.stream(sent)) as chunks:
                async for chunk in chunks:
                    if isinstance(chunk, AssistantMessage):
                        yield reply.end(chunk) if reply else Whole((), chunk)
                        return
                    if reply is None or reply.passes(chunk):
                        yield chunk
                        continue
                    for piece in reply.take(chunk):
                        yield piece
        except MalformedCall as error:
            if reply is None:
                raise
            yield reply.unreadable(error, self.model)


def _of_use(whole: Whole) -> bool:
    return not whole.silent and not any(call.malformed for call in whole.message.tool_calls)


def _chance(request: ModelRequest, whole: Whole) -> _Chance | None:
    """What to ask in place of a reply that nothing can be done with; None where it goes out as it is.

    Where other calls stand beside the broken one they are worth more than it: they run, and the model is told.
    """
    calls = whole.message.tool_calls
    if whole.silent:
        return _Chance(request, "the reply was nothing but thinking")
    if len(calls) != 1 or not calls[0].malformed:
        return None
    name = calls[0].name
    if name == NAMELESS:
        name = _tool_of(calls[0].malformed, request.tools)
        if not name:
            return _Chance(request, "the model's tool call could not be read")
    elif all(tool.name != name for tool in request.tools):
        return None
    reason = f"the model's call of {name} could not be read; its arguments alone are asked for"
    return _Chance(replace(request, only_tool=name), reason)


def _tool_of(raw: str, tools: Sequence[ToolSpec]) -> str:
    """The one tool whose arguments a broken text holds most of; empty where there are several, or none.

    It is good for asking again only: nothing runs by a name that the model did not write.
    """
    keys = set(_KEY.findall(raw))
    found: dict[str, int] = {}
    for tool in tools:
        if keys >= set(tool.parameters.get("required", ())):
            found[tool.name] = len(keys & set(tool.parameters.get("properties", ())))
    most = max(found.values(), default=0)
    best = [name for name, count in found.items() if count == most > 0]
    return best[0] if len(best) == 1 else ""
