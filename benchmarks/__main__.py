"""``python -m benchmarks``: measure, print the table; status 1 only where something could not be measured."""

import argparse
import dataclasses
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    answers,
    calls,
    checkpoints,
    clouds,
    document,
    journal,
    parsing,
    servers,
    startup,
    switching,
    task,
    terminal,
    tools,
)
from benchmarks.processes import NotMeasured, become_subreaper
from benchmarks.rows import Row, as_text
from benchmarks.sides import Bench, Server, floor_task, product_task

MEASURES: dict[str, Callable[[Bench], list[Row]]] = {
    "version": startup.version,
    "prompt": startup.prompt,
    "request": task.first_cpu,
    "steps": task.steps,
    "long": task.long,
    "memory": task.memory,
    "front": task.front,
    "worker": tools.worker,
    "lock": tools.lock,
    "journal": journal.resume,
    "grep": tools.grep,
    "checkpoints": checkpoints.checkpoints,
    "terminal": lambda bench: [*terminal.terminal(bench), *answers.answers(bench)],
    "clouds": clouds.loading,
    "calls": calls.calls,
    "switching": switching.switching,
    "weight": clouds.memory,
    "parsing": parsing.parsing,
    "servers": servers.servers,
}
BOTH_SIDES = ("request", "steps", "long", "memory", "front")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "-k", metavar="NAME", action="append", choices=tuple(MEASURES), help=f"only: {', '.join(MEASURES)}"
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a first look, not to be quoted")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the numbers there too")
    parser.add_argument(
        "--write", metavar="FILE", type=Path, help="put the table into this document, between its marks"
    )
    parser.add_argument(
        "--self-check",
        action="store_true",
        help="the floor on both sides: how far from 1.00 the ratios are is this machine's noise",
    )
    return parser.parse_args()


def machine() -> str:
    """What the numbers were taken on."""
    kind = "a distribution's" if sys.base_prefix == "/usr" else "self-built"
    return (
        f"{platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} processors; "
        f"{platform.python_implementation()} {platform.python_version()}, {kind}; "
        f"load before it began {os.getloadavg()[0]:.1f}"
    )


def _measure(bench: Bench, names: list[str]) -> tuple[list[Row], dict[str, str]]:
    rows, failures = [], {}
    for name in names:
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            rows += MEASURES[name](bench)
        except NotMeasured as error:
            failures[name] = str(error)
    return rows, failures


def main() -> int:
    """Measure what was asked for."""
    options = _arguments()
    names = options.k or list(BOTH_SIDES if options.self_check else MEASURES)
    become_subreaper()
    where = machine()
    server = Server()
    with tempfile.TemporaryDirectory(prefix="py-mono-bench-") as scratch:
        bench = Bench(
            server=server,
            scratch=Path(scratch),
            product=floor_task if options.self_check else product_task,
            rounds=3 if options.quick else 11,
            best_of=3 if options.quick else 10,
        )
        rows, failures = _measure(bench, names)
    server.close()
    if options.self_check:
        rows = [dataclasses.replace(row, limit=None) for row in rows]
    print(f"{where}\n\n{as_text(rows)}")
    for name, why in failures.items():
        print(f"\nnot measured: {name}: {why}")
    if options.json:
        numbers = {
            "version": 1,
            "machine": where,
            "rows": [row.as_json() for row in rows],
            "not_measured": failures,
        }
        options.json.write_text(json.dumps(numbers, indent=2) + "\n")
    if options.write:
        document.write(options.write, rows, where)
    return 1 if failures or any(row.verdict == "not measured" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
