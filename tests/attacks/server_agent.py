"""An agent with a server of its operator's, and what is around it: ``python server_agent.py REPOSITORY JOB-JSON``.

The job says whether the server runs bare, or in its lock; for each attack it is started anew, and what it says is the outcome.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from typing import Any

sys.path.insert(0, sys.argv[1])

from py_mono.sandbox import kernel
from py_mono.sandbox.program import Programs

_PR_SET_PTRACER = 0x59616D61


def main() -> None:
    """Carry out the job, and print a line of JSON: what each attack came to."""
    job: dict[str, Any] = json.loads(sys.argv[2])
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    with suppress(OSError):  # so that no security module spares the lock the work
        kernel.prctl("", _PR_SET_PTRACER, (1 << 64) - 1)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(job["socket"])
    listener.listen()
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind(f"\0{job['abstract']}")
    abstract.listen()
    server = socket.create_server(("127.0.0.1", 0))
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(server.getsockname())
    ours, wire = socket.socketpair()
    wire.set_inheritable(True)
    programs = Programs(
        workspace=job["workspace"],
        state_folder=job["state"],
        backend=job["backend"],
        environment={**os.environ, "PATH": "/usr/bin:/bin"},
        layers=job["layers"],
    )
    facts = {**job["facts"], "agent": os.getpid(), "port": server.getsockname()[1]}
    outcomes = {}
    for name, source in job["attacks"].items():
        argv = [sys.executable, "-I", "-S", "-c", source, json.dumps(facts)]
        environment = dict(os.environ)
        if not job["bare"]:
            argv, environment = programs.command("hostile", argv, {}, network=job["network"])
        done = subprocess.run(
            argv,
            env=environment,
            cwd=job["workspace"],
            capture_output=True,
            text=True,
            check=False,
            close_fds=False,
            timeout=30,
        )
        outcomes[name] = done.stdout.strip() or done.stderr.strip()[-300:]
    for name, end in (("receive on a descriptor of its own", ours), ("receive a datagram of the server's", datagrams)):
        end.settimeout(0)
        try:
            outcomes[name] = end.recv(100).decode()
        except BlockingIOError:
            outcomes[name] = "nothing came"
    programs.close()
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main()
