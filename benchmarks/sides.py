"""The two sides of each comparison: how the product and the floor are started."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.processes import TIMEOUT_S, Command, NotMeasured, keep

HERE = Path(__file__).parent
INSTALLED = Path(os.environ.get("BENCH_BIN") or Path(sys.executable).parent).absolute()
"""Where the program that is measured is installed: ``make bench`` names an environment as users have it, without the
development tools, whose imports would count."""

PYTHON = str(INSTALLED / "python")
TASK = "Run echo step-1, then go on as you are told."
_DROPPED = ("PYTHON", "OLLAMA_", "LLM_", "PY_MONO_", "WORKSPACE_ROOT", "DYNAMIC_TOOLS_DIR")


def clean_environment(**more: str) -> dict[str, str]:
    """Ours without what changes how Python or py-mono run.

    ``PYTHONDONTWRITEBYTECODE`` above all: with it a start compiles again every module whose bytecode is stale.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_DROPPED)}
    return kept | more


class Server:
    """The scripted server: see ``server.py`` for what it is told and answers."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(HERE / "server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=clean_environment(),
        )
        keep(self._process.pid)
        self.port: int = self.next_line()["port"]

    def start(self, steps: int, *, hold: bool = False) -> None:
        """Begin a script of ``steps`` requests."""
        self._tell({"steps": steps, "hold": hold})

    def stream(self, answer: list[str], *, gap_us: int) -> None:
        """Begin a script whose every reply is this text, in these pieces."""
        self._tell({"answer": answer, "gap_us": gap_us})

    def report(self) -> dict[str, Any]:
        """What happened since the script began."""
        return self._tell("report")

    def held(self) -> bool:
        """Whether the chat request of a script with ``hold`` has arrived."""
        assert self._process.stdout
        if not select.select([self._process.stdout], [], [], 0)[0]:
            return False
        return "held" in self.next_line()

    def next_line(self) -> dict[str, Any]:
        """What the server says next.

        Raises:
            NotMeasured: It says nothing for ``TIMEOUT_S``.
        """
        assert self._process.stdout
        if not select.select([self._process.stdout], [], [], TIMEOUT_S)[0]:
            raise NotMeasured("no request reached the scripted server")
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End it."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def _tell(self, command: object) -> dict[str, Any]:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()
        return self.next_line()


@dataclass(frozen=True)
class Bench:
    """What a measure is given.

    Attributes:
        server: The scripted server.
        scratch: A folder for workspaces and state, gone afterwards.
        product: Makes the command of one task on the product's side.
        rounds: How often a comparison is repeated; medians are taken.
        best_of: How often a CPU time is taken; the least one counts.
    """

    server: Server
    scratch: Path
    product: Callable[["Bench"], Command]
    rounds: int
    best_of: int

    def task(self, side: str) -> Command:
        """The command that does the scripted task: ``product`` or ``floor``."""
        return self.product(self) if side == "product" else floor_task(self)

    def folder(self, name: str) -> Path:
        """A folder in the scratch folder, made when it is first asked for."""
        path = self.scratch / name
        path.mkdir(parents=True, exist_ok=True)
        return path


def floor_task(bench: Bench) -> Command:
    """The floor, under the product's own interpreter."""
    argv = (PYTHON, "-I", str(HERE / "floor.py"), "127.0.0.1", str(bench.server.port), TASK)
    return Command(argv, bench.folder("workspace"), clean_environment())


def bare_python(bench: Bench, code: str) -> Command:
    """The product's interpreter with a line of Python."""
    return Command((PYTHON, "-I", "-c", code), bench.folder("workspace"), clean_environment())


def product_task(bench: Bench) -> Command:
    """py-mono with one prompt and the Ollama provider."""
    return product_command(bench, "-p", TASK, "--provider", "ollama", "-m", "bench")


def product_command(bench: Bench, *arguments: str, cwd: Path | None = None) -> Command:
    """py-mono as it was installed beside this interpreter, with a state folder of its own.

    Raises:
        NotMeasured: It is not installed.
    """
    program = INSTALLED / "py-mono"
    if not program.exists():
        raise NotMeasured("py-mono is not installed beside this Python: run `make setup`")
    base = f"http://127.0.0.1:{bench.server.port}"
    folders = {"PY_MONO_HOME": str(bench.folder("home")), "TMPDIR": str(bench.folder("tmp"))}
    env = clean_environment(OLLAMA_BASE_URL=base, TERM="xterm-256color", **folders)
    return Command((str(program), *arguments), cwd or bench.folder("workspace"), env)
