"""GUEST. The runner: one process per command; starts it, waits for it, and leaves nothing of it behind.

It adopts whatever the command's processes leave (subreaper), so ending one command never touches its neighbour. Init
keeps one in reserve, which waits for a request from the server: a message with two descriptors, the command's control
socket and its output. On the control socket comes the request (4 bytes length, JSON), later perhaps ``stop``; back go
lines: ``started PID`` (background only), ``failed ERRNO WHAT``, ``ended STATUS`` (as ``wait`` gives it).
"""

import _thread
import array
import errno
import json
import os
import select
import signal
import socket
import struct

from py_mono.sandbox import processes

TYPE_CHECKING = False  # spelled out: importing typing costs the worker 4 ms
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

RUN = b"run"
STOP = b"stop"
_GRACE_MS = 300
_LENGTH = struct.Struct("=I")
_DEFAULTED = (signal.SIGPIPE, signal.SIGXFSZ)  # the two that Python ignores; handlers end with the exec


def pack_request(request: "dict[str, Any]") -> bytes:
    """``argv``, ``cwd``, ``environment`` and ``background``, as the runner reads them."""
    body = json.dumps(request).encode()
    return _LENGTH.pack(len(body)) + body


def run(requests: socket.socket, taken: int, narrow: "Callable[[], object]") -> "NoReturn":
    """Be a runner, in a fresh child of init; ``taken`` gets a byte as soon as there is a request.

    ``narrow`` is called in a thread of its own, which then starts the command: the command inherits what it did, and
    this process, which watches over the command, does not.
    """
    init = os.pidfd_open(os.getppid())
    processes.become_subreaper()
    spawner = _Spawner(narrow)
    control, output = _take_request(requests)
    os.write(taken, b"\0")
    requests.close()
    request = json.loads(_receive(control, _LENGTH.unpack(_receive(control, _LENGTH.size))[0]))
    command = -1
    try:
        os.chdir(request["cwd"])
        command = spawner.spawn(request["argv"], request["environment"], output)
    except OSError as error:
        what = "program" if error.filename == request["argv"][0] else "cwd"
        _report(control, b"failed %d %s\n" % (error.errno or 0, what.encode()))
    except ValueError as error:  # a zero byte, which no argument can hold
        _report(control, b"failed 0 %s\n" % str(error).encode())
    os.close(output)
    if command > 0:
        _attend(command, init, control, background=request["background"])
    os._exit(0)


def _take_request(requests: socket.socket) -> "tuple[socket.socket, int]":
    descriptors = array.array("i")
    space = socket.CMSG_SPACE(2 * descriptors.itemsize)
    _, ancillary, _, _ = requests.recvmsg(len(RUN), space, socket.MSG_CMSG_CLOEXEC)
    for level, kind, payload in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(payload)
    if len(descriptors) != 2:  # noqa: PLR2004 - control and output; fewer when the server is gone
        os._exit(0)
    return socket.socket(fileno=descriptors[0]), descriptors[1]


def _receive(control: socket.socket, count: int) -> bytes:
    pieces = b""
    while len(pieces) < count:
        piece = control.recv(count - len(pieces))
        if not piece:
            os._exit(0)  # the server is gone before it said what to run
        pieces += piece
    return pieces


def _report(control: socket.socket, line: bytes) -> None:
    try:
        control.sendall(line)
    except OSError:  # the server is gone or, after a background start, no longer listens
        return


def _attend(command: int, init: int, control: socket.socket, *, background: bool) -> None:
    """Wait until the command ends, or must (asked to, or nobody is left to ask); then nothing of it is left."""
    if background:
        _report(control, b"started %d\n" % command)
        _attend_background(init)
        return
    ended = os.pidfd_open(command)
    poll = select.poll()
    for descriptor in (ended, init, control.fileno()):
        poll.register(descriptor, select.POLLIN)
    ready = {descriptor for descriptor, _ in poll.poll()}
    if ended not in ready and init not in ready:
        processes.send(processes.descendants(), signal.SIGTERM)
        grace = select.poll()
        grace.register(ended, select.POLLIN)
        grace.poll(_GRACE_MS)
    statuses = processes.end_descendants()
    _report(control, b"ended %d\n" % statuses.get(command, 0))


def _attend_background(init: int) -> None:
    """Reap what ends until nothing is left, or init is gone: then nothing may be left."""
    while not processes.reap({}):
        poll = select.poll()
        poll.register(init, select.POLLIN)
        watched = []
        for pid in processes.children():
            try:
                watched.append(os.pidfd_open(pid))
            except ProcessLookupError:
                continue
            poll.register(watched[-1], select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll()} if watched else set()
        for descriptor in watched:
            os.close(descriptor)
        if init in ready:
            processes.end_descendants()


class _Spawner:
    """A thread that narrows itself and waits to start one program: restrictions of Landlock are a thread's own."""

    def __init__(self, narrow: "Callable[[], object]") -> None:
        self._narrow = narrow
        self._asked = _thread.allocate_lock()
        self._done = _thread.allocate_lock()
        self._arguments: tuple[list[str], dict[str, str], int] | None = None
        self._outcome: int | OSError | ValueError = -1
        self._asked.acquire()
        self._done.acquire()
        _thread.start_new_thread(self._run, ())

    def spawn(self, argv: "list[str]", environment: "dict[str, str]", output: int) -> int:
        """Start a program with ``output`` as stdout and stderr; its pid. Raises OSError, ValueError."""
        self._arguments = (argv, environment, output)
        self._asked.release()
        self._done.acquire()
        if isinstance(self._outcome, int):
            return self._outcome
        raise self._outcome

    def _run(self) -> None:
        try:
            self._narrow()
        except OSError as error:
            self._outcome = error
        self._asked.acquire()
        if self._arguments is not None and self._outcome == -1:
            try:
                self._outcome = _spawn(*self._arguments)
            except (OSError, ValueError) as error:
                self._outcome = error
        self._done.release()


def _spawn(argv: "list[str]", environment: "dict[str, str]", output: int) -> int:
    """Start a program in a session of its own, searched for in the PATH of ``environment``.

    Every descriptor we have ends with the exec. Raises OSError with ``argv[0]`` as its filename.
    """
    actions = (
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, output, 1),
        (os.POSIX_SPAWN_DUP2, output, 2),
    )
    names = [argv[0]]
    if "/" not in argv[0]:
        names = [f"{folder}/{argv[0]}" for folder in environment.get("PATH", "").split(":") if folder]
    reason = errno.ENOENT
    for name in names:
        try:
            return os.posix_spawn(
                name, argv, environment, file_actions=actions, setsid=True, setsigmask=(), setsigdef=_DEFAULTED
            )
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            reason = error.errno or reason
    raise OSError(reason, os.strerror(reason), argv[0])
