"""Standard error without secrets: for whatever is written to it, a traceback that nobody expected too. Light, as ``main`` is."""

import io

TYPE_CHECKING = False  # spelled out: typing is not free
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO


class GuardedText(io.TextIOBase):
    """A text stream before another one; what is written comes out in whole lines, or at ``flush``.

    Attributes:
        redact: Takes the secrets out; None before something is written, or ``main`` knows which they are.
    """

    def __init__(self, stream: "TextIO", make: "Callable[[], Callable[[str], str]]") -> None:
        """``make`` gives ``redact`` where it is needed before anybody set it."""
        super().__init__()
        self.redact: Callable[[str], str] | None = None
        self._stream = stream
        self._make = make
        self._open = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has a class variable
        """Of the stream below."""
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]  # the same
        """Of the stream below."""
        return self._stream.errors

    def write(self, text: str) -> int:
        """Take text; a secret may stand on both sides of the end of a write, seldom on both sides of the end of a line."""
        lines, newline, self._open = (self._open + text).rpartition("\n")
        if newline:
            self._pass_on(lines + newline)
        return len(text)

    def flush(self) -> None:
        """Show the line that has no end yet, too."""
        text, self._open = self._open, ""
        if text:
            self._pass_on(text)
        self._stream.flush()

    def isatty(self) -> bool:
        """Whether the stream below is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Of the stream below."""
        return self._stream.fileno()

    def _pass_on(self, text: str) -> None:
        if self.redact is None:
            self.redact = self._make()
        self._stream.write(self.redact(text))
