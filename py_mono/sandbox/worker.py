"""GUEST. The worker's entry: lock first, then init and the server that answers calls.

Started as ``python -I -S -c BOOT ROOT PROFILE-JSON`` with a clean environment, the wire on descriptor 3 and a pipe on
4, to which the process that stays (init) has its pid written, in decimal with a newline, as the starter knows it.
"""

import gc
import os
import signal
import socket
import sys

from py_mono.sandbox import confine, home, landlock, processes
from py_mono.sandbox.commands import WorkerCommands
from py_mono.sandbox.init import Init
from py_mono.sandbox.profile import LAYERS, Profile
from py_mono.sandbox.server import Server
from py_mono.sandbox.wire import encode
from py_mono.tools.builtin import edit_file, grep, list_files, read_file, shell, write_file
from py_mono.tools.builtin.context import Context
from py_mono.tools.builtin.reads import ReadLog

TYPE_CHECKING = False  # spelled out: importing typing costs the worker 4 ms
if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event
    from typing import Any, NoReturn

WIRE = 3
REPORT = 4
_PRIVATE_WIRE = 200  # where no program that counts on low numbers finds it
_MAX_DESCRIPTORS = 1 << 20
_OFF = "off: the operator chose --sandbox off"
_OFF_OPEN = "tools run unconfined: they can read and change whatever this user can, and reach the network"
_MODULES = (
    list_files,
    read_file,
    write_file,
    edit_file,
    grep,
    shell,
)  # imported before the lock, which keeps bytecode from being written
TOOLS = {module.SPEC["name"]: module for module in _MODULES}


def main() -> "NoReturn":
    """Be the worker; the last argument is the profile."""
    profile = Profile.from_json(sys.argv[-1])
    os.closerange(REPORT + 1, _MAX_DESCRIPTORS)
    wire = socket.socket(fileno=_move(WIRE, _PRIVATE_WIRE))
    report = None if profile.backend == "bubblewrap" else _move(REPORT, _PRIVATE_WIRE + 1)
    if os.getsid(0) != os.getpid():
        os.setsid()
    lock, narrow = _confine(profile, report, wire)
    processes.become_subreaper()
    requests, requests_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sweeps, sweeps_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))  # until init can take the server along
    server = os.fork()
    if server == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))
        requests_end.close()
        sweeps_end.close()
        _serve(wire, WorkerCommands(requests, sweeps, dict(os.environ)), profile, lock)
    for ours in (wire, requests, sweeps):
        ours.close()
    Init(requests_end, sweeps_end, server, narrow).serve()


def _confine(
    profile: Profile, report: int | None, wire: socket.socket
) -> "tuple[dict[str, Any], Callable[[], object]]":
    """Put the lock on; also gives what a command's process does before it becomes the command.

    ``report`` is None where bubblewrap told the pid itself, and kept the descriptor.
    """

    def report_pid(pid: int) -> None:
        if report is not None:
            os.write(report, b"%d\n" % pid)

    if profile.backend == "off":
        home.work_in_copy(profile)
        lock = {"layers": dict.fromkeys(LAYERS, _OFF), "open": [_OFF_OPEN]}
    else:
        try:
            lock = confine.enter(profile, report_pid)
        except (confine.ConfineError, OSError) as error:
            remedy = (
                getattr(error, "remedy", "")
                or "Allow user namespaces or Landlock on this machine, or choose another --sandbox."
            )
            message = f"the sandbox could not be set up: {error}"
            wire.sendall(encode("hello", tools=[], lock={}, error=message, remedy=remedy))
            os._exit(1)
    if os.getpid() != 1:  # who has a pid namespace was reported by the one outside
        report_pid(os.getpid())
    if report is not None:
        os.close(report)
    return lock, (lambda: None) if profile.backend == "off" else landlock.scope_signals


def _move(descriptor: int, to: int) -> int:
    """Give a descriptor a high number that no started program inherits."""
    os.dup2(descriptor, to, inheritable=False)
    os.close(descriptor)
    return to


def _serve(wire: socket.socket, commands: WorkerCommands, profile: Profile, lock: "dict[str, Any]") -> "NoReturn":
    status = 1
    try:
        os.chdir(profile.workspace)
        reads = ReadLog()

        def make_context(cancelled: "Event", emit: "Callable[[str], None]") -> Context:
            return Context(
                workspace=profile.workspace,
                commands=commands,
                reads=reads,
                emit=emit,
                cancelled=cancelled,
                private_tmp=profile.private_tmp,
                extra_roots=(*profile.extra_roots, *profile.outside),
                timeout_ceiling_s=profile.timeout_ceiling_s,
            )

        gc.freeze()
        gc.enable()
        Server(wire, TOOLS, commands, make_context).serve(lock)
        status = 0
    finally:
        os._exit(status)
