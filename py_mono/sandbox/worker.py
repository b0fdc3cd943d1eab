"""GUEST. The worker's entry: lock first, then init and the server that answers calls.

Started as ``python -I -S -c BOOT ROOT PROFILE-JSON`` with a clean environment, the wire on descriptor 3 and a pipe on
4, to which the process that stays (init) has its pid written, in decimal with a newline, as the starter knows it.
"""

import os
import socket
import sys

from py_mono.sandbox import processes
from py_mono.sandbox.commands import WorkerCommands
from py_mono.sandbox.init import Init
from py_mono.sandbox.profile import Profile
from py_mono.sandbox.server import Server
from py_mono.tools.builtin.context import Context

TYPE_CHECKING = False  # spelled out: importing typing costs the worker 4 ms
if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event
    from types import ModuleType
    from typing import Any, NoReturn

WIRE = 3
REPORT = 4
_PRIVATE_WIRE = 200  # where no program that counts on low numbers finds it
TOOLS = ("list_files", "read_file", "write_file", "edit_file", "grep", "shell")


def main() -> "NoReturn":
    """Be the worker; ``sys.argv`` holds the profile."""
    profile = Profile.from_json(sys.argv[-1])
    os.closerange(REPORT + 1, 1 << 20)
    wire = socket.socket(fileno=_move(WIRE, _PRIVATE_WIRE))
    if os.getsid(0) != os.getpid():
        os.setsid()
    if profile.backend == "bubblewrap":  # which tells it itself
        os.close(REPORT)
    else:
        _report_pid(os.getpid())
    layers: list[dict[str, Any]] = []
    processes.become_subreaper()
    requests, requests_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server = os.fork()
    if server == 0:
        requests_end.close()
        _serve(wire, requests, profile, layers)
    wire.close()
    requests.close()
    Init(requests_end, server, lambda: None).serve()


def _move(descriptor: int, to: int) -> int:
    """Give a descriptor a high number that no started program inherits."""
    os.dup2(descriptor, to, inheritable=False)
    os.close(descriptor)
    return to


def _report_pid(pid: int) -> None:
    os.write(REPORT, b"%d\n" % pid)
    os.close(REPORT)


def _serve(
    wire: socket.socket, requests: socket.socket, profile: Profile, layers: "list[dict[str, Any]]"
) -> "NoReturn":
    status = 1
    try:
        os.chdir(profile.workspace)
        tools = {name: _module(name) for name in TOOLS}
        commands = WorkerCommands(requests, dict(os.environ))
        reads = _module("reads").ReadLog()

        def make_context(cancelled: "Event", emit: "Callable[[str], None]") -> Context:
            return Context(
                workspace=profile.workspace,
                commands=commands,
                reads=reads,
                emit=emit,
                cancelled=cancelled,
                private_tmp=profile.private_tmp,
                extra_roots=profile.extra_roots,
                timeout_ceiling_s=profile.timeout_ceiling_s,
            )

        Server(wire, tools, commands, make_context).serve(layers)
        status = 0
    finally:
        os._exit(status)


def _module(name: str) -> "ModuleType":
    return __import__(f"py_mono.tools.builtin.{name}", fromlist=["run"])
