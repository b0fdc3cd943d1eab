"""A thread that brings what was written to a file onto the disk, many writes at a time."""

import asyncio
import errno
import os
from contextlib import suppress
from threading import Condition, Thread

_PAUSE_S = 0.02
"""How long writes are gathered before a sync that nobody waits for: a thread that wakes at each fact slows a step down."""


class Syncer:
    """Calls ``fdatasync`` after writes, in a thread of its own that starts with the first.

    Attributes:
        error: Why a sync failed, once one did; nothing is synced after that.
    """

    def __init__(self, fd: int, folder: str = "") -> None:
        """Sync ``fd``, and once also ``folder``, where that is given: a new file's name stands there."""
        self.error: OSError | None = None
        self._fd = fd
        self._folder = folder
        self._changed = Condition()
        self._written = 0
        self._synced = 0
        self._stopping = False
        self._idle = False
        self._thread: Thread | None = None
        self._waiting: list[tuple[int, asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    def written(self) -> None:
        """Say that there is something new to sync."""
        with self._changed:
            self._written += 1
            if self._thread is None:
                self._thread = Thread(target=self._run, name="journal-sync", daemon=True)
                self._thread.start()
            if self._idle:
                self._changed.notify()

    async def synced(self) -> None:
        """Wait until everything written so far is on the disk, or ``error`` is set."""
        loop = asyncio.get_running_loop()
        with self._changed:
            if self._synced >= self._written or self.error:
                return
            done = loop.create_future()
            self._waiting.append((self._written, loop, done))
            self._changed.notify()
        await done

    def stop(self) -> None:
        """Sync what is left, then end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._idle = True
                while self._synced >= self._written and not self._stopping:
                    self._changed.wait()
                self._idle = False
                if not self._waiting and not self._stopping:
                    self._changed.wait(_PAUSE_S)
                target = self._written
                if self._synced >= target:
                    return
            try:
                self._sync()
            except OSError as error:
                self._settle(target, error)
                return
            self._settle(target, None)

    def _sync(self) -> None:
        if self._folder:
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
            self._folder = ""
        os.fdatasync(self._fd)
        if os.fstat(self._fd).st_nlink == 0:
            raise FileNotFoundError(errno.ENOENT, "it was deleted")

    def _settle(self, target: int, error: OSError | None) -> None:
        with self._changed:
            self._synced, self.error = target, error
            ready = [waiter for waiter in self._waiting if error or waiter[0] <= target]
            self._waiting = [waiter for waiter in self._waiting if waiter not in ready]
        for _, loop, done in ready:
            with suppress(RuntimeError):  # that loop is closed, so nobody waits any more
                loop.call_soon_threadsafe(_finish, done)


def _finish(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
