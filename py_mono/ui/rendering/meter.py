"""The line that says which model answers, how full its window is, and what the session took so far."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from py_mono.protocol.events import Envelope, TurnFinished, TurnStarted
from py_mono.ui.rendering.words import short_count, short_fullness, ticking
from py_mono.ui.terminal import cell_width, clip, one_line

if TYPE_CHECKING:
    from py_mono.ui.account import Account

_LONGEST_MODEL = 40
_SEPARATOR = " · "


class Meter:
    """A subscriber that measures the seconds of a turn; tokens and money are those of the session's account."""

    def __init__(self, model: Callable[[], str], account: "Account") -> None:
        """``model`` names the one that answers now."""
        self._model = model
        self._account = account
        self._began: float | None = None
        self._seconds = 0.0

    def __call__(self, envelope: Envelope) -> None:
        """Take one event."""
        if isinstance(envelope.event, TurnStarted):
            self._began = time.monotonic()
        elif isinstance(envelope.event, TurnFinished) and self._began is not None:
            self._seconds, self._began = time.monotonic() - self._began, None

    @property
    def runs(self) -> bool:
        """Whether a turn does."""
        return self._began is not None

    def line(self, width: int) -> str:
        """As much as fits into ``width`` columns; what matters less stands further to the right."""
        parts = [clip(one_line(self._model()), _LONGEST_MODEL), *self._parts()]
        while len(parts) > 1 and cell_width(_SEPARATOR.join(parts)) > width:
            parts.pop()
        return clip(_SEPARATOR.join(parts), width)

    def _parts(self) -> Iterator[str]:
        spent = self._account.session.total
        usage = spent.usage
        if self._account.context is not None and self._account.context.window:
            yield short_fullness(self._account.context)
        if usage.input_tokens or usage.output_tokens:
            cached = f" ({short_count(usage.cached_tokens)} cached)" if usage.cached_tokens else ""
            yield f"{short_count(usage.input_tokens)} in{cached}"
            yield f"{short_count(usage.output_tokens)} out"
        if spent.requests:
            yield spent.short_cost if spent.known_usd or not spent.unpriced else f"cost {spent.short_cost}"
        seconds = self._seconds if self._began is None else time.monotonic() - self._began
        if seconds >= 1:
            yield ticking(seconds)
