"""GUEST. The runner: watches over one command at a time; starts it, waits for it, and leaves nothing of it behind.

It adopts whatever the command's processes leave (subreaper), so ending one command never touches its neighbour; when
nothing is left of one it takes the next; a background command is its last (``jobs/supervise``). It waits for a request from the server: a
message of JSON with two descriptors, the command's control socket and its output; JSON too long for a message comes on
the control socket, behind its length in 4 bytes. There may later come ``stop``; back go lines: ``started PID``
(background only), ``failed ERRNO WHAT``, ``ended STATUS`` (as ``wait`` gives it).
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
import time

from py_mono.sandbox import processes
from py_mono.sandbox.jobs.supervise import Door, Log, Supervisor

TYPE_CHECKING = False  # spelled out: importing typing costs the worker 4 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, NoReturn

_LONG = b"long"
_LONGEST = 32_768  # bytes of JSON that go into a message
_GRACE_MS = 300
_RETRY_S = 0.05
_LENGTH = struct.Struct("=I")
_PID = struct.Struct("=i")
_DEFAULTED = (signal.SIGPIPE, signal.SIGXFSZ)  # the two that Python ignores; handlers end with the exec


def send_request(requests: socket.socket, request: "dict[str, Any]", ends: "list[int]", control: socket.socket) -> None:
    """Have a runner take ``argv``, ``cwd``, ``environment`` and ``background``: None, or what the supervisor is to know.

    It gets ``ends``, its end of ``control`` and the output's. Raises OSError.
    """
    body = json.dumps(request).encode()
    if len(body) <= _LONGEST:
        socket.send_fds(requests, [body], ends)
    else:
        socket.send_fds(requests, [_LONG], ends)
        control.sendall(_LENGTH.pack(len(body)) + body)


def read_notes(notes: int) -> "Iterator[int]":
    """The runners that said that they took their last command."""
    return (pid for (pid,) in _PID.iter_unpack(os.read(notes, 1024 * _PID.size)))


def run(requests: socket.socket, notes: int, narrow: "Callable[[], object]") -> "NoReturn":
    """Be a runner, in a fresh child of init, until the server is gone; ``notes`` is where init reads.

    ``narrow`` is called in a thread of its own, which then does all there is to do: commands inherit what it did, and the
    process as a whole, which a signal would end, does not (restrictions of Landlock are a thread's own).
    """
    runner = _Runner(requests, notes)
    processes.become_subreaper()
    while True:
        try:
            _thread.start_new_thread(runner.work, (narrow,))
        except RuntimeError:  # the limit on processes forbids it: another try a little later
            time.sleep(_RETRY_S)
        else:
            break
    while True:
        signal.pause()


class _Runner:
    """What a runner does; one object a process."""

    def __init__(self, requests: socket.socket, notes: int) -> None:
        self._requests = requests
        self._notes = notes
        self._init = os.pidfd_open(os.getppid())

    def work(self, narrow: "Callable[[], object]") -> "NoReturn":
        """Take one request after the other."""
        try:
            refused = None
            try:
                narrow()
            except OSError as error:
                refused = error
            while True:
                control, output, request = _take_request(self._requests)
                answer = self._run(request, control, output, refused)
                _report(control, answer)
                control.close()
        finally:
            os._exit(1)  # the main thread would wait for ever

    def _run(self, request: "dict[str, Any]", control: socket.socket, output: int, refused: "OSError | None") -> bytes:
        """Run a command to its end, or a background one until nothing is left of it, and this process ends too."""
        try:
            if refused:
                raise refused  # nothing is started wider than it should be
            if request["background"]:
                self._run_background(request, request["background"], control, output)
            os.chdir(request["cwd"])
            command = _spawn(request["argv"], request["environment"], output)
        except OSError as error:
            what = "program" if error.filename == request["argv"][0] else "cwd"
            return b"failed %d %s\n" % (error.errno or 0, what.encode())
        except ValueError as error:  # a zero byte, which no argument can hold
            return b"failed 0 %s\n" % str(error).encode()
        finally:
            os.close(output)
        return b"ended %d\n" % _attend(command, self._init, control)

    def _run_background(
        self, request: "dict[str, Any]", details: "dict[str, Any]", control: socket.socket, log: int
    ) -> "NoReturn":
        """Supervise a background command, and end with it. Raises OSError and ValueError where it cannot be started."""
        door = Door(details["folder"], details["name"], details["command"])
        output, output_end = os.pipe()
        try:
            os.chdir(request["cwd"])
            command = _spawn(request["argv"], request["environment"], output_end)
        except (OSError, ValueError):
            os.close(output)
            door.close()
            raise
        finally:
            os.close(output_end)
        _report(control, b"started %d\n" % command)
        os.write(self._notes, _PID.pack(os.getpid()))  # killed before this it is replaced: rather one too many
        supervisor = Supervisor(
            command,
            control=control,
            init=self._init,
            door=door,
            timeout_s=details["timeout_s"],
        )
        _report(control, supervisor.attend(output, Log(log)))
        os._exit(0)


def _take_request(requests: socket.socket) -> "tuple[socket.socket, int, dict[str, Any]]":
    descriptors = array.array("i")
    space = socket.CMSG_SPACE(2 * descriptors.itemsize)
    body, ancillary, _, _ = requests.recvmsg(_LONGEST, space, socket.MSG_CMSG_CLOEXEC)
    for level, kind, payload in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(payload)
    if len(descriptors) != 2:  # noqa: PLR2004 - control and output
        os._exit(1)  # init makes another, but where the server is gone: then it ends too
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, descriptors[0])
    if body == _LONG:
        body = _receive(control, _LENGTH.unpack(_receive(control, _LENGTH.size))[0])
    return control, descriptors[1], json.loads(body)


def _receive(control: socket.socket, count: int) -> bytes:
    pieces = b""
    while len(pieces) < count:
        piece = control.recv(count - len(pieces))
        if not piece:
            os._exit(1)  # as above
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


def _spawn(argv: "list[str]", environment: "dict[str, str]", output: int) -> int:
    """Start a program in a session of its own, searched for in the PATH of ``environment``.

    Every descriptor we have ends with the exec. Raises OSError with ``argv[0]`` as its filename.
    """
    actions = (
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, output, 1),
        (os.POSIX_SPAWN_DUP2, output, 2),
    )
    names: Iterable[str] = (argv[0],)
    if "/" not in argv[0]:
        found = (f"{folder}/{argv[0]}" for folder in environment.get("PATH", "").split(":") if folder)
        names = (name for name in found if os.access(name, os.X_OK))  # much cheaper than a start that fails
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
