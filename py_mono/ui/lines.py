"""Lines of a stream that is no terminal (or a dumb one), read without holding up the event loop."""

import asyncio
import os
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_LONGEST = 1_000_000
_CHUNK = 65536
_LOCAL_MODES = 3  # of what tcgetattr gives


@contextmanager
def unechoed(descriptor: int) -> Iterator[None]:
    """Within the block a terminal shows nothing of what is typed; where it is none, nothing changes."""
    try:
        before = termios.tcgetattr(descriptor)
        silent = [*before]
        silent[_LOCAL_MODES] &= ~termios.ECHO
        termios.tcsetattr(descriptor, termios.TCSADRAIN, silent)
    except termios.error:
        yield
        return
    try:
        yield
    finally:
        with suppress(termios.error):  # the terminal is gone
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


class LineReader:
    """Reads a descriptor line by line.

    A line longer than ``longest`` bytes comes in pieces; bytes that are not UTF-8 become U+FFFD.
    """

    def __init__(self, descriptor: int, *, longest: int = _LONGEST) -> None:
        self._descriptor = descriptor
        self._longest = longest
        self._buffer = bytearray()
        self._ended = False

    async def read_line(self) -> str:
        """The next line, without its end.

        Raises:
            EOFError: There is none.
        """
        searched = 0
        while self._buffer.find(b"\n", searched) < 0 and len(self._buffer) < self._longest and not self._ended:
            searched = len(self._buffer)
            await self._fill()
        if not self._buffer:
            raise EOFError
        line, _, rest = self._buffer.partition(b"\n")
        self._buffer = rest
        return line.decode(errors="replace").removesuffix("\r")

    def drop(self) -> None:
        """Forget what was typed and not read yet."""
        self._buffer.clear()
        with suppress(termios.error):  # no terminal, or none any more
            termios.tcflush(self._descriptor, termios.TCIFLUSH)

    async def read_all(self, limit: int) -> bytes:
        """Everything until the end, or ``limit`` bytes of it."""
        while len(self._buffer) < limit and not self._ended:
            await self._fill()
        data = bytes(self._buffer[:limit])
        del self._buffer[:limit]
        return data

    async def _fill(self) -> None:
        await self._wait()
        try:
            data = os.read(self._descriptor, _CHUNK)
        except BlockingIOError:
            return
        except OSError:  # a terminal that was hung up
            data = b""
        self._buffer += data
        self._ended = not data

    async def _wait(self) -> None:
        """Until there is something to read; at once where the descriptor cannot be waited for: a file always has it."""
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()

        def set_ready() -> None:
            if not ready.done():
                ready.set_result(None)

        try:
            loop.add_reader(self._descriptor, set_ready)
        except (PermissionError, ValueError):
            return
        try:
            await ready
        finally:
            loop.remove_reader(self._descriptor)
