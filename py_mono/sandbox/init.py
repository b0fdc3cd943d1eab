"""GUEST. Init: the worker's first process; forks the runners, adopts and ends orphans, takes everything along at its end.

Single-threaded, so that it can fork. The server asks over a SOCK_SEQPACKET socket: ``run`` with two descriptors (the
runner's control socket and the command's output), or ``sweep`` with one, which is closed when no orphan is left.
"""

import array
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

RUN = b"run"
SWEEP = b"sweep"
_MAX_DESCRIPTORS = 2


def _nothing(_number: int, _frame: "FrameType | None") -> None:
    """A handler must exist for the wake-up descriptor to be written to."""


class Init:
    """What init does; one object a worker."""

    def __init__(self, requests: socket.socket, server: int, narrow: "Callable[[], None]") -> None:
        self._requests = requests
        self._server = server
        self._narrow = narrow
        self._runners: set[int] = set()
        self._over = False

    def serve(self) -> "NoReturn":
        """Run until the server ends, or a SIGTERM; then kill and reap all there is, and exit."""
        wake, wake_end = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(wake_end, False)
        signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _nothing)
        signal.signal(signal.SIGTERM, self._stop)
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        poll.register(self._requests, select.POLLIN)
        gc.freeze()  # keeps forked children from copying pages only to count references
        gc.disable()
        while not self._over:
            for descriptor, _ in poll.poll():
                if descriptor == wake:
                    os.read(wake, 4096)
                    self._sweep()
                else:
                    self._request((wake, wake_end))
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
        if self._server in statuses:
            self._over = True

    def _request(self, private: "tuple[int, ...]") -> None:
        descriptors = array.array("i")
        message, ancillary, _, _ = self._requests.recvmsg(
            16, socket.CMSG_SPACE(_MAX_DESCRIPTORS * descriptors.itemsize), socket.MSG_CMSG_CLOEXEC
        )
        for level, kind, payload in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(payload[: len(payload) - len(payload) % descriptors.itemsize])
        if message == RUN and len(descriptors) == _MAX_DESCRIPTORS:
            self._run(descriptors[0], descriptors[1], private)
        elif message == SWEEP:
            self._sweep()
        elif not message:
            self._over = True
        for descriptor in descriptors:
            os.close(descriptor)

    def _run(self, control: int, output: int, private: "tuple[int, ...]") -> None:
        pid = os.fork()
        if pid:
            self._runners.add(pid)
            return
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for descriptor in private:
            os.close(descriptor)
        self._requests.close()
        runner.run(socket.socket(fileno=control), output, self._narrow)
