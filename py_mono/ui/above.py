"""Text that appears above the input line while a person types."""

import asyncio
import contextlib
import io
from collections.abc import Callable
from typing import TextIO

from py_mono.ui.terminal import harmless

BATCH_S = 0.03
"""Output is gathered for so long, in seconds: each write above the input line erases and redraws it."""

_PACE_S = 0.15
"""And so long lies between two writes: a stream that is faster than anybody reads need not cost more."""


class AbovePrompt:
    """A text stream whose whole lines appear above the input line, or plainly where none is shown.

    prompt_toolkit's own ``run_in_terminal`` leaves raw mode for each write; keys pressed just then are echoed into the
    text, and Enter arrives as Ctrl-J. This one writes without leaving it.

    Attributes:
        held: Whether another program has the terminal: text waits until ``drain`` is called after it.
    """

    def __init__(self, stream: TextIO, erase: Callable[[], None], draw: Callable[[], None]) -> None:
        """Take a terminal; ``erase`` and ``draw`` do so with the input line, where there is one."""
        self.held = False
        self._stream = stream
        self._erase = erase
        self._draw = draw
        self._loop = asyncio.get_running_loop()
        self._pending: list[str] = []
        self._scheduled = False
        self._drawn_at = 0.0

    @property
    def encoding(self) -> str:
        """Anything can be written; what the terminal cannot show is replaced."""
        return "utf-8"

    def write(self, text: str, /) -> int:
        """Take text; it appears a moment later, together with what else came. Any thread may write."""
        self._pending.append(text)
        if not self._scheduled:
            self._scheduled = True
            soonest = max(self._loop.time() + BATCH_S, self._drawn_at + _PACE_S)
            self._loop.call_soon_threadsafe(self._loop.call_at, soonest, self.drain)
        return len(text)

    def drain(self) -> bool:
        """Write what is pending now; returns whether that was anything, and so the input line was drawn."""
        self._scheduled = False
        if self.held:
            return False
        text = "".join(self._pending)
        self._pending.clear()
        if text:
            self._erase()
            encoding = self._stream.encoding
            with contextlib.suppress(OSError):  # the terminal is gone, and a signal says so, too
                self._stream.write(text.encode(encoding, "replace").decode(encoding))
                self._stream.flush()
            self._draw()
            self._drawn_at = self._loop.time()
        return bool(text)

    def flush(self) -> None:
        """Nothing to do: text is gathered for a moment on purpose."""

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Of the stream below."""
        return self._stream.fileno()


class StrayText(io.TextIOBase):
    """Stands in for ``sys.stdout`` and ``sys.stderr``: what libraries print, in whole lines, harmless and without secrets."""

    def __init__(self, above: AbovePrompt, redact: Callable[[str], str] = str) -> None:
        super().__init__()
        self._above = above
        self._redact = redact
        self._open = ""

    def write(self, text: str) -> int:
        """Take text; it is shown up to its last newline."""
        lines, newline, self._open = (self._open + text).rpartition("\n")
        if newline:
            self._above.write(self._redact(harmless(lines)) + "\n")
        return len(text)

    def isatty(self) -> bool:
        """No: nothing written here may act on the terminal."""
        return False
