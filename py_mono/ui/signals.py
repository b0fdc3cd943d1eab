"""Ctrl-C, SIGTERM and SIGHUP: caught from the first await to the last, so that whatever was started is also ended."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

INTERRUPTED = 130
TERMINATED = 143

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """What to do when one comes, and whether one came.

    Attributes:
        came: Whether any did.
        terminated: Whether SIGTERM or SIGHUP did, and not Ctrl-C alone.
    """

    def __init__(self, act: Callable[[], object] = lambda: None) -> None:
        self.came = False
        self.terminated = False
        self._act = act

    @property
    def status(self) -> int:
        """The exit status of a program that a signal ended."""
        return TERMINATED if self.terminated else INTERRUPTED

    @contextmanager
    def to(self, act: Callable[[], object]) -> Iterator[None]:
        """Within the block a signal calls ``act``."""
        before, self._act = self._act, act
        try:
            yield
        finally:
            self._act = before

    def ignored(self) -> AbstractContextManager[None]:
        """Within the block a signal is only noted: what is being cleaned up is cleaned up whole."""
        return self.to(lambda: None)

    def take(self, number: int) -> None:
        """A signal came."""
        self.came = True
        self.terminated = self.terminated or number != signal.SIGINT
        self._act()


async def guarded(body: Callable[[Signals], Awaitable[int]]) -> int:
    """Run ``body`` and return its exit status; a signal that it does not take itself cancels it, once.

    Signals that ``main`` held back are taken now. One that was ignored when the program began (``nohup``, a shell's ``&``) stays ignored.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine runs in one
    signals = Signals(_once(task.cancel))
    loop = asyncio.get_running_loop()
    for number in _NUMBERS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, signals.take, number)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _NUMBERS)
    try:
        status = await body(signals)
    except asyncio.CancelledError:
        if not signals.came:
            raise
        return signals.status
    return TERMINATED if signals.terminated else status


def _once(act: Callable[[], object]) -> Callable[[], None]:
    """Only the first signal cancels: a second one must not cut short what the first one has begun to clean up."""
    waiting = [act]

    def first() -> None:
        if waiting:
            waiting.pop()()

    return first
