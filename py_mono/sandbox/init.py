"""GUEST. Init: the worker's first process; forks the runners, adopts and ends orphans, takes everything along at its end.

Single-threaded, so that it can fork. There is a runner from the start, and it takes one command after the other, so that
none has to wait for a fork; one that dies before its time is replaced. On ``sweeps`` the server asks for one more, or
sends a descriptor that is closed when no orphan is left.
"""

import gc
import os
import select
import signal
import socket

from py_mono.sandbox import processes, runner
from py_mono.sandbox.commands import MORE

TYPE_CHECKING = False  # spelled out: importing typing costs the worker 4 ms
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import NoReturn

_RETRY_MS = 50


def _nothing(_number: int, _frame: "FrameType | None") -> None:
    """A handler must exist for the wake-up descriptor to be written to."""


class Init:
    """What init does; one object a worker."""

    def __init__(
        self, requests: socket.socket, sweeps: socket.socket, server: int, narrow: "Callable[[], object]"
    ) -> None:
        self._requests = requests
        self._sweeps = sweeps
        self._server = server
        self._narrow = narrow
        self._runners: dict[int, bool] = {}  # by pid: whether it takes more requests
        self._missing = 1  # how many are to be forked
        self._over = False
        self._wake, self._wake_end = os.pipe()
        self._notes, self._notes_end = os.pipe()

    def serve(self) -> "NoReturn":
        """Run until the server ends, or a SIGTERM; then kill and reap all there is, and exit."""
        os.set_blocking(self._wake, False)
        os.set_blocking(self._wake_end, False)
        signal.set_wakeup_fd(self._wake_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _nothing)
        signal.signal(signal.SIGTERM, self._stop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))
        poll = select.poll()
        for descriptor in (self._wake, self._notes, self._sweeps.fileno()):
            poll.register(descriptor, select.POLLIN)
        gc.freeze()  # keeps forked children from copying pages only to look at them; collecting is off since the start
        while not self._over:
            while self._missing and self._fork():
                self._missing -= 1
            ready = {descriptor for descriptor, _ in poll.poll(_RETRY_MS if self._missing else None)}
            if self._notes in ready:
                self._runners.update((pid, False) for pid in runner.read_notes(self._notes) if pid in self._runners)
            if self._wake in ready:
                os.read(self._wake, 4096)
                self._sweep()
            if self._sweeps.fileno() in ready:
                self._answer()
        processes.end_descendants()
        os._exit(0)

    def _stop(self, _number: int, _frame: "FrameType | None") -> None:
        self._over = True

    def _sweep(self) -> None:
        """Reap what has ended; end what was adopted: the leavings of a runner that was killed."""
        statuses: dict[int, int] = {}
        processes.reap(statuses)
        self._forget(statuses)
        if not self._over:
            self._forget(processes.end_descendants(frozenset({*self._runners, self._server})))

    def _forget(self, statuses: dict[int, int]) -> None:
        for pid, status in statuses.items():
            if self._runners.pop(pid, False) and status:
                self._missing += 1
        if self._server in statuses:
            self._over = True

    def _answer(self) -> None:
        message, descriptors, _, _ = socket.recv_fds(self._sweeps, 16, 1, socket.MSG_CMSG_CLOEXEC)
        if message == MORE:
            self._missing += 1
        elif message:
            self._sweep()
        else:
            self._over = True
        for descriptor in descriptors:
            os.close(descriptor)

    def _fork(self) -> bool:
        """Make one more runner; False where the limit on processes forbids it: then it is tried again a little later."""
        try:
            pid = os.fork()
        except OSError:
            return False
        if pid == 0:
            self._become_runner()
        self._runners[pid] = True
        return True

    def _become_runner(self) -> "NoReturn":
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for descriptor in (self._wake, self._wake_end, self._notes):
            os.close(descriptor)
        self._sweeps.close()
        runner.run(self._requests, self._notes_end, self._narrow)
