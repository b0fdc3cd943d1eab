"""One reply while it comes: what its text holds of calls and thinking is taken out of it before anyone sees it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from py_mono.llm.call_cut import call_cut
from py_mono.llm.call_ids import with_unique_ids
from py_mono.llm.printed.protocol import RESPONSE, Until
from py_mono.llm.printed.stream import Delta, TextStream
from py_mono.protocol.codec import encode
from py_mono.protocol.errors import MalformedCall
from py_mono.protocol.events import ModelRetried, ReasoningDelta, TextDelta
from py_mono.protocol.messages import AssistantMessage, Usage
from py_mono.protocol.ports import ModelChunk, ModelRequest
from py_mono.protocol.tools import ToolCall
from py_mono.utils.lazy import load

if TYPE_CHECKING:
    from py_mono.llm.call_parser.parse import Parsed

NAMELESS = "unknown"
"""The name of a call that names no tool: servers and templates want one."""

_NOT_SHOWN = "(the server did not show the call)"


class Whole(Struct, frozen=True):
    """A reply at its end.

    Attributes:
        deltas: What is still to be shown of it.
        message: What it came to.
        silent: Whether it said something, and none of it to anybody: thinking alone.
        failed: Whether the attempt counts as failed, so that what it took was said already.
    """

    deltas: tuple[Delta, ...]
    message: AssistantMessage
    silent: bool = False
    failed: bool = False


class PlainReply:
    """Reads a reply to a request without tools: there is nothing to look for in it.

    Attributes:
        failed: How many attempts at it failed.
    """

    def __init__(self) -> None:
        self.failed = 0

    def quick(self, delta: TextDelta) -> TextDelta | None:
        """What can be shown of a piece; it may be empty. None, and nothing taken in, where ``take`` has to look at it."""
        return delta

    def take(self, chunk: ModelChunk) -> Sequence[ModelChunk]:
        """What can be shown of a chunk; any but the message."""
        if isinstance(chunk, ModelRetried):
            self.failed = chunk.attempt
        return (chunk,)

    def end(self, message: AssistantMessage) -> Whole:
        """The reply, whole."""
        return Whole((), message)

    def unreadable(self, error: MalformedCall, model: str) -> Whole:
        """The reply that the server gave up on, as far as it is known; raises the error where that is nothing."""
        del model
        raise error


class TextReply(PlainReply):
    """Reads one reply to ``request``; ``described``: the model was told of its tools in text, and has no others."""

    def __init__(self, request: ModelRequest, *, described: bool) -> None:
        super().__init__()
        self._request = request
        self._described = described
        self._begin()

    def _begin(self) -> None:
        self._stream = TextStream(self._request.tools)
        self._until = Until(RESPONSE) if self._described else None
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._behind: list[Delta] = []

    def quick(self, delta: TextDelta) -> TextDelta | None:
        """See ``PlainReply``: nearly every piece begins no call."""
        if self._until is not None:
            return None
        text = delta.text
        shown = self._stream.quick(text)
        if shown is None:
            return None
        self._text.append(shown)
        return delta if shown is text else TextDelta(shown)

    def take(self, chunk: ModelChunk) -> Sequence[ModelChunk]:
        """See ``PlainReply``."""
        if isinstance(chunk, TextDelta):
            return self._feed(self._until.feed(chunk.text) if self._until else chunk.text)
        if isinstance(chunk, ReasoningDelta):
            self._reasoning.append(chunk.text)
        elif isinstance(chunk, ModelRetried):
            self._begin()
        return super().take(chunk)

    def end(self, message: AssistantMessage) -> Whole:
        """The reply with the calls that its text holds; the same message where it holds none.

        The server's own calls count before those in the text, which then is text. A reply that the output limit cut
        asks for nothing: what it would have said further is not known.

        Raises:
            BadResponse: It was cut in a call, and says nothing else.
        """
        cut = message.stop_reason == "length"
        deltas = self._feed(self._until.end()) if self._until else []
        shown = "".join(self._text)
        last, parsed = self._stream.finish(cut=cut)
        last = [*self._behind, *last]
        printed = parsed is not None and bool(parsed.calls or parsed.cut)
        if parsed and message.tool_calls and printed and not parsed.reasoning and message.text.startswith(shown):
            last, printed = [TextDelta(message.text[len(shown) :])], False
        deltas += self._said(last)
        text = "".join(self._text)
        if cut:
            return self._cut(deltas, message, text, called=printed)
        calls = tuple(map(_mended, message.tool_calls)) or self._printed(parsed, message.text, shown)
        calls = tuple(map(_encodable, calls))
        if calls == message.tool_calls and text == message.text:
            return Whole(tuple(deltas), message)
        return Whole(
            tuple(deltas),
            replace(
                message,
                text=text,
                reasoning="".join(self._reasoning),
                tool_calls=with_unique_ids(calls, self._request.messages),
                stop_reason="tool_use" if calls else message.stop_reason,
            ),
            silent=not calls and not text.strip() and bool(message.text.strip()),
        )

    def unreadable(self, error: MalformedCall, model: str) -> Whole:
        """The reply that the server gave up on, as far as it is known: a call that cannot be run."""
        call = ToolCall("", error.tool or NAMELESS, {}, error.raw or _NOT_SHOWN)
        deltas = tuple(self._said([*self._behind, *self._stream.finish()[0]]))
        message = AssistantMessage(
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            tool_calls=with_unique_ids((call,), self._request.messages),
            model=model,
            usage=Usage(cost_usd=0.0),
            stop_reason="tool_use",
        )
        return Whole(deltas, message, failed=True)

    def _feed(self, piece: str) -> list[Delta]:
        """What can be shown; what stands behind a call waits, for beside a native call that one is text too."""
        deltas = [*self._behind, *(self._stream.feed(piece) if piece else ())]
        self._behind = deltas if self._stream.found else []  # what a call was found in may yet turn out to be thinking
        return self._said([] if self._stream.found else deltas)

    def _said(self, deltas: Sequence[Delta]) -> list[Delta]:
        said = [delta for delta in deltas if delta.text]
        for delta in said:
            (self._text if isinstance(delta, TextDelta) else self._reasoning).append(delta.text)
        return said

    def _cut(self, deltas: list[Delta], message: AssistantMessage, text: str, *, called: bool) -> Whole:
        if not text.strip() and (called or message.tool_calls):
            raise call_cut("use a larger context window")
        if text == message.text and not message.tool_calls:
            return Whole(tuple(deltas), message)
        message = replace(message, text=text, reasoning="".join(self._reasoning), tool_calls=())
        return Whole(tuple(deltas), message, silent=not text.strip())

    def _printed(self, parsed: "Parsed | None", text: str, shown: str) -> tuple[ToolCall, ...]:
        """The calls in the text; one that never ends is a malformed one."""
        if parsed is None:
            return ()
        calls = [replace(call, name=call.name or NAMELESS) for call in parsed.calls]
        if parsed.cut and not any(call.malformed for call in calls):
            raw = text.removeprefix(shown)
            calls.append(ToolCall("", parsed.broken_name or NAMELESS, {}, raw))
        return tuple(calls)


def _mended(call: ToolCall) -> ToolCall:
    """A server's call whose arguments it could not read, with the arguments where they have one meaning."""
    if not call.malformed:
        return call
    parser = "py_mono.llm.call_parser"
    try:
        value, doubtful = load(f"{parser}.literals:loads")(call.malformed)
    except load(f"{parser}.cursor:Bad"):
        return call
    return call if doubtful or not isinstance(value, dict) else ToolCall(call.id, call.name, value)


def _encodable(call: ToolCall) -> ToolCall:
    """The call, a malformed one where it holds half of a surrogate pair: no server and no tool can be given that."""
    try:
        msgspec.json.encode(call)
    except UnicodeEncodeError:
        whole = msgspec.json.decode(encode(call), type=ToolCall)
        return replace(whole, arguments={}, malformed=whole.malformed or encode(whole.arguments).decode())
    return call
