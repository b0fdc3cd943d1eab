"""MCP servers: what they add to the prompt on the screen, and to a call of a tool."""

import json
import socket
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.processes import NotMeasured
from benchmarks.rows import Row, median
from benchmarks.sides import HERE, PYTHON, Bench, clean_environment, product_command
from benchmarks.startup import until_prompt

_CALLS = 150


def servers(bench: Bench) -> list[Row]:
    """Three configured servers, one of them dead, beside none; and a call over HTTP beside a bare client's."""
    taken = _calls()
    return [
        _prompt(bench),
        Row("a call over HTTP, of an MCP server", "ms", median(taken["ours"]), median(taken["bare"]), 1.5, of="ratio",
            note="the floor is fastmcp's client alone, call by call in turns"),
    ]  # fmt: skip


def _calls() -> dict[str, list[float]]:
    done = subprocess.run(
        [PYTHON, "-I", str(HERE / "remote.py"), str(_CALLS)],
        env=clean_environment(),
        capture_output=True,
        check=False,
        text=True,
    )
    if done.returncode:
        raise NotMeasured(f"no call came about: {done.stderr[-600:]}")
    taken: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return taken


def _prompt(bench: Bench) -> Row:
    command = product_command(bench)
    env = {**command.env, "COLUMNS": "80", "LINES": "24"}
    file = Path(env["PY_MONO_HOME"]) / "config" / "mcp.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    added, without = [], []
    with _silent() as dead, _serving() as url:
        entries = {"one": {"url": url}, "two": {"url": url}, "dead": {"url": dead}}
        try:
            for _ in range(2 * bench.best_of + 1):
                file.unlink(missing_ok=True)
                bare = until_prompt(command.argv, str(command.cwd), env).wall
                file.write_text(json.dumps({"mcpServers": entries}), encoding="utf-8")
                added.append(until_prompt(command.argv, str(command.cwd), env).wall - bare)
                without.append(bare)
        finally:
            file.unlink(missing_ok=True)
    spread = statistics.quantiles(added, n=4)
    note = (
        f"the middle one of {len(added)} pairs, half of them between {spread[0]:.1f} and {spread[2]:.1f} ms; without "
        f"servers the prompt takes {median(without):.0f} ms; the dead one takes connections and never answers"
    )
    return Row("three MCP servers, one dead: added to the prompt", "ms", median(added), limit=20, note=note)


@contextmanager
def _silent() -> Iterator[str]:
    """An address that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"


@contextmanager
def _serving() -> Iterator[str]:
    with subprocess.Popen(
        [PYTHON, "-I", str(HERE / "remote.py"), "serve"], env=clean_environment(), stdout=subprocess.PIPE, text=True
    ) as serving:
        try:
            assert serving.stdout
            yield f"http://127.0.0.1:{int(serving.stdout.readline())}/mcp"
        finally:
            serving.kill()
