"""Resuming a session of 10,000 messages, 10 MB on the disk."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.processes import NotMeasured
from benchmarks.rows import Row, median
from benchmarks.sides import HERE, Bench, clean_environment
from py_mono.protocol.events import (
    Envelope,
    Event,
    MessageFinished,
    ModelBound,
    PromptFrozen,
    SessionStarted,
    StepStarted,
    ToolFinished,
    ToolStarted,
    TurnFinished,
    TurnStarted,
)
from py_mono.protocol.messages import AssistantMessage, Usage, UserMessage
from py_mono.protocol.tools import ToolCall, ToolResult
from py_mono.session.store import Sessions

TURNS, CALLS = 200, 24  # a turn holds the person's message, two for each call, and an answer: 50 messages
_OUTPUT = "src/package/module.py:120: def value(item): return item.total * 3\n" * 18


def resume(bench: Bench) -> list[Row]:
    """Wall time of resuming in a fresh process, imports not counted, beside ``json.loads`` of each line."""
    folder = bench.folder("resumed")
    sessions = Sessions(folder, redact=str, notice=print)
    session = sessions.new(str(bench.folder("workspace")))
    for seq, event in enumerate(_session(session.id, session.workspace), 1):
        session.append(Envelope(seq, 1.8e9 + seq, event))
    session.close()
    taken = [_resume(folder, session.id) for _ in range(bench.rounds + 1)][1:]
    size = Path(session.path).stat().st_size / 1e6
    note = (
        f"{TURNS * (2 * CALLS + 2):,} messages, {size:.1f} MB; the floor is the standard library's `json` on each line"
    )
    product, floor = (median([run[side] for run in taken]) for side in ("product", "floor"))
    return [Row("resume of 10,000 messages", "ms", product, floor, 150, note=note)]


def _resume(folder: Path, name: str) -> dict[str, float]:
    argv = [sys.executable, "-I", str(HERE / "resume.py"), str(folder), name]
    done = subprocess.run(argv, env=clean_environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotMeasured(f"resuming failed: {done.stderr[-600:]}")
    numbers: dict[str, float] = json.loads(done.stdout)
    if numbers["messages"] != TURNS * (2 * CALLS + 2):
        raise NotMeasured(f"{numbers['messages']} messages were resumed")
    return numbers


def _session(name: str, workspace: str) -> Iterator[Event]:
    yield SessionStarted(name, workspace, "0")
    yield ModelBound("ollama", "bench")
    yield PromptFrozen("You are an agent.", ())
    for turn in range(1, TURNS + 1):
        yield TurnStarted(turn, UserMessage(f"Do part {turn} of the work, then say what you found."))
        for step in range(1, CALLS + 1):
            yield StepStarted(step, "bench", "0" * 32)
            call = ToolCall(f"call-{turn}-{step}", "shell", {"command": f"grep -rn value_{turn}_{step} src | head -18"})
            usage = Usage(1000 * step, 40, 900 * step, 0.0)
            yield MessageFinished(AssistantMessage("", "I look for it.", (call,), "bench", usage, "tool_use"))
            yield ToolStarted(call)
            yield ToolFinished(ToolResult(call.id, "shell", _OUTPUT, details={"exit_code": 0}), 7)
        yield StepStarted(CALLS + 1, "bench", "0" * 32)
        yield MessageFinished(AssistantMessage("Part of the work is done.", model="bench"))
        yield TurnFinished("end", Usage(1000, 40), CALLS + 1)
