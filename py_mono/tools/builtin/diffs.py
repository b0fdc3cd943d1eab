"""GUEST. Small unified diffs of what a tool changed."""

import difflib

_MANY = 4_000  # changed lines beyond which an exact diff would take seconds; the block as a whole is shown then


def unified(before: str, after: str, name: str, *, limit: int = 20_000) -> tuple[str, bool]:
    """A unified diff and whether it is whole; cut after ``limit`` characters. Lines end with a newline only."""
    old, new = before.split("\n"), after.split("\n")
    old, new = _terminated(old), _terminated(new)
    start = 0
    shortest = min(len(old), len(new))
    while start < shortest and old[start] == new[start]:
        start += 1
    end = 0
    while end < shortest - start and old[-1 - end] == new[-1 - end]:
        end += 1
    lead, trail = max(0, start - 3), max(0, end - 3)
    part_old, part_new = old[lead : len(old) - trail], new[lead : len(new) - trail]
    if len(part_old) + len(part_new) > _MANY:
        lines = _block(old, new, start, end)
    else:
        lines = list(difflib.unified_diff(part_old, part_new, f"a/{name}", f"b/{name}"))
        lines = [_shift(line, lead) if line.startswith("@@") else line for line in lines]
    text = "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
    if len(text) <= limit:
        return text, True
    return text[:limit] + "\n[… diff cut]\n", False


def _terminated(lines: list[str]) -> list[str]:
    return [*(line + "\n" for line in lines[:-1]), *filter(None, lines[-1:])]


def _block(old: list[str], new: list[str], start: int, end: int) -> list[str]:
    gone, come = old[start : len(old) - end], new[start : len(new) - end]
    header = f"@@ -{start + 1},{len(gone)} +{start + 1},{len(come)} @@\n"
    return [header, *("-" + line for line in gone), *("+" + line for line in come)]


def _shift(header: str, by: int) -> str:
    """The hunk header, counted from the start of the file and not of the compared part."""
    _, old, new, _ = header.split(" ", 3)
    return f"@@ -{_moved(old, by)} +{_moved(new, by)} @@\n"


def _moved(position: str, by: int) -> str:
    first, comma, count = position[1:].partition(",")
    return f"{int(first) + by}{comma}{count}"
