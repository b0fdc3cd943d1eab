"""The other end of the hops of ``build_up.py``: runs commands for whoever is at descriptor 3; see there.

Run as ``python -I -S hops.py HOPS``: with 1 it runs them itself, with 2 a process in between hands them on.
"""

import json
import os
import socket
import sys


def run(command: str) -> str:
    """A command's output, stderr included."""
    output, end = os.pipe()
    actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, end, 1),
               (os.POSIX_SPAWN_DUP2, end, 2)]  # fmt: skip
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", command], os.environ, file_actions=actions, setsid=True)
    os.close(end)
    pieces = []
    while piece := os.read(output, 65536):
        pieces.append(piece)
    os.close(output)
    os.waitpid(pid, 0)
    return b"".join(pieces).decode()


def serve(asker: socket.socket, runner: socket.socket | None) -> None:
    """Answer each line, a command as JSON, with its output as JSON; through ``runner`` where there is one."""
    handed_on = runner.makefile("rb") if runner else None
    for line in asker.makefile("rb"):
        if runner and handed_on:
            runner.sendall(line)
            asker.sendall(handed_on.readline())
        else:
            asker.sendall(json.dumps(run(json.loads(line))).encode() + b"\n")


wire = socket.socket(fileno=3)
if sys.argv[1] == "2":
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        wire.close()
        ours.close()
        serve(theirs, None)
        os._exit(0)
    theirs.close()
    serve(wire, ours)
else:
    serve(wire, None)
