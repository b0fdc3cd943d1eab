"""Asking again where a failure may pass; what every provider that speaks to a server does alike.

The waits between attempts are drawn with full jitter: see "Exponential Backoff And Jitter" of the AWS Architecture Blog.
"""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager

from py_mono.protocol.attempts import AttemptFailed
from py_mono.protocol.errors import ProviderError, RateLimited
from py_mono.protocol.events import ModelRetried
from py_mono.protocol.messages import Usage
from py_mono.protocol.ports import ModelChunk, Provider
from py_mono.utils.lazy import load

LONGEST_WAIT_S = 60.0
"""A server that wants us to wait longer is not waited for."""

_LATER = 0.1
_LATEST_S = 1.0
"""A wait that the server names is made longer, never shorter: by a tenth of it at most, and by a second at most."""

Draw = Callable[[], float]
"""Gives a random number, 0 or more and less than 1."""


class Failure(Exception):
    """A request failed in a way that may pass.

    Attributes:
        final: What to raise when no further attempt is made.
        wait_s: How long to wait first; None takes the usual back-off.
        at_most: How many attempts there are at most when they fail like this; None takes the usual number.
    """

    def __init__(self, final: ProviderError, *, wait_s: float | None = None, at_most: int | None = None) -> None:
        super().__init__(str(final))
        self.final = final
        self.wait_s = wait_s
        self.at_most = at_most


def limited(message: str, wait_s: float | None) -> Exception:
    """What a server's limit comes to, which wants us to wait ``wait_s`` seconds; None where it does not say.

    Returns:
        A ``Failure``, or a ``RateLimited`` where the wait is too long for us.
    """
    if wait_s is None:
        return Failure(RateLimited(message, remedy="wait a little and ask again"))
    error = RateLimited(message, remedy=f"wait {wait_s:g} s and ask again", retry_after=wait_s)
    return Failure(error, wait_s=wait_s) if wait_s <= LONGEST_WAIT_S else error


def retry_after_s(header: str) -> float | None:
    """Seconds from now that ``Retry-After`` says, a number or an HTTP date (RFC 9110, 10.2.3); None where it holds neither."""
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = load("email.utils:parsedate_to_datetime")(header).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None


@contextmanager
def taking(usage: Callable[[ProviderError], Usage | None]) -> Iterator[None]:
    """An error from within bears what the request took, where it does not say that itself; None: nothing."""
    try:
        yield
    except Failure as failure:
        failure.final.usage = failure.final.usage or usage(failure.final)
        raise
    except ProviderError as error:
        error.usage = error.usage or usage(error)
        raise


Attempt = Callable[[Failure | None], AsyncGenerator[ModelChunk, None]]
"""Makes one request and gives its chunks, the message last; told how the attempt before it failed."""


async def retried(
    attempt: Attempt,
    by: Provider,
    *,
    attempts: int,
    backoff_s: float,
    before: Callable[[], Awaitable[Sequence[ModelChunk]]],
    draw: Draw | None = None,
) -> AsyncGenerator[ModelChunk, None]:
    """The chunks of the first attempt that succeeds; each that fails is an ``AttemptFailed``, each further one a ``ModelRetried``.

    Args:
        attempt: Raises ``Failure`` where another one may help; everything else ends it.
        by: Who is asked.
        attempts: How many there are at most.
        backoff_s: Seconds before the second at most; doubled for each further one.
        before: Does what has to be done first, and gives what there is to say of it; its errors are no attempt's.
        draw: Makes the waits differ; None draws at random.

    Raises:
        ProviderError: What the last failure stands for.
    """
    for said in await before():
        yield said
    number, last = 1, None
    while True:
        try:
            async with aclosing(attempt(last)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except ProviderError as error:
            yield failed(by, number, error)
            raise
        except Failure as failure:
            yield failed(by, number, failure.final)
            if number >= min(failure.at_most or attempts, attempts):
                raise failure.final from failure
            wait_s = _wait_s(failure, number, backoff_s, draw)
            yield ModelRetried(number, wait_s, str(failure))
            await asyncio.sleep(wait_s)
            number, last = number + 1, failure
        else:
            return


def failed(by: Provider, number: int, error: ProviderError) -> AttemptFailed:
    """The fact that an attempt of ``by`` came to ``error``."""
    return AttemptFailed(by.name, by.model, number, error.kind, str(error), error.usage or Usage(cost_usd=0.0))


def _drawn() -> float:
    draw: Draw = load("random:random")
    return draw()


def _wait_s(failure: Failure, number: int, backoff_s: float, draw: Draw | None) -> float:
    """Seconds before the next attempt, to the millisecond: at random up to the back-off, or what the server says and a little."""
    share = (draw or _drawn)()
    if failure.wait_s is None:
        return round(share * min(backoff_s * float(1 << (number - 1)), LONGEST_WAIT_S), 3)
    later = round(failure.wait_s + share * min(failure.wait_s * _LATER, _LATEST_S), 3)
    return min(max(later, failure.wait_s), LONGEST_WAIT_S)
