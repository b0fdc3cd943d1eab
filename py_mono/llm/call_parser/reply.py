"""What a reply comes to: text, thinking and calls, as they are found."""

from py_mono.llm.call_parser.line import Line
from py_mono.llm.call_parser.output import Channel
from py_mono.llm.call_parser.shapes import Tools
from py_mono.protocol.events import ReasoningDelta, TextDelta
from py_mono.protocol.tools import ToolCall

Delta = TextDelta | ReasoningDelta


class Reply:
    """A reply that grows.

    Attributes:
        deltas: What was let out since whoever reads it emptied the list.
        shown: The text.
        thought: The thinking.
        line: Where on its line the text ends.
        calls: The calls so far; thinking that turns up behind them takes them back.
        cut: Whether a call began and did not end.
        broken_name: The known tool that the first unreadable or cut call names, else empty.
    """

    def __init__(self, tools: Tools) -> None:
        self._before = 0
        self._tools = tools
        self.broken_name = ""
        self.deltas: list[Delta] = []
        self.shown, self.thought = Channel(), Channel(indents=False)
        self.line = Line()
        self.calls: list[ToolCall] = []
        self.cut = False
        self._raw: list[str] = []

    def show(self, text: str) -> None:
        """Text for the person."""
        if delta := self.let_out(text):
            self.deltas.append(TextDelta(delta))

    def let_out(self, text: str) -> str:
        """The same; what of it can be shown is returned and no delta."""
        self.line.pass_over(text)
        return self.shown.add(text)

    def think(self, text: str) -> None:
        """Thinking."""
        if delta := self.thought.add(text):
            self.deltas.append(ReasoningDelta(delta))

    def found(self, calls: list[ToolCall], raw: str) -> None:
        """Calls, and the text that they were."""
        self.calls += calls
        self._raw.append(raw)
        for call in calls:
            self.note(call.name if call.malformed else "")
        self.shown.take_out()

    def note(self, name: str) -> None:
        """A call of this name cannot be read."""
        if not self.broken_name and self._tools.has(name):
            self.broken_name = name

    def begin_thinking(self) -> None:
        """A mark of thinking stands here."""
        self.shown.take_out()
        self.thought.take_out("\n\n")

    def end_thinking(self) -> None:
        """Whitespace before the closing mark is no part of the thinking."""
        self.thought.take_out()
        self._before = len(self.shown.parts)

    def was_thinking(self, source: str | None) -> None:
        """Thinking ends here whose beginning was not printed: the calls before were thought of, not made.

        ``source`` is all that stood before; None where it was let out already, and only the calls can be taken back.
        """
        self.begin_thinking()
        if source is not None:
            del self.shown.parts[self._before :]
        self.think("".join(self._raw) if source is None else source)
        self.end_thinking()
        self.calls.clear()
        self._raw.clear()

    def end(self) -> None:
        """Let out what waited."""
        if rest := self.shown.end():
            self.deltas.append(TextDelta(rest))
