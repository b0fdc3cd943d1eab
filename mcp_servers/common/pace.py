"""How often a backend may be asked: a gap between requests, and a pause where it asks for one."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from mcp_servers.common.refusing import refused

LONGEST_QUEUE_S = 8.0
DEFAULT_PAUSE_S = 60.0  # where a backend says "too many" and not for how long
LONGEST_PAUSE_S = 3600.0


def pause_s(retry_after: str, now: datetime) -> float:
    """Seconds that a ``Retry-After`` header (RFC 9110, 10.2.3) asks for: a number of seconds, or a date."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_PAUSE_S)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return DEFAULT_PAUSE_S
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max((until - now).total_seconds(), 0.0), LONGEST_PAUSE_S)


class Pace:
    """Lets requests through one after the other, this many seconds apart."""

    def __init__(
        self,
        gap_s: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._gap_s = gap_s
        self._clock = clock
        self._sleep = sleep
        self._next = -math.inf
        self._paused_until = -math.inf

    async def wait(self, whom: str) -> None:
        """Return when it is this request's turn.

        Raises:
            ToolError: The backend asked to be left alone, or too many wait already.
        """
        self._refuse_in_a_pause(whom)
        now = self._clock()
        turn = max(now, self._next)
        if turn - now > LONGEST_QUEUE_S:
            raise refused(f"Too many requests wait for {whom}. Ask again in {math.ceil(turn - now)} s, one at a time.")
        self._next = turn + self._gap_s
        if turn > now:
            await self._sleep(turn - now)
            self._refuse_in_a_pause(whom)

    def pause(self, seconds: float) -> None:
        """The backend asked for this; every request until then is refused here."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    def _refuse_in_a_pause(self, whom: str) -> None:
        left = self._paused_until - self._clock()
        if left > 0:
            raise refused(f"{whom} asks for fewer requests. Try again in {math.ceil(left)} s; until then do without.")
