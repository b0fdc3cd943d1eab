"""Ctrl-C and SIGTERM while no input line is there to take them: they end the turn, not the program under it."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

TERMINATED = 143


class Received:
    """Attributes: terminated: Whether SIGTERM or SIGHUP came, and not Ctrl-C alone."""

    def __init__(self) -> None:
        self.terminated = False


@contextmanager
def ending(interrupt: Callable[[], None]) -> Iterator[Received]:
    """Within the block SIGINT, SIGTERM and SIGHUP call ``interrupt``; afterwards they do what they did."""
    received = Received()
    loop = asyncio.get_running_loop()

    def terminate() -> None:
        received.terminated = True
        interrupt()

    loop.add_signal_handler(signal.SIGINT, interrupt)
    loop.add_signal_handler(signal.SIGTERM, terminate)
    loop.add_signal_handler(signal.SIGHUP, terminate)
    try:
        yield received
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)
