"""Leaving alone who keeps failing: a circuit breaker (M. Nygard, "Release It!", 2nd ed., "Circuit Breaker").

Closed: all requests go through. Open: none does, for a while. Half-open, once that is over: one goes through, and what
becomes of it closes the breaker or opens it for twice as long.
"""

import time
from collections.abc import Callable

FAILURES = 3
"""So many in a row open it: as many as the attempts of one request."""

COOL_DOWN_S = 30.0
LONGEST_S = 600.0
"""How long it stays open at first, and at most, in seconds."""

_AT_ONCE = frozenset(("access_denied", "model_not_found"))
"""Kinds of errors that the next request would end in, too."""

_WELL = frozenset(
    (
        "content_filtered",
        "context_too_long",
        "context_truncated",
        "malformed_call",
        "replay_diverged",
        "tools_unsupported",
    )
)
"""Kinds that say nothing against the server: it answered, and the request or the model is what went wrong."""

Clock = Callable[[], float]
"""Seconds that only grow."""


class Breaker:
    """The breaker of one model at one provider."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._cool_s = COOL_DOWN_S
        self._until: float | None = None
        self._probing = False

    @property
    def lets_through(self) -> bool:
        """Whether a request may go out now: it is closed, or half-open and nobody's request is on its way."""
        return self._until is None or self._clock() >= self._until

    @property
    def left_s(self) -> float:
        """Seconds until it lets one through; 0 where it does."""
        return 0.0 if self._until is None else max(self._until - self._clock(), 0.0)

    def asked(self) -> None:
        """A request goes out. Of a half-open one it is the probe: others wait for its end, or as long as one cool-down."""
        if self._until is not None and self.lets_through:
            self._until, self._probing = self._clock() + self._cool_s, True

    def succeeded(self) -> None:
        """A reply came: it closes."""
        self._failures, self._cool_s, self._until, self._probing = 0, COOL_DOWN_S, None, False

    def failed(self, kind: str) -> None:
        """A request came to an error of this ``PyMonoError.kind``."""
        if kind in _WELL:
            return
        self._failures += 1
        if self._probing or (
            self._until is not None and self.lets_through
        ):  # the probe's further attempts count no more
            self._cool_s, self._probing = min(self._cool_s * 2, LONGEST_S), False
        if self._until is not None or self._failures >= FAILURES or kind in _AT_ONCE:
            self._until = self._clock() + self._cool_s

    def rest(self, seconds: float) -> None:
        """It stays open for at least so long, up to ``LONGEST_S``: the server asked for that."""
        until = self._clock() + min(seconds, LONGEST_S)
        self._until = until if self._until is None else max(self._until, until)


class Breakers:
    """Those of a session, by ``NAME/MODEL``; whoever is switched to and back again finds the same."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._all: dict[str, Breaker] = {}

    def of(self, model: str) -> Breaker:
        """The breaker of ``NAME/MODEL``."""
        return self._all.setdefault(model, Breaker(self._clock))

    def forget(self) -> None:
        """Close all: somebody changed a key or chose a provider by hand, and wants to see what comes of it."""
        self._all.clear()
