"""GUEST. The runner: one process per command; starts it, waits for it, and leaves nothing of it behind.

It is forked from init for each command and adopts whatever the command's processes leave (subreaper), so ending one
command never touches its neighbour. Over its control socket it gets one request (4 bytes length, JSON), then at most
one ``stop``; it answers with lines: ``started PID``, ``failed ERRNO WHAT``, ``ended STATUS`` (as ``wait`` gives it).
"""

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

STOP = b"stop"
_GRACE_MS = 300
_LENGTH = struct.Struct("=I")


def pack_request(request: "dict[str, Any]") -> bytes:
    """``argv``, ``cwd``, ``environment`` and ``background``, as the runner reads them."""
    body = json.dumps(request).encode()
    return _LENGTH.pack(len(body)) + body


def _receive(control: socket.socket, count: int) -> bytes:
    pieces = b""
    while len(pieces) < count:
        piece = control.recv(count - len(pieces))
        if not piece:
            os._exit(0)  # the server is gone before it said what to run
        pieces += piece
    return pieces


def run(control: socket.socket, output: int, narrow: "Callable[[], None]") -> "NoReturn":
    """Be the runner, in a fresh child of init. ``narrow`` is called in the command's process before ``exec``."""
    init = os.pidfd_open(os.getppid())
    processes.become_subreaper()
    request = json.loads(_receive(control, _LENGTH.unpack(_receive(control, _LENGTH.size))[0]))
    errors, error_end = os.pipe()
    command = os.fork()
    if command == 0:
        _become(request, output, error_end, narrow)
    os.close(output)
    os.close(error_end)
    failure = os.read(errors, 4096)  # ends with the exec
    if failure:
        os.waitpid(command, 0)
        _report(control, b"failed " + failure + b"\n")
        os._exit(0)
    if request["background"]:
        _report(control, b"started %d\n" % command)
    statuses = _attend(command, init, None if request["background"] else control)
    _report(control, b"ended %d\n" % statuses[command])
    os._exit(0)


def _report(control: socket.socket, line: bytes) -> None:
    try:
        control.sendall(line)
    except OSError:  # the server is gone or, after a background start, no longer listens
        return


def _attend(command: int, init: int, control: "socket.socket | None") -> dict[int, int]:
    """Wait until the command ends, or must (asked to, or nobody is left to ask); then nothing of it is left."""
    ended = os.pidfd_open(command)
    poll = select.poll()
    for descriptor in (ended, init) if control is None else (ended, init, control.fileno()):
        poll.register(descriptor, select.POLLIN)
    ready = {descriptor for descriptor, _ in poll.poll()}
    if ended not in ready and init not in ready:
        processes.send(processes.descendants(), signal.SIGTERM)
        grace = select.poll()
        grace.register(ended, select.POLLIN)
        grace.poll(_GRACE_MS)
    return processes.end_descendants()


def _become(request: "dict[str, Any]", output: int, error_end: int, narrow: "Callable[[], None]") -> "NoReturn":
    """Turn into the command; on failure say ``ERRNO WHAT`` on ``error_end``."""
    what = "set up"
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.dup2(error_end, 3, inheritable=False)
        os.closerange(4, 1 << 20)
        error_end = 3
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        what = "cwd"
        os.chdir(request["cwd"])
        what = "set up"
        narrow()
        what = "program"
        _execute(request["argv"], request["environment"])
    except OSError as error:
        os.write(error_end, b"%d %s" % (error.errno or 0, what.encode()))
    except (ValueError, TypeError) as error:  # a zero byte, which no argument can hold
        os.write(error_end, b"0 " + str(error).encode())
    os._exit(127)


def _execute(argv: "list[str]", environment: dict[str, str]) -> None:
    """Like ``execvpe``, but with the PATH of ``environment`` and without its imports. Raises OSError."""
    names = [argv[0]]
    if "/" not in argv[0]:
        names = [f"{folder}/{argv[0]}" for folder in environment.get("PATH", "").split(":") if folder]
    denied: OSError = FileNotFoundError(errno.ENOENT, "not found")
    for name in names:
        try:
            os.execve(name, argv, environment)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError as error:
            denied = error
    raise denied
