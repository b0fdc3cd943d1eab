"""``python -m benchmarks.breakdown``: what each promise of py-mono costs over the floor, part by part; see ``build_up.py``."""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import document
from benchmarks.processes import Command, become_subreaper
from benchmarks.rows import median
from benchmarks.sides import HERE, PYTHON, TASK, Bench, Server, clean_environment, floor_task, product_task
from benchmarks.task import STEPS, Run, measured

LEVELS = (
    "asyncio and h11, to be steered and interrupted",
    "and commands in another process, to be locked in",
    "and a process that watches over them",
    "and a journal, synced by a thread",
    "and redaction and digests",
)
BEGIN, END = "<!-- parts: written by `python -m benchmarks.breakdown --write` -->", "<!-- end of parts -->"
_NUMBERS = ("first_request", "gap", "total")


def sides(bench: Bench) -> dict[str, Command]:
    """The floor, each level on it, and py-mono."""
    found = {"the floor": floor_task(bench)}
    for level, name in enumerate(LEVELS, 1):
        journal = bench.scratch / f"journal-{level}"
        argv = (PYTHON, "-I", str(HERE / "build_up.py"), "127.0.0.1", str(bench.server.port), TASK, str(level))
        found[name] = Command((*argv, str(journal)), bench.folder("workspace"), clean_environment())
    return found | {"py-mono": product_task(bench)}


def measure(bench: Bench) -> dict[str, list[Run]]:
    """All of them by turns, forwards and backwards."""
    commands = sides(bench)
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for number in range(bench.rounds + 1):
        for name, command in list(commands.items())[:: 1 if number % 2 else -1]:
            for journal in bench.scratch.glob("journal-*"):
                journal.unlink()  # a new session each time
            run = measured(bench, command, name, STEPS)
            if number:  # the first warms up
                runs[name].append(run)
    return runs


def as_markdown(runs: dict[str, list[Run]]) -> str:
    """A line for each, medians in ms and their ratios to the floor, each round's taken by itself."""
    lines = ["| | start to first request | reply to next request | 20 steps |", "|---|--:|--:|--:|"]
    base = runs["the floor"]
    for name, mine in runs.items():
        cells = []
        for number in _NUMBERS:
            pairs = [(getattr(one, number), getattr(other, number)) for one, other in zip(mine, base, strict=True)]
            ratio = median([one / other for one, other in pairs])
            cells.append(f"{median([one for one, _ in pairs]):.2f} ms, {ratio:.2f} x")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.breakdown", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--write", metavar="FILE", type=Path, help="put the table into this document, between its marks"
    )
    options = parser.parse_args()
    become_subreaper()
    server = Server()
    with tempfile.TemporaryDirectory(prefix="py-mono-bench-") as scratch:
        bench = Bench(server, Path(scratch), product_task, rounds=options.rounds, best_of=1)
        table = as_markdown(measure(bench))
    server.close()
    print(table)
    if options.write:
        document.replace(options.write, BEGIN, END, table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
