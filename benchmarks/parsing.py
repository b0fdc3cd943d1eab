"""What the search for calls that a model prints as text costs, of all that streaming a reply costs the agent's process."""

import json
import re
import subprocess
import tempfile
from itertools import cycle, islice
from pathlib import Path

from benchmarks.processes import NotMeasured
from benchmarks.rows import Row, median
from benchmarks.sides import HERE, PYTHON, Bench, clean_environment

SIZE = 100_000
GAP_US = 100
_TOKEN = re.compile(r" ?[A-Za-z]{1,6}|\n+(?: +(?= ))?| +(?= )|[^\sA-Za-z]{1,2}|\s")
"""About as models cut a text: the blank before a word is the word's; four characters, all in all."""


_PROSE = (
    (
        "The scheduler keeps one queue for each priority, and takes the oldest task of the highest one that isn't empty. "
        "That is fair enough as long as nobody floods the upper queues; where somebody does, the lower ones starve. "
        'People call this "priority inversion" now and then, though it is another thing.\n\n'
    ),
    (
        "So the fix has two parts. First, a task that waited for longer than its limit moves up by one queue (at most three "
        "times). Second, the worker that takes it notes from where it came: a report can then say how often that happened, "
        "and to whom. Neither part needs a lock, because both run in the thread that owns the queues.\n\n"
    ),
    (
        "- It keeps the order within a queue, so that two tasks of one person never overtake each other.\n"
        "- It costs nothing where no queue is full: the limit is looked at when a task is taken, not by a timer.\n"
        "- It can be switched off with `limit = 0`, which is what the older configuration files mean.\n\n"
    ),
    (
        "## What remains\n\nThe number of queues is fixed. A system with forty kinds of work would want them in a tree; that "
        "is a larger change, and I would make it only when somebody has that system.\n\n"
    ),
)
_CODE = (
    ("```python\ndef take(self, now: float) -> Task | None:\n    for queue in self._queues:\n        if not queue:\n"
    "            continue\n        task = queue.popleft()\n        if now - task.since > self._limits[task.kind]:\n"
    "            self._moved[task.kind] += 1\n        return task\n    return None\n```\n\n"),
    '```json\n{"queues": [{"name": "urgent", "limit": 0}, {"name": "usual", "limit": 30}], "report": true}\n```\n\n',
    '```html\n<ul class="queues">\n  <li><a href="/urgent">urgent</a></li>\n  <li>usual</li>\n</ul>\n```\n\n',
)  # fmt: skip
TEXTS = {"prose": _PROSE, "prose and code": [part for pair in zip(_PROSE, cycle(_CODE), strict=False) for part in pair]}


def pieces(text: str) -> list[str]:
    """An answer of 100 kB in pieces as a model sends them."""
    return _TOKEN.findall("".join(islice(cycle("".join(TEXTS[text])), SIZE)))


def parsing(bench: Bench) -> list[Row]:
    """CPU of the agent's process for a whole answer, with the search for printed calls and without it.

    What the search costs is the difference of replies that come all at once, where hardly anything else is done and two
    runs differ by little; what streaming costs is taken from replies that come line by line, as a model sends them: there
    most of it is waking up, which varies from run to run by more than the search takes.
    """
    rows = []
    for text in TEXTS:
        for screen, name in (("print", "`-p`"), ("events", "`stream-json`")):
            at_once = _streamed(bench, text, screen, 0, bench.rounds)
            slowly = min(_streamed(bench, text, screen, GAP_US, max(1, bench.rounds // 5))["without"])
            pairs = list(zip(at_once["with"], at_once["without"], strict=True))
            cost = median([one - other for one, other in pairs])
            note = (
                f"{cost:.0f} ms of {slowly + cost:.0f} ms for {SIZE // 1000} kB in {len(pieces(text)):,} pieces; by itself, "
                f"on pieces that are there already, {at_once['alone'][0]:.0f} ms"
            )
            share = 100 * cost / (slowly + cost)
            rows.append(Row(f"search for printed calls, {text}, {name}", "%", share, limit=1, note=note))
            with_it, without = (median(at_once[side]) for side in ("with", "without"))
            rows.append(Row(f"the same reply at once, {text}, {name}", "ms", with_it, without))
    return rows


def _streamed(bench: Bench, text: str, screen: str, gap_us: int, rounds: int) -> dict[str, list[float]]:
    """The CPU of each reply in ms: see ``streaming.py``."""
    answer = pieces(text)
    bench.server.stream(answer, gap_us=gap_us)
    workspace, scratch = bench.folder("streaming"), Path(tempfile.mkdtemp(dir=bench.scratch))
    (scratch / "pieces").write_text(json.dumps(answer), encoding="utf-8")
    argv = [PYTHON, "-I", str(HERE / "streaming.py"), str(bench.server.port), str(workspace), screen, str(rounds)]
    with (scratch / "shown").open("wb") as shown:
        done = subprocess.run(
            [*argv, str(scratch / "pieces"), str(scratch / "numbers")],
            cwd=workspace,
            env=clean_environment(TMPDIR=str(bench.folder("tmp"))),
            stdout=shown,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    if done.returncode:
        raise NotMeasured(f"the reply could not be streamed: {done.stderr[-600:]}")
    numbers: dict[str, list[float]] = json.loads((scratch / "numbers").read_text(encoding="utf-8"))
    return numbers
