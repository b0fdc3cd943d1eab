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
    replace(path, BEGIN, END, f"{machine}.\n\n{as_markdown(rows)}")


def replace(path: Path, begin: str, end: str, numbers: str) -> None:
    """Replace what stands between two marks. Raises NotMeasured where the document lacks them."""
    text = path.read_text("utf-8")
    between = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not between.search(text):
        raise NotMeasured(f"{path} has no place for the numbers: it needs the lines {begin} and {end}")
    path.write_text(between.sub(lambda _: f"{begin}\n\n{numbers}\n\n{end}", text), "utf-8")
