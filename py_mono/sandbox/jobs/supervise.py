"""GUEST. What a runner becomes for a background command: its supervisor, until nothing of it is left.

The command writes into a pipe; what comes goes to a log that is kept to a bounded size. Who wants to know its end, or to
end it, connects to a socket beside the log and says ``wait`` or ``kill`` (``ask`` for what runs); at the end each gets
one line. The server has its own line, the control socket, which it alone holds.
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
_LISTENERS = 16
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


class Listener:
    """The socket where others ask; made from within its folder, for its path may be too long for an address.

    Attributes:
        socket: The socket itself.
    """

    def __init__(self, folder: str, name: str) -> None:
        """Changes the working directory of this process. Raises OSError."""
        self._path = os.path.join(folder, name)
        os.chdir(folder)
        _clear(name)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(name)
        self.socket.listen(_LISTENERS)
        self.socket.settimeout(0)

    def close(self) -> None:
        """Nobody can ask any more."""
        self.socket.close()
        with suppress(OSError):
            os.unlink(self._path)


class Supervisor:
    """Attends to one background command."""

    def __init__(
        self, command: int, words: str, *, control: socket.socket, init: int, listener: "Listener", timeout_s: float
    ) -> None:
        """Take a command that was just started.

        Args:
            command: Its pid.
            words: The command as it was given.
            control: The server's line.
            init: A pidfd of init's, without which nothing may be left.
            listener: Where others ask.
            timeout_s: How long it may run; 0 is for as long as it likes.
        """
        self._command = command
        self._words = words
        self._control = control
        self._init = init
        self._listener = listener
        self._began = time.monotonic()
        self._deadline = self._began + timeout_s if timeout_s else 0.0
        self._kill_at = 0.0
        self._reason = "exited"
        self._statuses: dict[int, int] = {}
        self._watched: set[int] = set()
        self._asking: dict[int, socket.socket] = {}
        self._poll = select.poll()
        for descriptor in (control.fileno(), init, listener.socket.fileno()):
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
        self._listener.close()
        for asking in self._asking.values():
            with suppress(OSError):
                asking.sendall(words.encode() + b"\n")
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
        if self._listener.socket.fileno() in ready:
            self._accept()
        for descriptor in ready & self._asking.keys():
            self._hear(descriptor)

    def _accept(self) -> None:
        with suppress(OSError):
            asking, _ = self._listener.socket.accept()
            asking.settimeout(0)
            if len(self._asking) < _LISTENERS:
                self._asking[asking.fileno()] = asking
                self._poll.register(asking, select.POLLIN)

    def _hear(self, descriptor: int) -> None:
        try:
            word = self._asking[descriptor].recv(64)
            if word == b"ask":
                self._asking[descriptor].sendall(self._words.encode("utf-8", "surrogateescape")[:_WORDS])
        except OSError:
            word = b""
        if word == b"kill":
            self._end("stopped")
        if word not in {b"kill", b"wait"}:
            self._poll.unregister(descriptor)
            self._asking.pop(descriptor).close()

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


def _clear(name: str) -> None:
    """Take away what a tool put where the socket is to be."""
    try:
        os.unlink(name)
    except FileNotFoundError:
        return
    except OSError:  # a folder, say
        os.rename(name, f"{name}.{os.urandom(4).hex()}")


def _copy(output: int, log: Log) -> bool:
    """Hand on one piece of output; False where there is none now, or no more."""
    try:
        piece = os.read(output, _PIECE)
    except BlockingIOError:
        return False
    if piece:
        log.add(piece)
    return bool(piece)
