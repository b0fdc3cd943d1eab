"""GUEST. Init: the worker's first process; forks the runners, adopts and ends orphans, takes everything along at its end.

Single-threaded, so that it can fork. It keeps one runner in reserve, so that a command need not wait for a fork. On
``sweeps`` the server sends a descriptor that is closed when no orphan is left.
"""

import gc
import os
import select
import signal
import socket

from py_mono.sandbox import processes, runner

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
        self._runners: set[int] = set()
        self._reserve = 0  # the pid of the runner in reserve, 0 where there is none
        self._over = False
        self._wake, self._wake_end = os.pipe()
        self._taken, self._taken_end = os.pipe()

    def serve(self) -> "NoReturn":
        """Run until the server ends, or a SIGTERM; then kill and reap all there is, and exit."""
        os.set_blocking(self._wake, False)
        os.set_blocking(self._wake_end, False)
        signal.set_wakeup_fd(self._wake_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _nothing)
        signal.signal(signal.SIGTERM, self._stop)
        poll = select.poll()
        for descriptor in (self._wake, self._taken, self._sweeps.fileno()):
            poll.register(descriptor, select.POLLIN)
        gc.freeze()  # keeps forked children from copying pages only to count references
        gc.disable()
        while not self._over:
            if not self._reserve:
                self._fork()
            for descriptor, _ in poll.poll(None if self._reserve else _RETRY_MS):
                if descriptor == self._wake:
                    os.read(self._wake, 4096)
                    self._sweep()
                elif descriptor == self._taken:
                    os.read(self._taken, 1)
                    self._reserve = 0
                else:
                    self._answer_sweep()
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
            self._forget(processes.end_descendants(frozenset(self._runners | {self._server})))

    def _forget(self, statuses: dict[int, int]) -> None:
        self._runners -= statuses.keys()
        if self._reserve in statuses:
            self._reserve = 0
        if self._server in statuses:
            self._over = True

    def _answer_sweep(self) -> None:
        message, descriptors, _, _ = socket.recv_fds(self._sweeps, 16, 1, socket.MSG_CMSG_CLOEXEC)
        if message:
            self._sweep()
        else:
            self._over = True
        for descriptor in descriptors:
            os.close(descriptor)

    def _fork(self) -> None:
        """Put a runner in reserve; where the limit on processes forbids it, the next round tries again."""
        try:
            self._reserve = os.fork()
        except OSError:
            return
        if self._reserve:
            self._runners.add(self._reserve)
            return
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for descriptor in (self._wake, self._wake_end, self._taken):
            os.close(descriptor)
        self._sweeps.close()
        runner.run(self._requests, self._taken_end, self._narrow)
