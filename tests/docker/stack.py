"""The compose file as people use it, under a project name and image names of its own, and taken down again."""

import json
import os
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pexpect
import pyte

ROOT = Path(__file__).resolve().parents[2]
AGENT = "py-coding-agent"
DATETIME = "datetime-mcp"
MASTER_KEY = f"master-{secrets.token_hex(16)}"
"""Stands in the environment of everything that is built and started here."""
OWNER = (1000, 1000)
_BUILD_S = 1200
_RUN_S = 180
_HEALTH_S = 90
_PROMPT = re.compile(r">\s*$")  # what stands before the cursor once a line can be typed


def compose_command() -> list[str]:
    """Compose v2 where ``docker`` has it, else v1."""
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if plugin.returncode == 0:
        return ["docker", "compose"]
    return ["docker-compose"]


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=_RUN_S)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def inspect(thing: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(docker("inspect", thing))
    return found[0]


class Stack:
    """Everything that one ``docker compose`` project is."""

    def __init__(self) -> None:
        self.project = f"pymonotest{secrets.token_hex(3)}"
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.project}-", dir=os.environ.get("TMPDIR", "/var/tmp")))
        self.folder.chmod(0o755)
        self._compose = compose_command()
        names = {service: {"image": self.image(service)} for service in (AGENT, DATETIME)}
        self._override = self.folder / "names.json"
        self._override.write_text(json.dumps({"services": names}), encoding="utf-8")
        self._settings = self.folder / "none.env"  # and not the .env of who runs this
        self._settings.touch()
        self._count = 0

    def image(self, service: str) -> str:
        """Not the names of the compose file: somebody may have these images."""
        return f"{self.project}-{service}"

    def workspace(self, owner: tuple[int, int] = OWNER, **files: str) -> Path:
        """A folder that belongs to somebody; names of files are written with ``__`` for the dot."""
        self._count += 1
        folder = self.folder / f"workspace-{self._count}"
        folder.mkdir()
        for name, text in files.items():
            (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
        if os.geteuid() == 0:
            for path in (folder, *folder.iterdir()):
                os.chown(path, *owner)
        return folder

    def environment(self, workspace: Path | None = None) -> dict[str, str]:
        here = {name: value for name in ("DOCKER_HOST", "HOME", "PATH") if (value := os.environ.get(name))}
        return {
            **here,
            "BASE_IMAGE": os.environ["BASE_IMAGE"],
            "COMPOSE_PROJECT_NAME": self.project,
            "LLM_MASTER_KEY": MASTER_KEY,
            "TERM": "xterm-256color",
            "WORKSPACE_DIR": str(workspace or self.folder),
        }

    def command(self, *arguments: str) -> list[str]:
        files = ("-f", str(ROOT / "docker-compose.yml"), "-f", str(self._override))
        return [*self._compose, "--env-file", str(self._settings), *files, *arguments]

    def compose(self, *arguments: str, workspace: Path | None = None, limit_s: float = _RUN_S) -> str:
        """Run compose and give what it printed."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=ROOT,
            env=self.environment(workspace),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=limit_s,
        )
        assert done.returncode == 0, f"compose {' '.join(arguments)}:\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        return done.stdout

    def build(self) -> None:
        self.compose("build", limit_s=_BUILD_S)

    def up(self, service: str = DATETIME) -> None:
        """Start a service and wait until its health check has succeeded."""
        self.compose("up", "--detach", "--no-build", service)
        self.until_healthy(service)

    def container(self, service: str) -> str:
        return self.compose("ps", "--quiet", service).strip()

    def until_healthy(self, service: str) -> None:
        deadline = time.monotonic() + _HEALTH_S
        while (state := inspect(self.container(service))["State"])["Health"]["Status"] != "healthy":
            assert time.monotonic() < deadline, f"{service} did not get healthy: {state}"
            time.sleep(0.2)

    def ask(self, workspace: Path, script: str) -> "Answer":
        """One turn of the agent, with ``script`` in place of a model."""
        path = workspace / "script.txt"
        path.write_text(script, encoding="utf-8")
        printed = self.compose(
            *("run", "--rm", "-T", "-e", "PY_MONO_SCRIPT=/workspace/script.txt", "-e", "LLM_PROVIDER=scripted"),
            *(AGENT, "-p", "go on", "--output-format", "stream-json"),
            workspace=workspace,
        )
        return Answer(printed.splitlines())

    def down(self) -> None:
        """Take away containers, networks, volumes, images and folders."""
        left = docker("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={self.project}").split()
        if left:  # those of `compose run`, which v1 does not take down
            docker("rm", "--force", "--volumes", *left)
        self.compose("down", "--volumes", "--remove-orphans")
        for service in (AGENT, DATETIME):
            subprocess.run(["docker", "rmi", self.image(service)], capture_output=True, check=False)
        shutil.rmtree(self.folder)


class Answer:
    """The events of a turn."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.events: list[dict[str, Any]] = [json.loads(line)["event"] for line in lines if line.startswith('{"seq"')]

    def results(self, tool: str) -> list[dict[str, Any]]:
        """What a tool answered, call by call."""
        found = (event["result"] for event in self.events if event["type"] == "tool_finished")
        return [result for result in found if result["name"] == tool]

    def end(self) -> dict[str, Any]:
        return self.events[-1]


class Terminal:
    """The agent, interactive, as ``compose run`` starts it in a terminal."""

    def __init__(self, stack: Stack, workspace: Path, *arguments: str) -> None:
        self.container = f"{stack.project}-terminal-{secrets.token_hex(2)}"
        command, *rest = stack.command("run", "--rm", "--name", self.container, AGENT, *arguments)
        self._screen = pyte.Screen(120, 40)
        self._stream = pyte.Stream(self._screen)
        self._child = pexpect.spawn(
            command,
            rest,
            cwd=ROOT,
            env=stack.environment(workspace),
            dimensions=(40, 120),
            encoding="utf-8",
            use_poll=True,
        )

    def prompt(self) -> float:
        """When the prompt was there, in seconds of the wall clock."""
        deadline = time.monotonic() + _RUN_S
        while not _PROMPT.search(self._screen.display[self._screen.cursor.y][: self._screen.cursor.x]):
            assert time.monotonic() < deadline, "\n".join(self._screen.display)
            try:
                self._stream.feed(self._child.read_nonblocking(65536, timeout=1))
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                raise AssertionError("\n".join(self._screen.display)) from None
        return time.time()

    def close(self) -> None:
        subprocess.run(["docker", "rm", "--force", "--volumes", self.container], capture_output=True, check=False)
        self._child.close(force=True)
