"""The model's text and thinking as they come."""

from typing import TYPE_CHECKING, Literal

from py_mono.ui.rendering.folds import Folds
from py_mono.ui.terminal import Screen, Style, duration, harmless, last_part
from py_mono.utils.lazy import load

if TYPE_CHECKING:
    from py_mono.ui.rendering.markdown import Markdown

RENDERER = "py_mono.ui.rendering.markdown:Markdown"
"""Where it is; heavy, and so never loaded before the first request."""

_OPEN = 4000
"""So many characters of what is still open are looked at."""
_WORTH_TELLING_S = 0.05

Channel = Literal["text", "thinking"]


class StreamedReply:
    """A reply that comes in pieces: what is whole is written to the screen once and for all.

    On a terminal that is a block of markdown, rendered, and thinking is folded into a line; elsewhere it is a line, as it came.

    Attributes:
        shown: What of the reply was shown since ``begin``.
    """

    def __init__(self, screen: Screen, folds: Folds | None, *, fold_thinking: bool) -> None:
        """Take a screen; ``folds`` keeps what is folded, None where nobody can open it."""
        self._screen = screen
        self._folds = folds
        self._fold_thinking = fold_thinking
        self._channel: Channel | None = None
        self._open: list[str] = []
        self._thoughts: list[str] = []
        self._since = 0.0
        self._markdown: Markdown | None = None
        self.shown: set[Channel] = set()

    def begin(self, at: float) -> None:
        """A new reply."""
        self.end(at)
        self.shown = set()

    def feed(self, text: str, channel: Channel, at: float) -> None:
        """Take a piece of the text or of the thinking, received ``at`` a time in seconds."""
        if channel != self._channel:
            self.end(at)
        if channel not in self.shown:
            text = text.lstrip("\n")  # many models begin with empty lines
            if not text:
                return
        if self._channel is None:
            self._channel, self._since = channel, at
        self.shown.add(channel)
        if channel == "thinking" and self._fold_thinking:
            self._thoughts.append(text)
        elif channel == "text" and self._screen.terminal:
            if self._markdown is None:
                self._markdown = load(RENDERER)(colour=self._screen.colour, redact=self._screen.redact)
            self._screen.write(self._markdown.feed(text, self._screen.width))
        else:
            self._open.append(text)
            if "\n" in text:
                lines, newline, rest = "".join(self._open).rpartition("\n")
                self._open = [rest]
                self._lines(lines + newline, channel)

    def end(self, at: float) -> None:
        """Close what is open."""
        channel, self._channel = self._channel, None
        if self._markdown is not None:
            self._screen.write(self._markdown.end(self._screen.width))
            self._markdown = None
        if self._thoughts:
            thoughts = "".join(self._thoughts)
            self._thoughts = []
            self._fold(thoughts, at - self._since)
        rest, self._open = "".join(self._open), []
        if rest:
            self._lines(rest + "\n", channel)

    def open_text(self) -> tuple[str, Style | None]:
        """The end of what is not on the screen yet, harmless, and its style."""
        if self._thoughts:
            thoughts = self._screen.redact(harmless(last_part(self._thoughts, _OPEN)))
            return thoughts.rstrip().rpartition("\n")[2], "dim"
        if self._markdown is not None:
            return self._markdown.open_text(_OPEN), None
        return self._screen.redact(
            harmless(last_part(self._open, _OPEN))
        ), "dim" if self._channel == "thinking" else None

    def _lines(self, text: str, channel: Channel | None) -> None:
        self._screen.write(self._screen.paint(harmless(text), "dim" if channel == "thinking" else None))

    def _fold(self, thoughts: str, seconds: float) -> None:
        took = f" for {duration(seconds)}" if seconds >= _WORTH_TELLING_S else ""
        hint = ""
        if self._folds is not None:
            self._folds.add(f"thought{took}", thoughts)
            hint = self._folds.hint()
        self._screen.write(self._screen.paint(f"thought{took}{hint}", "dim") + "\n")
