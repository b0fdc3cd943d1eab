"""Putting the table into ``docs/performance.md``."""

import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.processes import NotMeasured
from benchmarks.rows import Row, as_markdown

BEGIN, END = "<!-- numbers: written by `python -m benchmarks --write` -->", "<!-- end of numbers -->"


def write(path: Path, rows: Sequence[Row], machine: str) -> None:
    """Replace what stands between the marks; the rest of the document is written by hand.

    Raises:
        NotMeasured: The document lacks the marks.
    """
    text = path.read_text("utf-8")
    between = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if not between.search(text):
        raise NotMeasured(f"{path} has no place for the numbers: it needs the lines {BEGIN} and {END}")
    numbers = f"{BEGIN}\n\n{machine}.\n\n{as_markdown(rows)}\n\n{END}"
    path.write_text(between.sub(lambda _: numbers, text), "utf-8")
