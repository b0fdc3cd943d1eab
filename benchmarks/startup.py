"""Starting: ``--version``, and the prompt on the screen of a terminal."""

import fcntl
import os
import re
import select
import struct
import sys
import termios
import time
from dataclasses import dataclass

import pyte

from benchmarks.processes import NotMeasured, Running, cpu_ms, end_orphans, stop_and_count
from benchmarks.rows import Row, median
from benchmarks.sides import Bench, bare_python, product_command

PROMPT = re.compile(r">\s*$")  # what stands before the cursor once a line can be typed
_LOOK_S = 20.0


def version(bench: Bench) -> list[Row]:
    """CPU of ``py-mono --version``, beside an interpreter that does nothing."""
    commands = {"product": product_command(bench, "--version"), "floor": bare_python(bench, "pass")}
    best = {
        side: min(Running(command).wait().cpu_ms for _ in range(bench.best_of + 1))
        for side, command in commands.items()
    }
    return [Row("--version, CPU", "ms", best["product"], best["floor"], 25)]


def prompt(bench: Bench) -> list[Row]:
    """CPU of all processes when the prompt is on the screen, beside ``import asyncio``; and the time it takes."""
    command = product_command(bench)
    argv, env = command.argv, {**command.env, "COLUMNS": "80", "LINES": "24"}
    seen = [until_prompt(argv, str(command.cwd), env) for _ in range(bench.best_of + 1)]
    floor = bare_python(bench, "import asyncio")
    floor_runs = [Running(floor).wait() for _ in range(bench.best_of + 1)]
    distribution = sys.base_prefix == "/usr"
    kind = "a distribution's" if distribution else "a self-built"
    host = min(spent.host for spent in seen)
    note = f"{kind} Python; of this the host process {host:.0f} ms; the floor is `import asyncio`"
    return [
        Row("prompt on screen, CPU", "ms", min(spent.tree for spent in seen), min(run.cpu_ms for run in floor_runs),
            150 if distribution else 190, note=note),
        Row("prompt on screen", "ms", median([spent.wall for spent in seen[1:]]), median([run.wall_ms for run in floor_runs])),
    ]  # fmt: skip


@dataclass(frozen=True)
class Spent:
    """What it took until the prompt was there, in ms: CPU of the first process, CPU of all of them, and time."""

    host: float
    tree: float
    wall: float


def until_prompt(argv: tuple[str, ...], cwd: str, env: dict[str, str]) -> Spent:
    """What one start took."""
    started = time.monotonic_ns()
    pid, terminal = os.forkpty()
    if pid == 0:
        try:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
            os.chdir(cwd)
            os.execve(argv[0], argv, env)
        finally:
            os._exit(127)
    try:
        await_prompt(terminal)
        wall = (time.monotonic_ns() - started) / 1e6
        host = cpu_ms(pid)
    finally:
        tree = stop_and_count(pid)
        os.close(terminal)
        end_orphans()
    return Spent(host, tree, wall)


class EmulatedScreen(pyte.Screen):
    """A terminal that answers what programs ask terminals."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        super().__init__(80, 24)

    def write_process_input(self, data: str) -> None:
        """Answer."""
        os.write(self._terminal, data.encode())


def await_prompt(terminal: int) -> None:
    """Read like a terminal would until the cursor stands behind the prompt.

    Raises:
        NotMeasured: It does not come.
    """
    screen = EmulatedScreen(terminal)
    stream = pyte.ByteStream(screen)
    until = time.monotonic() + _LOOK_S
    while (left := until - time.monotonic()) > 0 and select.select([terminal], [], [], left)[0]:
        try:
            stream.feed(os.read(terminal, 65536))
        except OSError:  # how Linux says that the other side has ended
            break
        if PROMPT.search(screen.display[screen.cursor.y][: screen.cursor.x]):
            return
    shown = "\n".join(line.rstrip() for line in screen.display).strip()
    raise NotMeasured(f"no prompt on the screen, only {shown[-600:]!r}")
