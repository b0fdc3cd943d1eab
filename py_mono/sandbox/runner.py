"""GUEST. The runner: watches over one command at a time; starts it, waits for it, and leaves nothing of it behind.

It adopts whatever the command's processes leave (subreaper), so ending one command never touches its neighbour; when
nothing is left of one it takes the next. It waits for a request from the server: a message with two descriptors, the
command's control socket and its output. On the control socket comes the request (4 bytes length, JSON), later perhaps
``stop``; back go lines: ``started PID`` (background only), ``failed ERRNO WHAT``, ``ended STATUS`` (as ``wait`` gives
it). Init is told what each runner does: ``note``.
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
    from collections.abc import Callable, Iterator
    from typing import Any, NoReturn

RUN = b"run"
STOP = b"stop"
_GRACE_MS = 300
_LENGTH = struct.Struct("=I")
_NOTE = struct.Struct("=i?")
_DEFAULTED = (signal.SIGPIPE, signal.SIGXFSZ)  # the two that Python ignores; handlers end with the exec


def pack_request(request: "dict[str, Any]") -> bytes:
    """``argv``, ``cwd``, ``environment`` and ``background``, as the runner reads them."""
    body = json.dumps(request).encode()
    return _LENGTH.pack(len(body)) + body


def note(pid: int, *, idle: bool) -> bytes:
    """What a runner tells init: whether it waits for a request or has taken one. Short enough to be written whole."""
    return _NOTE.pack(pid, idle)


def read_notes(notes: int) -> "Iterator[tuple[int, bool]]":
    """The notes that are there: pid, and whether it is idle."""
    return _NOTE.iter_unpack(os.read(notes, 1024 * _NOTE.size))


def run(requests: socket.socket, notes: int, narrow: "Callable[[], object]") -> "NoReturn":
    """Be a runner, in a fresh child of init, until the server is gone; ``notes`` is where init reads.

    ``narrow`` is called in a thread of its own, which then starts the commands: they inherit what it did, and this
    process, which watches over them, does not.
    """
    pid = os.getpid()
    init = os.pidfd_open(os.getppid())
    processes.become_subreaper()
    spawner = _Spawner(narrow)
    while True:
        control, output = _take_request(requests)
        os.write(notes, note(pid, idle=False))
        request = json.loads(_receive(control, _LENGTH.unpack(_receive(control, _LENGTH.size))[0]))
        answer = _run_one(spawner, request, control, output, init)
        os.write(notes, note(pid, idle=True))  # before the answer: the next request may follow at once
        _report(control, answer)
        control.close()


def _run_one(spawner: "_Spawner", request: "dict[str, Any]", control: socket.socket, output: int, init: int) -> bytes:
    """Run a command to its end, or a background one until nothing is left of it, and this process ends too."""
    try:
        os.chdir(request["cwd"])
        command = spawner.spawn(request["argv"], request["environment"], output)
    except OSError as error:
        what = "program" if error.filename == request["argv"][0] else "cwd"
        return b"failed %d %s\n" % (error.errno or 0, what.encode())
    except ValueError as error:  # a zero byte, which no argument can hold
        return b"failed 0 %s\n" % str(error).encode()
    finally:
        os.close(output)
    if request["background"]:
        _report(control, b"started %d\n" % command)
        _attend_background(init)
        os._exit(0)
    return b"ended %d\n" % _attend(command, init, control)


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


def _attend(command: int, init: int, control: socket.socket) -> int:
    """Wait until the command ends, or must (asked to, or nobody is left to ask); then nothing of it is left."""
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
    os.close(ended)
    return statuses.get(command, 0)


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
    """A thread that narrows itself and then starts programs: restrictions of Landlock are a thread's own."""

    def __init__(self, narrow: "Callable[[], object]") -> None:
        self._narrow = narrow
        self._asked = _thread.allocate_lock()
        self._done = _thread.allocate_lock()
        self._arguments: tuple[list[str], dict[str, str], int] = ([], {}, -1)
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
        refused: OSError | None = None
        try:
            self._narrow()
        except OSError as error:
            refused = error  # nothing is started wider than it should be
        while True:
            self._asked.acquire()
            try:
                self._outcome = refused or _spawn(*self._arguments)
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
        found = (f"{folder}/{argv[0]}" for folder in environment.get("PATH", "").split(":") if folder)
        names = [name for name in found if os.access(name, os.X_OK)]  # much cheaper than a start that fails
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
