"""A unified diff with the numbers of its lines."""

import re
from typing import NamedTuple

from py_mono.ui.terminal import Screen, Style, clip, harmless

_HUNK = r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@"
_STYLES: dict[str, Style] = {"+": "green", "-": "red", "@": "cyan"}
_LONGEST = 500


class DiffText(str):
    """Lines of diffs, to be shown as such."""

    __slots__ = ()


class Row(NamedTuple):
    """A line and its style."""

    text: str
    style: Style | None


def diff_rows(diff: str, screen: Screen) -> list[Row]:
    """The diff's lines, harmless; on a terminal numbered (a line that is gone by its old number) and without heads."""
    lines = harmless(diff).rstrip("\n").split("\n")
    if not screen.terminal or not any(re.match(_HUNK, line) for line in lines):
        return [Row(line[:_LONGEST], line_style(line)) for line in lines]
    return _numbered(lines)


def line_style(line: str) -> Style | None:
    """How a line of a diff is painted."""
    return "bold" if line.startswith(("+++", "---")) else _STYLES.get(line[:1])


def _numbered(lines: list[str]) -> list[Row]:
    """Within a hunk, its head says how many lines follow: what begins with ``---`` there is a line that is gone."""
    rows: list[Row] = []
    old = new = old_left = new_left = 0
    width = len(str(max(_last_number(line) for line in lines)))
    for line in lines:
        mark, text = line[:1], line[1:_LONGEST]
        if old_left <= 0 and new_left <= 0:
            hunk = re.match(_HUNK, line)
            if hunk:
                old, new = int(hunk[1]), int(hunk[3])
                old_left, new_left = int(hunk[2] or 1), int(hunk[4] or 1)
                rows += [Row("  …", "dim")] if rows else []
            elif mark == "\\":
                rows.append(Row(clip(line, _LONGEST), "dim"))
            continue
        number = old if mark == "-" else new
        if mark == "\\":
            rows.append(Row(line, "dim"))
            continue
        rows.append(Row(f"{number:>{width}} {mark or ' '} {text}".rstrip(" "), _STYLES.get(mark)))
        old, old_left = (old + 1, old_left - 1) if mark != "+" else (old, old_left)
        new, new_left = (new + 1, new_left - 1) if mark != "-" else (new, new_left)
    return rows


def _last_number(line: str) -> int:
    hunk = re.match(_HUNK, line)
    return max(int(hunk[1]) + int(hunk[2] or 1), int(hunk[3]) + int(hunk[4] or 1)) if hunk else 0
