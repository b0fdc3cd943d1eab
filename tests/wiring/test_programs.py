"""Servers that are started get what their entry asks for, and no more."""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from py_mono.config import Folders, Settings
from py_mono.mcp_integration.server import Server
from py_mono.protocol.errors import ConfigError, SandboxError
from py_mono.sandbox.branch import WorkerSandbox
from py_mono.sandbox.launch import Launcher
from py_mono.security.keys.manager import KeyManager
from py_mono.security.keys.places import KeyPlaces
from py_mono.wiring.programs import make_programs, uncovered


class Desk:
    """Settings of a session, and servers that are started in it."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.data = base / "data"
        self.data.mkdir()
        (self.data / "f").write_text("data\n")
        (base / "w").mkdir()
        environment = {"PATH": os.environ["PATH"], "PY_MONO_HOME": str(base / "home")}
        settings = Settings.__new__(Settings)
        settings.environment, settings.folders, settings.backend = environment, Folders(environment), "auto"
        settings.workspace = str(base / "w")
        self.programs, self.program = make_programs(settings)

    def said(self, *args: str, **options: object) -> str:
        """What a shell says as a server."""
        entry = {"origin": "user", **options}
        server = Server("one", digest="d", command="sh", args=("-c", *args), **entry)  # type: ignore[arg-type]  # each test gives what fits
        command, environment = self.program(server)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.programs.close()


def test_an_operators_own_entry_opens_what_its_arguments_name_and_a_repositorys_does_not(desk: Desk) -> None:
    show = 'for a in "$@"; do cat "${a#*=}"; done'
    assert "No such file" in desk.said(show, "sh", f"{desk.data}/f", origin="project")
    assert "No such file" in desk.said("cat ../data/f", "sh", "relative", f"{desk.data}/none", "/proc", "/dev/null")
    assert desk.said(show, "sh", f"{desk.data}/f", f"--from={desk.data}/f") == "data\ndata\n"


def test_env_folder_write_and_network_are_the_entrys(desk: Desk) -> None:
    assert desk.said("echo $TOKEN; pwd", env={"TOKEN": "x"}, cwd=str(desk.data)) == f"x\n{desk.data}\n"
    (desk.base / "elsewhere").mkdir()
    there = str(desk.base / "elsewhere")
    assert "is not there, or cannot be seen in the lock" in desk.said("pwd", cwd=there, origin="project")
    assert "Read-only" in desk.said("touch new")
    assert desk.said("touch new", write=True) == ""
    assert desk.said("wc -l < /proc/net/route", network=False) == "1\n"  # the heading


def test_the_lock_is_the_sessions(desk: Desk) -> None:
    command, _ = desk.program(Server("one", "user", "d", command="true"))
    profile, order = json.loads(command[6]), json.loads(command[7])
    assert profile["workspace"] == str(desk.base / "w")
    assert order["sessions"].startswith(str(desk.base / "home/state/keys/"))
    assert profile["extra_roots"][0].startswith(str(desk.base / "home/state/programs/"))


async def test_a_first_key_ends_workers_and_programs_and_a_second_ends_none(desk: Desk) -> None:
    state, workspace = str(desk.base / "home/state"), str(desk.base / "w")
    keys = KeyManager(workspace, state, {"LLM_MASTER_KEY": "A" * 43 + "="}, learned=print, secrets_folder="/nowhere")
    sandbox = WorkerSandbox(Launcher(workspace, sessions=KeyPlaces(workspace, state).sessions))
    await sandbox.lock()

    async def store(name: str) -> None:
        await asyncio.to_thread(keys.set, name, "gsk_0123456789abcdef0123456789abcdef")

    command, environment = desk.program(Server("one", "user", "d", command="cat"))
    try:
        with start(command, environment) as program:
            async with sandbox.uncovered():
                with pytest.raises(ConfigError):
                    await store("groq")
            async with uncovered(sandbox, desk.programs):
                await store("groq")
            assert program.stdout
            assert program.stdout.read() == ""
        command, environment = desk.program(Server("one", "user", "d", command="cat"))
        with start(command, environment) as program:
            async with uncovered(sandbox, desk.programs):
                await store("openai")
            assert program.communicate("still here")[0] == "still here"
        branch = await sandbox.open("direct")
        with start(*desk.program(Server("one", "user", "d", command="cat"))) as program:
            (desk.base / "w/.keys.enc").unlink()
            with pytest.raises(SandboxError, match="a turn runs"):
                async with uncovered(sandbox, desk.programs):
                    pass
            assert program.communicate("still here")[0] == "still here"
        await branch.close()
    finally:
        await sandbox.close()


def start(command: list[str], environment: dict[str, str]) -> "subprocess.Popen[str]":
    """Start a program that says what it hears; it has begun."""
    program = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert program.stdin
    assert program.stdout
    program.stdin.write("\n")
    program.stdin.flush()
    assert program.stdout.readline() == "\n"
    return program
