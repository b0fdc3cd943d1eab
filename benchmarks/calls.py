"""What a call in which nothing goes wrong pays for the retries, the fallbacks and the accounting that it does not need."""

import json
import subprocess

from benchmarks.processes import NotMeasured
from benchmarks.rows import Row, median
from benchmarks.sides import HERE, PYTHON, Bench, clean_environment

_LIMIT_MS = 1.0
_SHORT, _LONG = 20, 2000


def calls(bench: Bench) -> list[Row]:
    """CPU of a short reply and of a long one, less that of the bare generator that both come from."""
    rows = []
    for pieces in (_SHORT, _LONG):
        numbers = _taken(pieces, 5 * bench.rounds)
        cost = [one - other for one, other in zip(numbers["with"], numbers["without"], strict=True)]
        note = (
            f"{1000 * median(cost) / pieces:.2f} µs a piece; a reply that is there at once takes "
            f"{median(numbers['without']):.2f} ms without it"
        )
        name = f"retries, fallbacks and accounting, a call of {pieces:,} pieces"
        rows.append(Row(name, "ms", median(cost), limit=_LIMIT_MS, note=note))
    return rows


def _taken(pieces: int, rounds: int) -> dict[str, list[float]]:
    """See ``call.py``."""
    done = subprocess.run(
        [PYTHON, "-I", str(HERE / "call.py"), str(pieces), str(rounds)],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotMeasured(f"the call could not be measured: {done.stderr[-600:]}")
    numbers: dict[str, list[float]] = json.loads(done.stdout)
    return numbers
