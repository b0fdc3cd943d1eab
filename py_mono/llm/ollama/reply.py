"""A reply of Ollama as it comes in: bytes to lines, chunks to one message."""

from collections.abc import Iterator

from py_mono.llm.call_cut import call_cut
from py_mono.llm.call_ids import with_unique_ids
from py_mono.llm.ollama import errors
from py_mono.llm.ollama.calls import call_alone
from py_mono.llm.ollama.wire import Chunk
from py_mono.llm.window.truth import Counted
from py_mono.protocol.events import ReasoningDelta, TextDelta
from py_mono.protocol.messages import AssistantMessage, Message, Usage
from py_mono.protocol.tools import ToolCall


class Lines:
    """Cuts a stream of bytes into lines, none longer than ``limit``, all together no longer than four times that."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._total = 0
        self._rest: list[bytes] = []
        self._held = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that ``data`` completes, blank ones left out.

        Raises:
            BadResponse: A line, or all of it, is too long.
        """
        self._total += len(data)
        if self._total > 4 * self._limit:
            raise errors.reply_too_long(4 * self._limit)
        *whole, rest = data.split(b"\n")
        for piece in whole:
            line = b"".join([*self._rest, piece])
            self._rest, self._held = [], 0
            if line.strip():
                yield self._checked(line)
        self._held += len(rest)
        if rest:
            self._rest.append(rest)
        if self._held > self._limit:
            raise errors.line_too_long(self._limit)

    def end(self) -> Iterator[bytes]:
        """The last line, where the stream ended without a newline."""
        line = b"".join(self._rest)
        if line.strip():
            yield self._checked(line)

    def _checked(self, line: bytes) -> bytes:
        if len(line) > self._limit:
            raise errors.line_too_long(self._limit)
        return line


class Reply:
    """One reply, put together; ``only_tool``: its text is the arguments of a call of that tool."""

    def __init__(self, model: str, only_tool: str = "") -> None:
        self._model = model
        self._only_tool = only_tool
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls = list[ToolCall]()
        self._last = Chunk()

    @property
    def done(self) -> bool:
        """Whether the server said that this is all. Some say so by the reason alone."""
        return self._last.done or bool(self._last.done_reason)

    @property
    def counted(self) -> Counted:
        """The server's own numbers; Ollama gives durations in nanoseconds."""
        load = self._last.load_duration
        load_s = min(load, 1 << 60) / 1e9 if isinstance(load, int | float) and not isinstance(load, bool) else 0.0
        prompt, reply = _count(self._last.prompt_eval_count), _count(self._last.eval_count)
        return Counted(prompt, reply, load_s=load_s)

    @property
    def usage(self) -> Usage:
        """What it took by the server's count, which comes with its end; a model of one's own costs nothing."""
        counted = self.counted
        return Usage(counted.prompt, counted.reply, 0, 0.0)

    def take(self, chunk: Chunk) -> Iterator[TextDelta | ReasoningDelta]:
        """Add a chunk; what it says, as deltas."""
        self._last = chunk
        self._calls += chunk.calls()
        if chunk.message and chunk.message.thinking:
            self._reasoning.append(chunk.message.thinking)
            yield ReasoningDelta(chunk.message.thinking)
        if chunk.message and chunk.message.content:
            self._text.append(chunk.message.content)
            if not self._only_tool:
                yield TextDelta(chunk.message.content)

    def message(self, earlier: tuple[Message, ...], *, may_think: bool) -> AssistantMessage:
        """The whole reply; ``earlier`` is the conversation before it.

        Raises:
            Failure: It says nothing.
            BadResponse: It was cut in a tool call and says nothing else.
        """
        text, reasoning = "".join(self._text), "".join(self._reasoning)
        cut = self._last.done_reason == "length"
        if self._only_tool and text.strip():
            self._calls = self._calls or [call_alone(text, self._only_tool)]
            text = ""
        calls = () if cut else tuple(self._calls)
        if not calls and not text.strip():
            if self._calls:
                raise call_cut("raise OLLAMA_CONTEXT_LENGTH")
            raise errors.empty(cut=cut, thought=bool(reasoning.strip()), may_think=may_think)
        return AssistantMessage(
            text=text,
            reasoning=reasoning,
            tool_calls=with_unique_ids(calls, earlier),
            model=self._model,
            usage=self.usage,
            stop_reason="length" if cut else "tool_use" if calls else "end",
        )


def _count(value: int | None) -> int:
    return max(value or 0, 0)
