"""Work on files that dies, or fails, at a chosen step: each call that touches the disk is one."""

import errno
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

STEPS = ("open", "mkdir", "pwrite", "ftruncate", "fsync", "replace", "unlink", "fchmod", "pread")


class Faults:
    """What happens at the ``at``-th step, counted from 0; ``steps`` is how many there were.

    Where a step writes, ``part`` of its bytes (0 to 1) are written before it happens.
    """

    def __init__(self, at: int, happens: Callable[[], object], *, part: float = 0.0, lasting: bool = False) -> None:
        self.at = at
        self.steps = 0
        self._happens = happens
        self._part = part
        self._lasting = lasting

    def around(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """The same call as a step."""

        def call(*given: Any, **named: Any) -> Any:
            now = self.steps
            self.steps += 1
            if now == self.at or (self._lasting and now > self.at):
                if real.__name__ == "pwrite":
                    descriptor, data, offset = given
                    real(descriptor, data[: int(len(data) * self._part)], offset)
                self._happens()
            return real(*given, **named)

        return call

    @contextmanager
    def installed(self) -> Iterator[None]:
        """For a while."""
        before = {name: getattr(os, name) for name in STEPS}
        for name, real in before.items():
            setattr(os, name, self.around(real))
        try:
            yield
        finally:
            for name, real in before.items():
                setattr(os, name, real)


def failing(number: int) -> Callable[[], None]:
    """A step that fails."""

    def fail() -> None:
        raise OSError(number, os.strerror(number))

    return fail


DISK = (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


def killed(work: Callable[[], object], at: int, part: float) -> bool:
    """Do the work in a process that is killed at a step; whether it came that far."""
    child = os.fork()
    if child == 0:
        try:
            with Faults(at, lambda: os.kill(os.getpid(), signal.SIGKILL), part=part).installed():
                work()
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in {0, -signal.SIGKILL}
    return status != 0
