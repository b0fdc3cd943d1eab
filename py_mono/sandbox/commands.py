"""GUEST. ``Commands`` of a built-in tool's context: the server's side of running programs."""

import os
import select
import socket
import sys
import time
from threading import Lock

from py_mono.sandbox import runner
from py_mono.sandbox.jobs.watch import STOP, Job, Jobs, JobsFull, at_once, ending, read_line
from py_mono.tools.builtin.context import Finished, Started, ToolFailure

TYPE_CHECKING = False  # spelled out: importing typing costs the worker 4 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from threading import Event
    from typing import Any

MORE = b"more"
"""Asks init for one more runner."""

_PIECE = 65536
_JOB_COMMAND = os.path.join(os.path.dirname(os.path.abspath(__file__)), "jobs", "bin")
_FIRST_S = 1.0  # how long a background command is waited for before it has said anything
_QUIET_S = 0.1  # and then until it has said nothing for so long
_FIRST_BYTES = 16_384


class _StartFailed(Exception):
    """The runner could not start the program; ``ERRNO WHAT`` as it said it."""


class WorkerCommands:
    """Starts programs through init; see ``Commands`` in ``tools/builtin/context.py`` for the contract.

    Attributes:
        jobs: The background ones.
    """

    def __init__(self, requests: socket.socket, sweeps: socket.socket, environment: dict[str, str]) -> None:
        self._requests = requests
        self._sweeps = sweeps
        self._environment = _with_job_command(environment)
        self.jobs = Jobs()
        self._lock = Lock()
        self._running: dict[int, tuple[Event, socket.socket]] = {}
        self._idle = 1  # runners that wait for a request; init has one from the start

    def run(
        self,
        argv: "Sequence[str]",
        *,
        cwd: str,
        timeout_s: float,
        on_output: "Callable[[bytes], None]",
        cancelled: "Event",
        environment: "Mapping[str, str] | None" = None,
    ) -> Finished:
        """Run a program to its end. Raises ToolFailure where it cannot be started."""
        deadline = time.monotonic() + timeout_s
        output, output_end = os.pipe()
        try:
            control = self._start(argv, cwd, environment, output_end, background=None)
        except BaseException:
            os.close(output)
            raise
        with self._lock:
            self._running[id(control)] = (cancelled, control)
        try:
            if cancelled.is_set():
                _stop(control)
            return self._attend(control, output, deadline, on_output, cancelled)
        except _StartFailed as failure:
            raise _start_failure(str(failure), argv, cwd) from None
        finally:
            with self._lock:
                del self._running[id(control)]
            self._give_runner_back()
            control.close()
            os.close(output)

    @property
    def init(self) -> int:
        """A descriptor whose other end only init holds."""
        return self._sweeps.fileno()

    def cancel(self, cancelled: "Event") -> None:
        """End the commands that were given this event; the caller has set it."""
        with self._lock:
            for event, control in self._running.values():
                if event is cancelled:
                    _stop(control)

    def start_background(
        self, argv: "Sequence[str]", *, command: str, cwd: str, folder: str, timeout_s: float, cancelled: "Event"
    ) -> Started:
        """Start a program that lives until the session ends. Raises ToolFailure where it cannot be started."""
        try:
            job = self.jobs.reserve(folder, command)
        except OSError as error:
            raise ToolFailure(f"no file for its output can be made in {folder}: {error.strerror}") from error
        except JobsFull as full:
            raise ToolFailure(f"{full}; end one first: job kill N") from None
        details = {"folder": folder, "name": job.name, "timeout_s": timeout_s, "command": job.command}
        try:
            control = self._start_job(argv, cwd, job, details)
        except ToolFailure:
            self.jobs.release(job)
            raise
        line = self._first_moment(job, control, cancelled)
        if line is None:
            return self._kept(job, control)
        code, reason, _ = ending(line)
        job.over = reason != "lost"
        said = Started(job.path, job.output(_FIRST_BYTES), ended=at_once(line), exit_code=code, reason=reason)
        self.jobs.release(job)
        control.close()
        return said

    def _kept(self, job: Job, control: socket.socket) -> Started:
        try:
            self.jobs.add(job, control)
        except RuntimeError:
            control.close()  # whereupon its supervisor ends it
            self.jobs.release(job)
            raise ToolFailure("not started: the limit on processes is reached; end some first") from None
        return Started(job.path, job.output(_FIRST_BYTES), job=job.number)

    def _start_job(self, argv: "Sequence[str]", cwd: str, job: Job, details: "dict[str, Any]") -> socket.socket:
        """Have a runner start it; the supervisor's line. Raises ToolFailure."""
        control = self._start(argv, cwd, None, os.dup(job.log), background=details)
        word, _, rest = read_line(control).partition(" ")
        if word != "started":
            self._give_runner_back()
            control.close()
            raise _start_failure(rest, argv, cwd)
        return control

    @staticmethod
    def _first_moment(job: Job, control: socket.socket, cancelled: "Event") -> str | None:
        """Wait until it ends, and give its supervisor's line; None once it has said something, or it has taken too long."""
        began = time.monotonic()
        size, changed = 0, began
        poll = select.poll()
        poll.register(control, select.POLLIN)
        while (now := time.monotonic()) < began + _FIRST_S and not cancelled.is_set():
            if poll.poll(20):
                return read_line(control)
            if (grown := os.fstat(job.log).st_size) != size:
                size, changed = grown, now
            elif size and now - changed >= _QUIET_S:
                break
        return None

    def _start(
        self,
        argv: "Sequence[str]",
        cwd: str,
        environment: "Mapping[str, str] | None",
        output_end: int,
        *,
        background: "dict[str, Any] | None",
    ) -> socket.socket:
        """Have a runner start a program; takes over ``output_end``."""
        request = {
            "argv": list(argv),
            "cwd": cwd,
            "environment": {**self._environment, **(environment or {})},
            "background": background,
        }
        control, control_end = socket.socketpair()
        try:
            self._take_runner()
            runner.send_request(self._requests, request, [control_end.fileno(), output_end], control)
        except OSError as error:
            control.close()
            self._give_runner_back()
            raise ToolFailure(f"{argv[0]} could not be started: {error.strerror}") from error
        finally:
            control_end.close()
            os.close(output_end)
        return control

    def _take_runner(self) -> None:
        """Count on an idle runner, or have init make one more."""
        with self._lock:
            if self._idle:
                self._idle -= 1
            else:
                self._sweeps.send(MORE)

    def _give_runner_back(self) -> None:
        """It waits for requests again; where it was killed, or gave up, init has made another."""
        with self._lock:
            self._idle += 1

    def _attend(
        self,
        control: socket.socket,
        output: int,
        deadline: float,
        on_output: "Callable[[bytes], None]",
        cancelled: "Event",
    ) -> Finished:
        """Read output until the runner says that nothing of the command is left."""
        os.set_blocking(output, False)
        poll = select.poll()
        poll.register(output, select.POLLIN)
        poll.register(control, select.POLLIN)
        timed_out = False
        while True:
            left = None if timed_out else max(0.0, deadline - time.monotonic()) * 1000
            ready = {descriptor for descriptor, _ in poll.poll(left)}
            if output in ready and not _take(output, on_output):
                poll.unregister(output)
            if control.fileno() in ready:
                break
            if not timed_out and time.monotonic() >= deadline:
                timed_out = True
                _stop(control)
        word, _, rest = read_line(control).partition(" ")
        if word == "failed":
            raise _StartFailed(rest)
        note = ""
        if word != "ended":
            self._sweep()
            note = "its supervisor was killed, and everything it had started with it"
        while _take(output, on_output):
            pass
        exit_code = os.waitstatus_to_exitcode(int(rest)) if word == "ended" else -9
        return Finished(
            exit_code if exit_code >= 0 else 128 - exit_code,
            timed_out=timed_out,
            cancelled=cancelled.is_set(),
            note=note,
        )

    def _sweep(self) -> None:
        """Wait until init has ended the leavings of runners that were killed."""
        mine, theirs = socket.socketpair()
        with mine:
            with theirs:
                socket.send_fds(self._sweeps, [b"sweep"], [theirs.fileno()])
            mine.recv(1)


def _with_job_command(environment: dict[str, str]) -> dict[str, str]:
    """The same, and what the command ``job`` needs; last in the PATH, so that it hides nobody's own."""
    path = ":".join(filter(None, (environment.get("PATH"), _JOB_COMMAND)))
    return {
        **environment,
        "PATH": path,
        "PY_MONO_PYTHON": sys.executable,
        "PY_MONO_JOBS": environment.get("TMPDIR", ""),
    }


def _stop(control: socket.socket) -> None:
    try:
        control.sendall(STOP)
    except OSError:  # it is over already
        return


def _take(output: int, on_output: "Callable[[bytes], None]") -> bool:
    """Hand on one piece of output; False where there is none now, or no more."""
    try:
        piece = os.read(output, _PIECE)
    except BlockingIOError:
        return False
    if piece:
        on_output(piece)
    return bool(piece)


def _start_failure(reason: str, argv: "Sequence[str]", cwd: str) -> ToolFailure:
    number, _, what = reason.partition(" ")
    if what == "cwd":
        return ToolFailure(f"the folder {cwd} cannot be entered: {os.strerror(int(number))}")
    why = os.strerror(int(number)) if number.isdigit() and number != "0" else what
    return ToolFailure(f"{argv[0]} could not be started: {why or 'the worker ended'}")
