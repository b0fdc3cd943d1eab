"""LiteLLM: how long it takes to load, how late that makes a key stroke, and what it weighs."""

import json
import subprocess

from benchmarks.processes import NotMeasured, Running, memory_mb
from benchmarks.rows import Row, median
from benchmarks.sides import HERE, PYTHON, TASK, Bench, clean_environment, product_command

_STEPS = 3


def loading(bench: Bench) -> list[Row]:
    """The worst delay of a loop that wakes every millisecond while LiteLLM is imported, and when it is ready."""
    _loaded(bench, "openai")  # fills the disk's cache
    runs = [(_loaded(bench, "nothing"), _loaded(bench, "openai")) for _ in range(bench.best_of)]
    worst = [run["worst_ms"] for _, run in runs]
    note = f"of {len(runs)} runs the middle one; {min(worst):.0f} to {max(worst):.0f} ms; floor: the same loop alone"
    return [
        Row("LiteLLM loading, worst delay of a key", "ms", median(worst), median([run["worst_ms"] for run, _ in runs]), 50, note=note),
        Row("LiteLLM ready after the prompt", "ms", median([run["ready_ms"] for _, run in runs]), limit=3000),
    ]  # fmt: skip


def memory(bench: Bench) -> list[Row]:
    """Peak memory of the process tree when LiteLLM asks, and when Ollama is asked without it."""
    with_it, without = (
        max(_peak(bench, provider, model) for _ in range(2))
        for provider, model in (("litellm", "ollama/bench"), ("ollama", "bench"))
    )
    note = "the floor is the same task with the provider ollama, which loads nothing of it"
    return [Row("peak memory with LiteLLM", "MB", with_it, without, 260, note=note)]


def _loaded(bench: Bench, provider: str) -> dict[str, float]:
    done = subprocess.run(
        [PYTHON, "-I", str(HERE / "loading.py"), provider],
        cwd=bench.folder("workspace"),
        env=clean_environment(),
        capture_output=True,
        check=False,
        text=True,
    )
    if done.returncode:
        raise NotMeasured(f"LiteLLM could not be loaded: {done.stderr[-600:]}")
    numbers: dict[str, float] = json.loads(done.stdout)
    return numbers


def _peak(bench: Bench, provider: str, model: str) -> float:
    bench.server.start(_STEPS)
    running = Running(product_command(bench, "-p", TASK, "--provider", provider, "-m", model))
    seen = [0.0]
    while not running.ended_within(0.01):
        seen.append(memory_mb(running.pid))
    running.wait()
    return max(seen)
