"""GUEST. ``Commands`` of a built-in tool's context: the server's side of running programs."""

import os
import select
import socket
import time
from threading import Lock

from py_mono.sandbox import runner
from py_mono.tools.builtin.context import Finished, ToolFailure

TYPE_CHECKING = False  # spelled out: importing typing costs the worker 4 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from threading import Event

MORE = b"more"
"""Asks init for one more runner."""

_PIECE = 65536
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


class _StartFailed(Exception):
    """The runner could not start the program; ``ERRNO WHAT`` as it said it."""


class WorkerCommands:
    """Starts programs through init; see ``Commands`` in ``tools/builtin/context.py`` for the contract."""

    def __init__(self, requests: socket.socket, sweeps: socket.socket, environment: dict[str, str]) -> None:
        self._requests = requests
        self._sweeps = sweeps
        self._environment = environment
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
            control = self._start(argv, cwd, environment, output_end, background=False)
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

    def start_background(self, argv: "Sequence[str]", *, cwd: str, output_path: str) -> int:
        """Start a program that lives until the session ends. Raises ToolFailure where it cannot be started."""
        try:
            output = os.open(output_path, _NEW_FILE, 0o600)
        except OSError as error:
            raise ToolFailure(f"the output file {output_path} cannot be opened: {error.strerror}") from error
        control = self._start(argv, cwd, None, output, background=True)
        with control:
            word, _, rest = _read_line(control).partition(" ")
        if word != "started":
            self._give_runner_back()
            raise _start_failure(rest, argv, cwd)
        return int(rest)

    def _start(
        self,
        argv: "Sequence[str]",
        cwd: str,
        environment: "Mapping[str, str] | None",
        output_end: int,
        *,
        background: bool,
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
        word, _, rest = _read_line(control).partition(" ")
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


def _stop(control: socket.socket) -> None:
    try:
        control.sendall(runner.STOP)
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


def _read_line(control: socket.socket) -> str:
    """The runner's next line without its end; empty where it is gone."""
    line = b""
    while not line.endswith(b"\n"):
        try:
            piece = control.recv(4096)
        except ConnectionResetError:
            return ""
        if not piece:
            return ""
        line += piece
    return line[:-1].decode("utf-8", "replace")


def _start_failure(reason: str, argv: "Sequence[str]", cwd: str) -> ToolFailure:
    number, _, what = reason.partition(" ")
    if what == "cwd":
        return ToolFailure(f"the folder {cwd} cannot be entered: {os.strerror(int(number))}")
    why = os.strerror(int(number)) if number.isdigit() and number != "0" else what
    return ToolFailure(f"{argv[0]} could not be started: {why or 'the worker ended'}")
