"""GUEST. The background commands of one worker: their numbers and logs, and a thread that tells the host of their end."""

import _thread
import os
import select
import socket
from threading import Lock

from py_mono.sandbox.jobs.supervise import ENDED, told, whole_lines
from py_mono.utils.text import plain

TYPE_CHECKING = False  # spelled out: importing typing costs the worker 4 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Final

STOP: "Final" = b"stop"
LIMIT: "Final" = 32
"""How many may run at a time."""

LOST: "Final" = 137
"""What a shell says of a killed program: its supervisor was, and everything with it."""

_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_KEPT = 64  # how many logs of ended ones stay open
_SHOWN = 16_384  # bytes of output that the host gets
_TAIL_BYTES = 8192
_TAIL_LINES = 8
_TAIL_CHARACTERS = 800
_COMMAND_CHARACTERS = 500


class JobsFull(Exception):
    """There are too many; the message says which."""


class Job:
    """One background command.

    Attributes:
        number: Its handle.
        path: Of its log.
        log: The same, open for reading: what the tools do to the path changes nothing.
        command: As it was given.
        over: Whether it has ended; then its log ends with a line of its supervisor's.
    """

    __slots__ = ("command", "log", "number", "over", "path")

    def __init__(self, number: int, path: str, log: int, command: str) -> None:
        self.number = number
        self.path = path
        self.log = log
        self.command = command
        self.over = False

    @property
    def name(self) -> str:
        """What the names of its files begin with."""
        return os.path.basename(self.path).removesuffix(".log")

    def output(self, limit: int) -> str:
        """The end of its output, at most so many bytes, as text without terminal escapes."""
        size = os.fstat(self.log).st_size
        text = os.pread(self.log, limit, max(0, size - limit))
        if self.over:
            text = text.rpartition(ENDED)[0]
        if size > limit:
            text = whole_lines(text)
        return plain(text.decode("utf-8", "replace"))

    def tail(self) -> str:
        """Its last lines, few enough for a note."""
        lines = [line.rstrip() for line in self.output(_TAIL_BYTES).split("\n") if line.strip()][-_TAIL_LINES:]
        return "\n".join(lines)[-_TAIL_CHARACTERS:]

    def discard(self) -> None:
        """It came to nothing: forget its log."""
        os.close(self.log)
        try:
            os.unlink(self.path)
        except OSError:  # a tool was quicker
            return


class Jobs:
    """Those that run, and the last that ended.

    Attributes:
        say: Sends a frame to the host.
    """

    def __init__(self) -> None:
        self.say: Callable[..., None] = lambda *_, **__: None
        self._lock = Lock()
        self._last = 0
        self._running: dict[int, Job] = {}
        self._controls: dict[int, socket.socket] = {}
        self._ended: dict[int, Job] = {}
        self._wake, self._wake_end = os.pipe()
        self._watching = False

    def number_after(self, last: int) -> None:
        """The next one's number is greater than ``last``."""
        with self._lock:
            self._last = max(self._last, last)

    def reserve(self, folder: str, command: str) -> Job:
        """A number and an empty log in ``folder``. Raises OSError, JobsFull."""
        with self._lock:
            if len(self._running) >= LIMIT:
                raise JobsFull(f"{LIMIT} background commands run already: {_listed(self._running)}")
            while True:
                self._last += 1
                path = os.path.join(folder, f"job-{self._last}.log")
                try:
                    return Job(self._last, path, os.open(path, _NEW_FILE, 0o600), command[:_COMMAND_CHARACTERS])
                except FileExistsError:
                    continue

    def release(self, job: Job) -> None:
        """It came to nothing: forget its log; its number may be the next one's."""
        job.discard()
        with self._lock:
            self._last -= job.number == self._last

    def add(self, job: Job, control: socket.socket) -> None:
        """It runs, and is looked after from here on. Raises RuntimeError where there can be no thread for that."""
        with self._lock:
            if not self._watching:
                _thread.start_new_thread(self._watch, ())
                self._watching = True
        self.say("job_started", job=job.number, command=job.command, output=job.path)
        with self._lock:  # not before: its end must not be told first
            self._running[job.number] = job
            self._controls[job.number] = control
        os.write(self._wake_end, b"\0")

    def answer(self, identifier: str, number: int, action: str) -> None:
        """Do what the host asks (``kill`` or ``show``), and send it the end of the output, and the log's size."""
        text, details = f"there is no job {number} any more", {}
        with self._lock:
            job = self._running.get(number) or self._ended.get(number)
            if action == "kill" and number in self._controls:
                _stop(self._controls[number])
            if job is not None:
                text, details = job.output(_SHOWN), {"size": os.fstat(job.log).st_size}
        self.say("result", id=identifier, content=text, is_error=job is None, details=details)

    def _watch(self) -> None:
        while True:
            with self._lock:
                controls = {control.fileno(): number for number, control in self._controls.items()}
            poll = select.poll()
            poll.register(self._wake, select.POLLIN)
            for descriptor in controls:
                poll.register(descriptor, select.POLLIN)
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self._wake in ready:
                os.read(self._wake, 4096)
            for descriptor in ready & controls.keys():
                self._over(controls[descriptor])

    def _over(self, number: int) -> None:
        job = self._running[number]
        code, reason, size = ending(read_line(self._controls[number]))
        job.over = reason != "lost"
        tail = job.tail()
        with self._lock:
            self._controls.pop(number).close()
            self._ended[number] = self._running.pop(number)
            while len(self._ended) > _KEPT:
                os.close(self._ended.pop(next(iter(self._ended))).log)
        self.say("job_ended", job=number, status=code, reason=reason, size=size, tail=tail)


def ending(line: str) -> tuple[int, str, int]:
    """Exit code as a shell reports it, reason and bytes of output, from a supervisor's last line."""
    word, *fields = line.split()
    if word != "ended":
        return LOST, "lost", 0
    code = os.waitstatus_to_exitcode(int(fields[0]))
    return (code if code >= 0 else 128 - code), fields[1], int(fields[2])


def read_line(control: socket.socket) -> str:
    """The next line of who holds the other end, without its own end, and no more; ``gone`` where nobody does any more."""
    line = b""
    while not line.endswith(b"\n"):
        try:
            piece = control.recv(4096, socket.MSG_PEEK)
            piece = control.recv(piece.find(b"\n") + 1 or len(piece)) if piece else piece
        except ConnectionResetError:
            return "gone"
        if not piece:
            return "gone"
        line += piece
    return line[:-1].decode("utf-8", "replace")


def at_once(line: str) -> str:
    """The end of a command that ended before it became a job, in words."""
    code, reason, _ = ending(line)
    return (
        told(reason, code) if reason != "lost" else "its supervisor was killed, and everything it had started with it"
    )


def _stop(control: socket.socket) -> None:
    try:
        control.sendall(STOP)
    except OSError:  # it is over already
        return


def _listed(running: "dict[int, Job]") -> str:
    def lines() -> "Iterator[str]":
        for job in running.values():
            yield f"job {job.number} ({job.command[:40]})"

    return ", ".join(lines())
