"""When the rows above the input line are drawn anew."""

import asyncio
from collections.abc import Callable

BEAT_S = 0.15
"""Between two drawings, in seconds, however much changes and whatever is animated."""


class Pulse:
    """Draws at once where something changed, then at most once a beat; no timer runs while nothing moves."""

    def __init__(self, draw: Callable[[], None], moving: Callable[[], bool]) -> None:
        """``moving`` says whether the rows change by themselves (an animation, a clock)."""
        self._draw = draw
        self._moving = moving
        self._changed = False
        self._timer: asyncio.TimerHandle | None = None

    def changed(self) -> None:
        """What the rows show has changed."""
        if self._timer is None:
            self._beat()
        else:
            self._changed = True

    def _beat(self) -> None:
        self._changed = False
        self._draw()
        self._timer = asyncio.get_running_loop().call_later(BEAT_S, self._next)

    def _next(self) -> None:
        self._timer = None
        if self._changed or self._moving():
            self._beat()
