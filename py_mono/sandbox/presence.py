"""HOST. The mark of a process that has workers in a workspace; light, because a worker is started before all else."""

import fcntl
import os

from py_mono.protocol.errors import SandboxError
from py_mono.utils.locks import locked_within

_WAIT_S = 3.0


class Presence:
    """A lock on a file, flock(2), that such processes share; who makes the key file has it alone.

    So none is made while there is a worker that does not cover it. No child inherits it, and it ends with the process.
    """

    def __init__(self, path: str) -> None:
        """``path``: of the file that is locked, in the state folder; empty where nobody will make a key file."""
        self._path = path
        self._descriptor = -1

    def show(self) -> None:
        """Take it, unless it is held already; without one where its file cannot be made.

        Then there can be no key file made either: that takes the same folder.

        Raises:
            SandboxError: A key file is being made, and that does not come to an end.
        """
        if self._descriptor >= 0 or not self._path:
            return
        try:
            descriptor = self._opened()
        except OSError:
            return
        try:
            held = locked_within(descriptor, fcntl.LOCK_SH, _WAIT_S)
        except OSError:  # a file system without locks
            os.close(descriptor)
            return
        if not held:
            os.close(descriptor)
            raise SandboxError(
                "another py-mono has been making the key file of this workspace for too long",
                remedy="Wait until it is done, or end it; then try again.",
            )
        self._descriptor = descriptor

    def hide(self) -> None:
        """Let go of it; may be called twice."""
        if self._descriptor >= 0:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)  # also where a child is on its way to another program
            os.close(self._descriptor)
            self._descriptor = -1

    def _opened(self) -> int:
        flags = os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.open(self._path, flags, 0o600)
        except FileNotFoundError:
            folder = os.path.dirname(self._path)
            os.makedirs(os.path.dirname(folder), 0o700, exist_ok=True)
            os.makedirs(folder, 0o700, exist_ok=True)
            return os.open(self._path, flags, 0o600)
