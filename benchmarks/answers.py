"""What an answer of 100 kB costs until it stands on the screen as markdown."""

import json
import subprocess
import tempfile
from pathlib import Path

from benchmarks.parsing import SIZE, TEXTS, pieces
from benchmarks.processes import NotMeasured
from benchmarks.rows import Row
from benchmarks.sides import HERE, PYTHON, Bench, clean_environment

_LIMIT_MS = 500.0
_RATE = 200
_SECONDS = 10


def answers(bench: Bench) -> list[Row]:
    """CPU of the REPL's process: whole answers as fast as they can be taken, and a second of one at a model's pace."""
    rounds = 5 if bench.rounds > 3 else 1
    rows = []
    for text in TEXTS:
        taken = [_shown(bench, text, 0, 0) for _ in range(rounds)]
        note = f"{SIZE // 1000} kB in {len(pieces(text)):,} pieces, rendered and written above the input line, at once"
        rows.append(
            Row(
                f"an answer on the screen, {text}",
                "ms",
                min(each["cpu_ms"] for each in taken),
                limit=_LIMIT_MS,
                note=note,
            )
        )
    slowly = _shown(bench, "prose and code", _RATE, _SECONDS)
    rows.append(
        Row(
            f"a second of an answer at {_RATE} tokens/s",
            "ms",
            slowly["cpu_ms"] / slowly["wall_s"],
            note="what is open is drawn anew",
        )
    )
    return rows


def _shown(bench: Bench, text: str, rate: int, seconds: int) -> dict[str, float]:
    """See ``answer.py``."""
    scratch = Path(tempfile.mkdtemp(dir=bench.scratch))
    (scratch / "pieces").write_text(json.dumps(pieces(text)), encoding="utf-8")
    done = subprocess.run(
        [PYTHON, "-I", str(HERE / "answer.py"), "pieces", str(rate), str(seconds), "numbers"],
        cwd=scratch,
        env=clean_environment(TERM="xterm-256color"),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotMeasured(f"the answer could not be shown: {done.stderr[-600:]}")
    numbers: dict[str, float] = json.loads((scratch / "numbers").read_text(encoding="utf-8"))
    return numbers
