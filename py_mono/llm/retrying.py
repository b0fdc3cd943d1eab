"""Asking again where a failure may pass; what every provider that speaks to a server does alike."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from py_mono.protocol.attempts import AttemptFailed
from py_mono.protocol.errors import ProviderError, RateLimited
from py_mono.protocol.events import ModelRetried
from py_mono.protocol.messages import Usage
from py_mono.protocol.ports import ModelChunk, Provider

LONGEST_WAIT_S = 60.0
"""A server that wants us to wait longer is not waited for."""


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


Attempt = Callable[[Failure | None], AsyncGenerator[ModelChunk, None]]
"""Makes one request and gives its chunks, the message last; told how the attempt before it failed."""


async def retried(
    attempt: Attempt, by: Provider, *, attempts: int, backoff_s: float
) -> AsyncGenerator[ModelChunk, None]:
    """The chunks of the first attempt that succeeds; each that fails is an ``AttemptFailed``, each further one a ``ModelRetried``.

    Args:
        attempt: Raises ``Failure`` where another one may help; everything else ends it.
        by: Who is asked.
        attempts: How many there are at most.
        backoff_s: Seconds before the second; doubled for each further one.

    Raises:
        ProviderError: What the last failure stands for.
    """
    number, last = 1, None
    while True:
        try:
            async with aclosing(attempt(last)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except ProviderError as error:
            yield _failed(by, number, error)
            raise
        except Failure as failure:
            yield _failed(by, number, failure.final)
            if number >= min(failure.at_most or attempts, attempts):
                raise failure.final from failure
            wait_s = backoff_s * 2 ** (number - 1) if failure.wait_s is None else failure.wait_s
            yield ModelRetried(number, wait_s, str(failure))
            await asyncio.sleep(wait_s)
            number, last = number + 1, failure
        else:
            return


def _failed(by: Provider, number: int, error: ProviderError) -> AttemptFailed:
    return AttemptFailed(by.name, by.model, number, error.kind, str(error), error.usage or Usage(cost_usd=0.0))
