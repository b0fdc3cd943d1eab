"""Checkpoints: the first, an unchanged one, a copy, taking back 1,000 changed files. In this process, for they work in one."""

import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.processes import NotMeasured
from benchmarks.rows import Row
from benchmarks.sides import Bench
from py_mono.sandbox.checkpoints.checkpoints import Checkpoints

FILES, MANY, SIZE, CHANGED = 10_000, 100_000, 20_000, 1_000
_WORDS = (b"def ", b"return ", b"self.", b"    ", b"\n", b"value", b"name", b"index", b" = ", b"(item)")


def checkpoints(bench: Bench) -> list[Row]:
    """The best of a few rounds each, wall time, warm cache; the processor's time in the note."""
    rounds = 3 if bench.rounds > 3 else 1
    workspace = _made(bench.folder("snapshots"), FILES, SIZE)
    first = best(rounds, lambda number: lambda: _checkpoints(bench, workspace, f"first{number}").take())
    kept = _checkpoints(bench, workspace, "first0")
    unchanged = best(rounds * 3, lambda _: kept.take)
    copied = best(rounds, lambda number: _copy(kept, bench.folder("copies") / f"{number}"))
    undo = best(rounds, lambda number: _undo(kept, workspace, number))
    shutil.rmtree(workspace)
    workspace = _made(bench.folder("many"), MANY, 100)
    kept = _checkpoints(bench, workspace, "many")
    kept.take()
    many = best(rounds * 3, lambda _: kept.take)
    shutil.rmtree(workspace)
    return [
        _row("first checkpoint of 10,000 files, 200 MB", first, 1000),
        _row("unchanged checkpoint of 10,000 files", unchanged, 80),
        _row("unchanged checkpoint of 100,000 files", many, 700),
        _row("scratch copy of 10,000 files, 200 MB", copied, 1500),
        _row("undo of 1,000 changed files", undo, 500),
    ]


def _row(name: str, taken: tuple[float, float], limit: float) -> Row:
    return Row(name, "ms", taken[0], None, limit, note=f"{taken[1]:.0f} ms of it on the processor")


def best(rounds: int, prepared: Callable[[int], Callable[[], object]]) -> tuple[float, float]:
    """The least wall time of some rounds, and the least CPU time, in ms; what comes before each is not counted."""
    wall, cpu = [], []
    for number in range(rounds):
        work = prepared(number)
        busy, begun = time.process_time(), time.perf_counter()
        work()
        wall.append((time.perf_counter() - begun) * 1000)
        cpu.append((time.process_time() - busy) * 1000)
    return min(wall), min(cpu)


def _checkpoints(bench: Bench, workspace: Path, name: str) -> Checkpoints:
    return Checkpoints(str(bench.folder("state") / name), str(workspace))


def _copy(kept: Checkpoints, folder: Path) -> Callable[[], None]:
    name = kept.take().id
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.mkdir(parents=True)

    def copy() -> None:
        if len(kept.copy(name, str(folder)).entries) < FILES:
            raise NotMeasured("the copy does not hold every file")

    return copy


def _undo(kept: Checkpoints, workspace: Path, number: int) -> Callable[[], None]:
    before = kept.take()
    for path in sorted(workspace.rglob("*.py"))[:CHANGED]:
        path.write_bytes(b"changed %d\n" % number * 1000)
    after = kept.take()

    def undo() -> None:
        if len(kept.restore(before.id, since=after.id).changes) != CHANGED:
            raise NotMeasured("the undo did not bring back every file")

    return undo


def _made(workspace: Path, files: int, size: int) -> Path:
    """A workspace of so many files: half of their bytes like source, half like noise; none like another."""
    chance = random.Random(1)
    block = b"".join(chance.choices(_WORDS, k=60_000)) + chance.randbytes(200_000)
    for number in range(files):
        folder = workspace / f"d{number // 200}" / f"e{number % 10}"
        if number % 200 < 10:
            folder.mkdir(parents=True)
        start = chance.randrange(len(block) - size)
        (folder / f"f{number}.py").write_bytes(b"%d\n" % number + block[start : start + size])
    return workspace
