"""GUEST. The line of a file that comes nearest to a text which is not in it."""

from collections import Counter
from difflib import SequenceMatcher

_LINES_COMPARED = 20_000
_LONG = 400
_CANDIDATES = 30


def nearest(source: str, old: str) -> tuple[int, str, str] | None:
    """Line number (1-based), that line, and the line of the old text it was taken for; None where nothing is near.

    Where some lines of the old text stand in the file, the block that holds most of them is meant, and its first
    line that differs is shown; else the one that shares most with the first line of the old text.
    """
    have = source.split("\n")
    want = old.rstrip("\n").split("\n")
    places: dict[str, list[int]] = {}
    for number, line in enumerate(have):
        if line.strip():
            places.setdefault(line.strip(), []).append(number)
    votes: Counter[int] = Counter()
    for k, line in enumerate(want):
        for number in places.get(line.strip(), ())[:1_000]:
            votes[number - k] += 1
    if votes:
        first = max(votes, key=lambda at: (votes[at], -at))
        for k, line in enumerate(want):
            if 0 <= first + k < len(have) and have[first + k].rstrip() != line.rstrip():
                return first + k + 1, _short(have[first + k]), _short(line)
    return _most_alike(have, next((line for line in want if line.strip()), ""))


def _most_alike(have: list[str], wanted: str) -> tuple[int, str, str] | None:
    wanted = wanted.strip()[:_LONG]
    letters = Counter(wanted)
    scored = []
    for number, line in enumerate(have[:_LINES_COMPARED]):
        bare = line.strip()[:_LONG]
        if bare:
            shared = sum((letters & Counter(bare)).values())
            scored.append((-2 * shared / (len(bare) + len(wanted)), number))
    best, best_ratio = None, 0.0
    for _, number in sorted(scored)[:_CANDIDATES]:
        ratio = SequenceMatcher(None, have[number].strip()[:_LONG], wanted, autojunk=False).ratio()
        if ratio > best_ratio:
            best, best_ratio = number, ratio
    return None if best is None else (best + 1, _short(have[best]), _short(wanted))


def _short(line: str) -> str:
    line = line.removesuffix("\r")
    return line if len(line) <= _LONG else line[:_LONG] + "…"
