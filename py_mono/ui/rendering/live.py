"""What stands above the input line for now: the open block, what is waited for, and the line of numbers below them."""

import asyncio
import time
from collections.abc import Callable

from py_mono.protocol.events import Envelope, StepStarted
from py_mono.ui.rendering.meter import Meter
from py_mono.ui.rendering.pulse import BEAT_S, Pulse
from py_mono.ui.rendering.streams import RENDERER
from py_mono.ui.rendering.view import View
from py_mono.ui.rendering.words import ticking
from py_mono.ui.terminal import clip, wrap
from py_mono.utils.lazy import load

_ROWS = 6
"""How many rows of the open block are shown; it is all there once the block is whole."""

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_LOADED_AFTER_S = 0.3
"""After the first request went out: what renders the reply is loaded while the model reads."""

Rows = list[tuple[str, str]]
"""Each with its prompt_toolkit style, none wider than the terminal."""


class Live:
    """A subscriber that shows what is not on the screen for good, and moves it while something is waited for."""

    def __init__(self, view: View, meter: Meter, draw: Callable[[], None]) -> None:
        """Take what is shown, and who draws it."""
        self._view = view
        self._meter = meter
        self._pulse = Pulse(draw, lambda: bool(view.status) or meter.runs)
        self._loaded = False
        self._version = 0
        self._shown: tuple[tuple[int, ...], Rows] = ((), [])
        view.on_change = self.changed

    def changed(self) -> None:
        """The view has changed."""
        self._version += 1
        self._pulse.changed()

    def __call__(self, envelope: Envelope) -> None:
        """Take one event."""
        self._meter(envelope)
        if isinstance(envelope.event, StepStarted) and not self._loaded:
            self._loaded = True
            loop = asyncio.get_running_loop()
            loop.call_later(_LOADED_AFTER_S, lambda: loop.run_in_executor(None, load, RENDERER))

    def rows(self, columns: int) -> Rows:
        """The last rows of the open block, and what is waited for; asked for several times for each drawing."""
        state = (self._version, int(time.monotonic() / BEAT_S), columns)
        if self._shown[0] != state:
            self._shown = (state, self._rows(columns))
        return self._shown[1]

    def _rows(self, columns: int) -> Rows:
        text, style = self._view.text.open_text()
        open_rows = [row for line in text.split("\n")[-_ROWS:] for row in _tail(line, columns)][-_ROWS:] if text else []
        shown: Rows = [(style or "", row) for row in open_rows]
        if self._view.status:
            seconds = time.monotonic() - self._view.since
            frame = _FRAMES[int(seconds / BEAT_S) % len(_FRAMES)]
            took = f" · {ticking(seconds)}" if seconds >= 1 else ""
            shown.append(("dim", f"{frame} {clip(self._view.status, max(columns - 2 - len(took), 1))}{took}"))
        return shown

    def numbers(self, columns: int) -> Rows:
        """The line of numbers."""
        return [("dim", self._meter.line(columns))]


def _tail(line: str, columns: int) -> list[str]:
    """The last rows of a line, cut by whole rows: what is shown may not jump about with each letter."""
    skipped = max(len(line) // columns - _ROWS + 1, 0) * columns
    return wrap(line[skipped:], columns)
