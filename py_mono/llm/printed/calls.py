"""A provider around a provider, with which every model can call tools: ``docs/adr/028-tool-calls-as-text.md``.

Calls that a model prints are taken out of its text; a call that cannot be read gets one more chance, its arguments held
to the tool's schema; a model without tool calling of its own is told of its tools in the prompt.
"""

import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from py_mono.llm.printed.protocol import as_text
from py_mono.llm.printed.reply import NAMELESS, PlainReply, TextReply, Whole
from py_mono.llm.retrying import failed
from py_mono.protocol.attempts import AttemptFailed
from py_mono.protocol.errors import BadResponse, ContextTooLong, MalformedCall, ToolsUnsupported
from py_mono.protocol.events import ModelRetried, Notice, ReasoningDelta, TextDelta
from py_mono.protocol.messages import AssistantMessage, Usage
from py_mono.protocol.ports import ModelChunk, ModelRequest, Provider
from py_mono.protocol.tools import ToolSpec

if TYPE_CHECKING:
    from py_mono.llm.printed.stream import Delta

_Last = TypeVar("_Last")

_KEY = re.compile(r'"(\w{1,64})"\s{0,8}:')


class _Chance(Struct, frozen=True):
    """A second request in place of the first one's reply, and why."""

    request: ModelRequest
    reason: str


class _Held:
    """A second reply, kept back until it is known whether it is of use; ``attempts`` were made before it."""

    def __init__(self, attempts: int) -> None:
        self.deltas: list[Delta] = []
        self.whole: Whole | None = None
        self._attempts = attempts

    def take(self, piece: ModelChunk | Whole) -> ModelChunk | None:
        """Take a piece in; what is said of it at once."""
        match piece:
            case Whole():
                self.whole = piece
                self.deltas += piece.deltas
            case TextDelta() | ReasoningDelta():
                self.deltas.append(piece)
            case ModelRetried():
                self.deltas.clear()
                return replace(piece, attempt=self._attempts + piece.attempt)
            case AttemptFailed():
                return replace(piece, attempt=self._attempts + piece.attempt)
            case _:
                return piece
        return None


class TextCalls:
    """See the module; everything else is as ``inner`` does it.

    Attributes:
        inner: The provider within.
    """

    def __init__(self, inner: Provider) -> None:
        self.inner = inner
        self._described = False

    @property
    def name(self) -> str:
        """See ``Provider``."""
        return self.inner.name

    @property
    def model(self) -> str:
        """See ``Provider``."""
        return self.inner.model

    @property
    def window(self) -> int:
        """See ``Provider``."""
        return self.inner.window

    async def prepare(self) -> None:
        """See ``Provider``."""
        await self.inner.prepare()

    async def close(self) -> None:
        """See ``Provider``."""
        await self.inner.close()

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        """See ``Provider``."""
        return self._read(request, partial(self._ended, request), anew=not self._described)

    async def _read(
        self,
        request: ModelRequest,
        then: Callable[[Whole, int], AsyncGenerator[ModelChunk | _Last, None]],
        *,
        anew: bool = False,
    ) -> AsyncGenerator[ModelChunk | _Last, None]:
        """One reply: what can be shown of it, then what ``then`` makes of the whole and of how many attempts failed.

        With ``anew`` a model that takes no tools is asked once more, and told of them. All of a reply passes through
        here, piece by piece: each further generator around this one would cost as much as the search for calls.
        """
        reply = TextReply(request, described=self._described) if request.tools else PlainReply()
        quick = reply.quick
        sent = as_text(request) if self._described else request
        rest: AsyncGenerator[ModelChunk | _Last, None] | None = None
        try:
            async with aclosing(self.inner.stream(sent)) as chunks:
                async for chunk in chunks:
                    if type(chunk) is TextDelta and (shown := quick(chunk)) is not None:
                        if shown.text:
                            yield shown
                    elif isinstance(chunk, AssistantMessage):
                        rest = self._rest(reply, chunk, then)
                        break
                    else:
                        for seen in reply.take(chunk):
                            yield seen
        except MalformedCall as error:
            rest = then(reply.unreadable(error, self.model), reply.failed)
        except ToolsUnsupported as error:
            rest = self._anew(request, None if anew else error)
        if rest is not None:
            async with aclosing(rest):
                async for piece in rest:
                    yield piece

    async def _rest(
        self,
        reply: PlainReply,
        message: AssistantMessage,
        then: Callable[[Whole, int], AsyncGenerator[ModelChunk | _Last, None]],
    ) -> AsyncGenerator[ModelChunk | _Last, None]:
        """What ``then`` makes of the whole reply; one that is of no use is an attempt that failed."""
        try:
            whole = reply.end(message)
        except BadResponse as error:
            error.usage = message.usage
            yield failed(self, reply.failed + 1, error)
            raise
        async with aclosing(then(whole, reply.failed)) as pieces:
            async for piece in pieces:
                yield piece

    async def _anew(self, request: ModelRequest, error: ToolsUnsupported | None) -> AsyncGenerator[ModelChunk, None]:
        """The reply to a request that describes its tools; raises ``error`` where there is one."""
        if error is not None:
            raise error
        self._described = True
        yield Notice(f"{self.model} has no tool calling of its own: the tools are described in its prompt")
        async with aclosing(self.stream(request)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _ended(self, request: ModelRequest, whole: Whole, attempts: int) -> AsyncGenerator[ModelChunk, None]:
        """The end of the reply, or where it is a call that cannot be read, what a second request makes of it."""
        chance = _chance(request, whole)
        if chance is None:
            for delta in whole.deltas:
                yield delta
            yield whole.message
            return
        if not whole.failed:
            yield self._failed(attempts + 1, whole, chance.reason)
        yield ModelRetried(attempts + 1, 0.0, chance.reason)
        async with aclosing(self._second(chance.request, whole, attempts + 1)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _second(self, request: ModelRequest, first: Whole, attempts: int) -> AsyncGenerator[ModelChunk, None]:
        """The second reply if it is of use, else the first as it was; shown once that is known.

        The message bears what the second took: the first was an attempt that failed.
        """
        held = _Held(attempts)
        try:
            async with aclosing(self._read(request, _itself)) as pieces:
                async for piece in pieces:
                    if (said := held.take(piece)) is not None:
                        yield said
        except (BadResponse, ContextTooLong, ToolsUnsupported):  # the first reply is still one
            if first.silent:
                raise
        second = held.whole
        best = second if second is not None and _of_use(second) else first
        if best.silent:
            error = BadResponse(
                "the model's reply was nothing but thinking, twice",
                remedy="ask again in other words, or choose another model",
            )
            if second is not None and not second.failed:
                error.usage = second.message.usage
                yield failed(self, attempts + 1, error)
            raise error
        message = best.message
        for delta in held.deltas if best is second else (ReasoningDelta(message.reasoning), TextDelta(message.text)):
            if delta.text:
                yield delta
        yield replace(message, usage=second.message.usage if second is not None else Usage(cost_usd=0.0))

    def _failed(self, number: int, whole: Whole, reason: str) -> AttemptFailed:
        """The fact that a whole reply is of no use."""
        kind = BadResponse.kind if whole.silent else MalformedCall.kind
        return AttemptFailed(self.name, self.model, number, kind, reason, whole.message.usage)


async def _itself(whole: Whole, _: int) -> AsyncGenerator[Whole, None]:
    yield whole


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
