"""The containers, built and started once for all tests; ``make docker-test`` gives them an engine and a base."""

import contextlib
import json
import os
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docker.stack import DATETIME, MASTER_KEY, Stack, Terminal, docker

HERE = Path(__file__).parent
KIT = (HERE.parent / "attacks/kit.py").read_text("utf-8")
PROBE = (HERE / "probe.py").read_text("utf-8").replace("from tests.attacks.kit import NUMBERS, call\n", KIT)
METADATA = "169.254.169.254"


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    if "BASE_IMAGE" not in os.environ:
        pytest.fail("these tests want an engine and a base image: make docker-test")
    stack = Stack()
    try:
        stack.build()
        stack.up(DATETIME)
        yield stack
    finally:
        stack.down()


class _Listening(socketserver.BaseRequestHandler):
    """Says that it was reached."""

    def handle(self) -> None:
        self.request.recv(1024)
        self.request.sendall(b"the host answers")


@contextlib.contextmanager
def listening(address: str, port: int = 0) -> Iterator[int]:
    with socketserver.ThreadingTCPServer((address, port), _Listening) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture(scope="session")
def host_ports(stack: Stack) -> Iterator[tuple[int, int]]:
    """Two ports of the host that containers reach it on; and its metadata address, where it has that."""
    del stack
    gateway = json.loads(docker("network", "inspect", "bridge"))[0]["IPAM"]["Config"][0]["Gateway"]
    with contextlib.ExitStack() as open_now, contextlib.suppress(OSError):
        ports = open_now.enter_context(listening(gateway)), open_now.enter_context(listening(gateway))
        with contextlib.suppress(OSError):  # an engine that ran already: nothing answers there, for nobody
            open_now.enter_context(listening(METADATA, 80))
        yield ports


@pytest.fixture(scope="session")
def terminal(stack: Stack) -> Iterator[Terminal]:
    """An agent that waits at its prompt."""
    terminal = Terminal(stack, stack.workspace(probe__py=PROBE))
    try:
        terminal.prompt()
        yield terminal
    finally:
        terminal.close()


Findings = dict[str, Any]


@pytest.fixture(scope="session")
def in_lock(stack: Stack, host_ports: tuple[int, int]) -> Findings:
    """What the probe found where the model's commands run."""
    workspace = stack.workspace(probe__py=PROBE)
    command = f"python3 probe.py {MASTER_KEY} {host_ports[0]} {host_ports[1]} > found.txt 2> errors.txt"
    answer = stack.ask(workspace, f"call: shell {json.dumps({'command': command})}\n---\ntext: done\n")
    assert answer.results("shell"), answer.events
    return _read((workspace / "found.txt").read_text("utf-8"), (workspace / "errors.txt").read_text("utf-8"))


@pytest.fixture(scope="session")
def in_container(terminal: Terminal, host_ports: tuple[int, int]) -> Findings:
    """What the probe found beside the agent, in its container and as its user."""
    return probed(terminal.container, "python3", "1000:1000", host_ports)


@pytest.fixture(scope="session")
def in_server(stack: Stack, host_ports: tuple[int, int]) -> Findings:
    """What the probe found beside the datetime server."""
    return probed(stack.container(DATETIME), "/app/.venv/bin/python", "10001:10001", host_ports)


def probed(container: str, python: str, user: str, ports: tuple[int, int]) -> Findings:
    done = subprocess.run(
        ["docker", "exec", "-i", "-u", user, "-w", "/tmp", container, python, "-", MASTER_KEY, *map(str, ports)],
        input=PROBE,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return _read(done.stdout, done.stderr)


def _read(printed: str, errors: str) -> Findings:
    lines = printed.splitlines()
    assert lines, errors
    found: Findings = json.loads(lines[-1])
    return found
