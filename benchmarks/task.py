"""The scripted task: first request, gaps, 20 steps, 200 steps, exit, memory, and the front of each request."""

import json
from dataclasses import dataclass

from benchmarks.processes import Command, NotMeasured, Running, memory_mb
from benchmarks.rows import Row, median
from benchmarks.sides import Bench

SIDES = ("product", "floor")
STEPS = 20
LONG = 200
_AROUND = 5  # steps on each side of 20 and of 190 whose gaps are taken together


@dataclass(frozen=True)
class Run:
    """One run of the task, in ms."""

    first_request: float
    gaps: list[float]
    total: float
    to_exit: float

    @property
    def gap(self) -> float:
        """The middle gap between a reply and the next request."""
        return median(self.gaps)


def _run(bench: Bench, side: str, steps: int) -> Run:
    return measured(bench, bench.task(side), side, steps)


def measured(bench: Bench, command: Command, side: str, steps: int) -> Run:
    """One run of the task by a command.

    Raises:
        NotMeasured: It failed, or the output of its commands did not come back.
    """
    bench.server.start(steps)
    ended = Running(command).wait()
    report = bench.server.report()
    arrived, sent = report["arrived"], report["sent"]
    if len(arrived) != steps or report["wrong"]:
        raise NotMeasured(
            f"{side}: {len(arrived)} requests instead of {steps}; without their output: {report['wrong'][:5]}"
        )
    gaps = [(arrival - reply) / 1e6 for reply, arrival in zip(sent, arrived[1:], strict=False)]
    return Run((arrived[0] - ended.started) / 1e6, gaps, ended.wall_ms, (ended.ended - sent[-1]) / 1e6)


def _interleaved(bench: Bench, steps: int, rounds: int) -> dict[str, list[Run]]:
    """Both sides by turns, the one that goes first changing, after a run that only warms up."""
    runs: dict[str, list[Run]] = {side: [] for side in SIDES}
    for side in SIDES:
        _run(bench, side, 2)
    for number in range(rounds):
        for side in SIDES if number % 2 == 0 else SIDES[::-1]:
            runs[side].append(_run(bench, side, steps))
    return runs


def steps(bench: Bench) -> list[Row]:
    """Wall times of the 20-step task."""
    runs = _interleaved(bench, STEPS, bench.rounds)
    first, gap, total, leave = (
        {side: median([getattr(run, number) for run in runs[side]]) for side in SIDES}
        for number in ("first_request", "gap", "total", "to_exit")
    )
    return [
        Row("start to first request", "ms", first["product"], first["floor"], 2.0, "ratio"),
        Row("reply to next request", "ms", gap["product"], gap["floor"], 1.5, "ratio"),
        Row("20-step task", "ms", total["product"], total["floor"], 1.6, "ratio"),
        Row("answer to exit", "ms", leave["product"], leave["floor"], 30),
    ]


def long(bench: Bench) -> list[Row]:
    """Whether step 190 is as fast as step 20; the floor column is what the floor itself slows down by."""
    runs = _interleaved(bench, LONG, max(3, bench.rounds // 2))
    growth, late = {}, {}
    for side in SIDES:
        early_gaps = [gap for run in runs[side] for gap in run.gaps[19 - _AROUND : 20 + _AROUND]]
        late_gaps = [gap for run in runs[side] for gap in run.gaps[189 - _AROUND : 190 + _AROUND]]
        late[side] = median(late_gaps)
        growth[side] = late[side] / median(early_gaps)
    note = f"a gap at step 190 takes {late['product']:.2f} ms, the floor's {late['floor']:.2f} ms; 1.1 leaves room for noise"
    return [Row("step 190 over step 20", "x", growth["product"], growth["floor"], 1.1, note=note)]


def first_cpu(bench: Bench) -> list[Row]:
    """CPU spent by all processes when the first request arrives: the server holds its reply, the tree is counted."""
    best = {
        side: min(_cpu_at_first_request(bench, side) for _ in range(bench.best_of + 1))  # the first warms up
        for side in SIDES
    }
    return [Row("start to first request, CPU", "ms", best["product"], best["floor"], 200)]


def _cpu_at_first_request(bench: Bench, side: str) -> float:
    bench.server.start(1, hold=True)
    running = Running(bench.task(side))
    while not running.ended_within(0.002):
        if bench.server.held():
            return running.stop_and_count()
    running.wait()
    raise NotMeasured(f"{side}: ended without a request")


def memory(bench: Bench) -> list[Row]:
    """Peak memory of the process tree over the 20-step task."""
    peak = {side: max(_peak_memory(bench, side) for _ in range(2)) for side in SIDES}
    note = "looked at every 3 ms in runs of their own; mapped files count once, the interpreter's included"
    return [Row("peak memory of the process tree", "MB", peak["product"], peak["floor"], 60, note=note)]


def _peak_memory(bench: Bench, side: str) -> float:
    bench.server.start(STEPS)
    running = Running(bench.task(side))
    seen = [0.0]
    while not running.ended_within(0.003):
        seen.append(memory_mb(running.pid))
    running.wait()
    return max(seen)


def front(bench: Bench) -> list[Row]:
    """What stands at the front of every request: system prompt and tool list, at 4 bytes a token."""
    sizes = {}
    for side in SIDES:
        bench.server.start(1)
        Running(bench.task(side)).wait()
        request = bench.server.report()["first"]
        system = [message for message in request["messages"] if message["role"] == "system"]
        parts = json.dumps([system, request["tools"]], separators=(",", ":"), ensure_ascii=False)
        sizes[side] = len(parts.encode()) / 4
    return [Row("system prompt and tool list", "tokens", sizes["product"], None, 1200)]
