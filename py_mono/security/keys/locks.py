"""Who may read, write and make the file of stored keys: locks (flock(2)) in the state folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from py_mono.protocol.errors import ConfigError
from py_mono.security.keys.places import KeyPlaces
from py_mono.utils.locks import locked_within


class Locks:
    """The locks of one workspace's keys; ``wait_s`` is how long another process may have them."""

    def __init__(self, places: KeyPlaces, wait_s: float) -> None:
        self._places = places
        self._wait_s = wait_s

    @contextmanager
    def held(self, kind: int, *, needed: bool = True) -> Iterator[None]:
        """To read (``LOCK_SH``) or to write (``LOCK_EX``).

        Who only reads and cannot have it goes on without it (not ``needed``): such a state folder has no writers.

        Raises:
            ConfigError: Another process has had it for too long.
            OSError: It is needed and cannot be had.
        """
        try:
            descriptor = self._opened(self._places.lock)
        except OSError:
            if needed:
                raise
            yield
            return
        try:
            try:
                self._wait(descriptor, kind)
            except OSError:  # a file system without locks
                if needed:
                    raise
            yield
        finally:
            _let_go(descriptor)

    @contextmanager
    def without_sessions(self) -> Iterator[None]:
        """While no process has workers in the workspace: they were started without the file, and do not cover it.

        Raises:
            ConfigError: There is such a process.
            OSError: The lock cannot be had.
        """
        descriptor = self._opened(self._places.sessions)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConfigError(
                    "another session of py-mono runs in this workspace, and its tools could read a file that is made now",
                    remedy="set the first key in that one with /key PROVIDER, or end it first",
                ) from None
            yield
        finally:
            _let_go(descriptor)

    def _wait(self, descriptor: int, kind: int) -> None:
        if not locked_within(descriptor, kind, self._wait_s):
            raise ConfigError(
                f"another process has been busy with {self._places.file} for {self._wait_s:g} s",
                remedy="wait until it is done, or end it, then try again",
            )

    def _opened(self, path: str) -> int:
        os.makedirs(self._places.folder, mode=0o700, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _let_go(descriptor: int) -> None:
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # at once, also where a child is on its way to another program
    os.close(descriptor)
