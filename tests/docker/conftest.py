"""The containers, built and started once for all tests; ``make docker-test`` gives them an engine and a base."""

import contextlib
import json
import os
import socket
import socketserver
import subprocess
import sys
import threading
import time
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
def host(stack: Stack) -> Iterator[tuple[str, ...]]:
    """The host as containers see it: its address, and two ports on which it answers."""
    del stack
    gateway: str = json.loads(docker("network", "inspect", "bridge"))[0]["IPAM"]["Config"][0]["Gateway"]
    with contextlib.ExitStack() as open_now:
        if os.environ.get("OWN_ENGINE"):
            open_now.enter_context(metadata_service())
        yield (gateway, *(str(open_now.enter_context(listening(gateway))) for _ in range(2)))


@contextlib.contextmanager
def metadata_service() -> Iterator[None]:
    """A machine beside this one that answers as a cloud's metadata service would: only in an engine's own network."""
    program = (
        "import http.server, sys; print(flush=True); sys.stdin.readline(); "
        f"http.server.HTTPServer(({METADATA!r}, 80), http.server.BaseHTTPRequestHandler).serve_forever()"
    )
    with subprocess.Popen(
        ["unshare", "--net", sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as service:
        assert service.stdout is not None
        assert service.stdin is not None
        try:
            service.stdout.readline()
            inside = ("nsenter", f"--net=/proc/{service.pid}/ns/net")
            for command in (
                ("ip", "link", "add", "cloud", "type", "veth", "peer", "name", "eth0", "netns", str(service.pid)),
                ("ip", "addr", "add", "169.254.0.1/16", "dev", "cloud"),
                ("ip", "link", "set", "cloud", "up"),
                (*inside, "ip", "addr", "add", f"{METADATA}/16", "dev", "eth0"),
                (*inside, "ip", "link", "set", "eth0", "up"),
                (*inside, "ip", "route", "add", "default", "via", "169.254.0.1"),
            ):
                subprocess.run(command, check=True)
            service.stdin.write(b"\n")
            service.stdin.flush()
            until_it_answers()
            yield
        finally:
            service.kill()


def until_it_answers() -> None:
    """The host reaches it; so whoever does not was kept from it."""
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection((METADATA, 80), 5).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


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
def in_lock(stack: Stack, host: tuple[str, ...]) -> Findings:
    """What the probe found where the model's commands run."""
    workspace = stack.workspace(probe__py=PROBE)
    command = f"python3 probe.py {MASTER_KEY} {' '.join(host)} > found.txt 2> errors.txt"
    answer = stack.ask(workspace, f"call: shell {json.dumps({'command': command})}\n---\ntext: done\n")
    assert answer.results("shell"), answer.events
    return _read((workspace / "found.txt").read_text("utf-8"), (workspace / "errors.txt").read_text("utf-8"))


@pytest.fixture(scope="session")
def in_container(terminal: Terminal, host: tuple[str, ...]) -> Findings:
    """What the probe found beside the agent, in its container and as its user."""
    return probed(terminal.container, "python3", "1000:1000", host)


@pytest.fixture(scope="session")
def in_server(stack: Stack, host: tuple[str, ...]) -> Findings:
    """What the probe found beside the datetime server."""
    return probed(stack.container(DATETIME), "/app/.venv/bin/python", "10001:10001", host)


def probed(container: str, python: str, user: str, host: tuple[str, ...]) -> Findings:
    done = subprocess.run(
        ["docker", "exec", "-i", "-u", user, "-w", "/tmp", container, python, "-", MASTER_KEY, *host],
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
