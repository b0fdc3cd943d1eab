"""Waiting for a lock on a file, flock(2), but not for ever."""

import fcntl
import time

_POLL_S = 0.01


def locked_within(descriptor: int, kind: int, seconds: float) -> bool:
    """Whether the lock (``fcntl.LOCK_SH`` or ``LOCK_EX``) could be had in so many seconds; holds up the thread meanwhile.

    Raises:
        OSError: The file system has no locks.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(_POLL_S)
        else:
            return True
