"""The line that says which model answers, how full its window is, and what the session took so far."""

import time
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from py_mono.protocol.events import (
    ContextChecked,
    Envelope,
    HistoryCleared,
    MessageFinished,
    ModelBound,
    TurnFinished,
    TurnStarted,
)
from py_mono.protocol.messages import Usage
from py_mono.ui.rendering.words import money, short_count, short_fullness, ticking
from py_mono.ui.terminal import cell_width, clip, one_line

_LONGEST_MODEL = 40
_SEPARATOR = " · "


class Meter:
    """A subscriber that counts: tokens and money of the session, seconds of the turn."""

    def __init__(self, model: str, past: Iterable[Envelope] = ()) -> None:
        """``past`` are the facts of the session that goes on."""
        self._model = model
        self._usage = Usage(cost_usd=0.0)
        self._context: ContextChecked | None = None
        self._began: float | None = None
        self._seconds = 0.0
        for envelope in past:
            self(envelope)
        self._began, self._seconds = None, 0.0

    def __call__(self, envelope: Envelope) -> None:
        """Take one event."""
        event = envelope.event
        if isinstance(event, MessageFinished):
            usage = event.message.usage
            known = usage if usage.cost_usd is not None else replace(usage, cost_usd=0.0)
            self._usage += known
        elif isinstance(event, ContextChecked):
            self._context = event
        elif isinstance(event, ModelBound):
            self._model = event.model
        elif isinstance(event, HistoryCleared):
            self._context = None
        elif isinstance(event, TurnStarted):
            self._began = time.monotonic()
        elif isinstance(event, TurnFinished) and self._began is not None:
            self._seconds, self._began = time.monotonic() - self._began, None

    @property
    def runs(self) -> bool:
        """Whether a turn does."""
        return self._began is not None

    def line(self, width: int) -> str:
        """As much as fits into ``width`` columns; what matters less stands further to the right."""
        parts = [clip(one_line(self._model), _LONGEST_MODEL), *self._parts()]
        while len(parts) > 1 and cell_width(_SEPARATOR.join(parts)) > width:
            parts.pop()
        return clip(_SEPARATOR.join(parts), width)

    def _parts(self) -> Iterator[str]:
        usage = self._usage
        if self._context is not None and self._context.window:
            yield short_fullness(self._context)
        if usage.input_tokens or usage.output_tokens:
            cached = f" ({short_count(usage.cached_tokens)} cached)" if usage.cached_tokens else ""
            yield f"{short_count(usage.input_tokens)} in{cached}"
            yield f"{short_count(usage.output_tokens)} out"
        if usage.cost_usd:
            yield money(usage.cost_usd)
        seconds = self._seconds if self._began is None else time.monotonic() - self._began
        if seconds >= 1:
            yield ticking(seconds)
