"""GUEST. What a runner becomes for a background command: its supervisor, until nothing of it is left.

The command writes into a pipe; what comes goes to a log that is kept to a bounded size. Who wants to end it writes
``kill`` into a named pipe beside the log; who waits opens that, and sees it closed. The server has its own line, the
control socket, which it alone holds.
"""

import os
import select
import signal
import socket
import time
from contextlib import suppress

from py_mono.sandbox import processes

TYPE_CHECKING = False  # spelled out: importing typing costs the worker 4 ms
if TYPE_CHECKING:
    from typing import Final

LOG_LIMIT: "Final" = 4 * 1024 * 1024
"""How many bytes a log may have; then its older half is dropped."""

ENDED: "Final" = b"\n[ended: "
"""How the last line of a log begins, once the command is over."""

_PIECE = 65536
_GRACE_S = 2.0
_REAP_S = 1.0  # how long a process that was adopted and ended may stay a zombie
_WORDS = 200  # bytes of a command that are told
_NICENESS = 10  # of who copies the output, not of the command: a flood should not hold up the tools


class Log:
    """A file that is appended to and keeps its newer half when it has grown too long.

    Attributes:
        total: How many bytes were written to it, in all.
    """

    def __init__(self, descriptor: int, limit: int = LOG_LIMIT) -> None:
        """``descriptor`` is open for reading and writing; the file is empty."""
        self._descriptor = descriptor
        self._limit = limit
        self._size = 0
        self.total = 0

    def add(self, data: bytes) -> None:
        """Append; what a full disk does not take is dropped, so that the command does not wait for space."""
        self.total += len(data)
        self._write(data)
        if self._size > self._limit:
            self._shorten()

    def close(self, last_line: bytes) -> None:
        """Say how it ended, and no more."""
        self._write(last_line)
        os.close(self._descriptor)

    def _write(self, data: bytes) -> None:
        with suppress(OSError):
            self._size = min(self._size, os.fstat(self._descriptor).st_size)  # who emptied it was free to do so
            while data:
                written = os.pwrite(self._descriptor, data, self._size)
                self._size += written
                data = data[written:]

    def _shorten(self) -> None:
        """Overwritten from its beginning, so that nobody who reads meanwhile finds it empty."""
        with suppress(OSError):
            kept = whole_lines(os.pread(self._descriptor, self._limit // 2, self._size - self._limit // 2))
            self._size = 0
            self._write(b"[%d earlier bytes left out]\n" % (self.total - len(kept)) + kept)
            os.ftruncate(self._descriptor, self._size)


def whole_lines(piece: bytes) -> bytes:
    """A piece from the midst of a text without the half line it begins with, unless there is no other."""
    return piece[piece.find(b"\n", 0, -1) + 1 :]


class Door:
    """The named pipe through which others say ``kill``; it is open as long as the supervisor lives.

    Sockets there are none where the network cannot be kept apart.

    Attributes:
        descriptor: To be read.
    """

    def __init__(self, folder: str, name: str, words: str) -> None:
        """Also writes down what the command is. Raises OSError."""
        self._path = os.path.join(folder, f"{name}.door")
        self._told = os.path.join(folder, f"{name}.command")
        for path in (self._path, self._told):
            _clear(path)
        os.mkfifo(self._path, 0o600)
        self.descriptor = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        told = os.open(self._told, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.write(told, words.encode("utf-8", "surrogateescape")[:_WORDS])
        os.close(told)

    def asked(self) -> bool:
        """Whether somebody wants it to end."""
        try:
            return b"kill" in os.read(self.descriptor, _PIECE)
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Nobody can ask any more, and who waits is told so."""
        for path in (self._path, self._told):
            with suppress(OSError):
                os.unlink(path)
        os.close(self.descriptor)


class Supervisor:
    """Attends to one background command."""

    def __init__(self, command: int, *, control: socket.socket, init: int, door: Door, timeout_s: float) -> None:
        """Take a command that was just started.

        Args:
            command: Its pid.
            control: The server's line.
            init: A pidfd of init's, without which nothing may be left.
            door: Where others ask.
            timeout_s: How long it may run; 0 is for as long as it likes.
        """
        self._command = command
        self._control = control
        self._init = init
        self._door = door
        self._began = time.monotonic()
        self._deadline = self._began + timeout_s if timeout_s else 0.0
        self._kill_at = 0.0
        self._reason = "exited"
        self._statuses: dict[int, int] = {}
        self._watched: set[int] = set()
        self._poll = select.poll()
        for descriptor in (control.fileno(), init, door.descriptor):
            self._poll.register(descriptor, select.POLLIN)

    def attend(self, output: int, log: Log) -> bytes:
        """Copy what comes on ``output`` until nothing is left; the line that tells the server how it ended."""
        os.nice(_NICENESS)
        os.set_blocking(output, False)
        self._poll.register(output, select.POLLIN)
        while not processes.reap(self._statuses):
            self._watch()
            ready = {descriptor for descriptor, _ in self._poll.poll(self._wait_ms())}
            if output in ready and not _copy(output, log):
                self._poll.unregister(output)
            self._answer(ready)
            self._look_at_the_time()
        while _copy(output, log):
            pass
        return self._close(log)

    def _close(self, log: Log) -> bytes:
        status = self._statuses.get(self._command, 0)
        code = os.waitstatus_to_exitcode(status)
        words = f"{told(self._reason, code if code >= 0 else 128 - code)} after {time.monotonic() - self._began:.0f} s"
        total = log.total
        log.close(ENDED + words.encode() + b"]\n")
        self._door.close()
        return b"ended %d %s %d\n" % (status, self._reason.encode(), total)

    def _watch(self) -> None:
        """See to it that the end of some child is noticed: what its own children leave becomes ours then."""
        if self._watched:
            return
        for pid in processes.children():
            with suppress(ProcessLookupError):
                descriptor = os.pidfd_open(pid)
                self._watched.add(descriptor)
                self._poll.register(descriptor, select.POLLIN)

    def _wait_ms(self) -> float:
        due = [moment for moment in (self._deadline, self._kill_at) if moment]
        left = min((moment - time.monotonic() for moment in due), default=_REAP_S)
        return max(0.0, min(left, _REAP_S)) * 1000

    def _answer(self, ready: set[int]) -> None:
        for descriptor in ready & self._watched:
            self._poll.unregister(descriptor)
            self._watched.remove(descriptor)
            os.close(descriptor)
        if self._control.fileno() in ready:  # the only word there is; and without a server nobody wants it to go on
            self._poll.unregister(self._control)
            self._end("stopped")
        if self._init in ready:
            processes.end_descendants()
        if self._door.descriptor in ready and self._door.asked():
            self._end("stopped")

    def _look_at_the_time(self) -> None:
        now = time.monotonic()
        if self._deadline and now >= self._deadline:
            self._deadline = 0.0
            self._end("timed_out")
        if self._kill_at and now >= self._kill_at:
            self._statuses |= processes.end_descendants()

    def _end(self, reason: str) -> None:
        """Ask everything to end, and see to it a little later."""
        if not self._kill_at:
            self._reason = reason
            self._kill_at = time.monotonic() + _GRACE_S
            processes.send(processes.descendants(), signal.SIGTERM)


def told(reason: str, code: int) -> str:
    """How a command ended, in words; ``code`` as a shell reports it."""
    if reason == "exited":
        return f"exit code {code}"
    return {"stopped": "stopped", "timed_out": "timed out"}[reason] + f", exit code {code}"


def _clear(path: str) -> None:
    """Take away what a tool put where something of ours is to be."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except OSError:  # a folder, say
        os.rename(path, f"{path}.{os.urandom(4).hex()}")


def _copy(output: int, log: Log) -> bool:
    """Hand on one piece of output; False where there is none now, or no more."""
    try:
        piece = os.read(output, _PIECE)
    except BlockingIOError:
        return False
    if piece:
        log.add(piece)
    return bool(piece)
