"""Which of very many paths a few letters mean."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

_PIECE = 2_000
"""So many paths are looked at in one go, in about a millisecond: meanwhile no key is taken."""

_BREATH_S = 0.0002
_CANDIDATES = 2_000
"""So many paths are put in order; of more, those nearest to the root are."""

_STEM = re.compile(r"[._-]")


class Cancelled(Exception):
    """Nobody waits for the answer any more."""


class Paths:
    """Paths that can be searched.

    Attributes:
        all: In the order they were given.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self.all = paths
        self._pieces: list[str] = []
        for start in range(0, len(paths), _PIECE):
            self._pieces.append("\n".join(path.lower() for path in paths[start : start + _PIECE]))
            time.sleep(_BREATH_S)

    def search(self, letters: str, limit: int, cancelled: Callable[[], bool] = lambda: False) -> list[str]:
        """The best ``limit`` paths, best first: each holds the letters in their order, whatever their case.

        Letters that stand together in the last name count most; see ``_rank``. For no letters, what lies at the root.

        Raises:
            Cancelled: ``cancelled`` said so; it is asked about every millisecond.
        """
        wanted = letters.lower()
        if not wanted:
            return [path for path in islice(self.all, limit * 4) if "/" not in path[:-1]][:limit]
        found = list(islice(self._matches(_together(wanted), cancelled), _CANDIDATES))
        if len(found) < limit:
            scattered = islice(self._matches(_scattered(wanted), cancelled), _CANDIDATES)
            found = list(dict.fromkeys([*found, *scattered]))
        found = [path for path in found if path != letters]  # it is all there already
        found.sort(key=lambda path: _rank(path, wanted))
        return found[:limit]

    def _matches(self, pattern: "re.Pattern[str]", cancelled: Callable[[], bool]) -> Iterator[str]:
        for number, piece in enumerate(self._pieces):
            if cancelled():
                raise Cancelled
            line, counted = number * _PIECE, 0
            for match in pattern.finditer(piece):
                line += piece.count("\n", counted, match.start())
                counted = match.start()
                yield self.all[line]
            time.sleep(_BREATH_S)


def _together(wanted: str) -> "re.Pattern[str]":
    """Matches lines that hold the letters together, in the last name unless they name folders too."""
    rest = r"[^\n]*+" if "/" in wanted else r"[^/\n]*+/?"
    return re.compile(f"{re.escape(wanted)}{rest}$", re.MULTILINE)


def _scattered(wanted: str) -> "re.Pattern[str]":
    """Matches lines that hold the letters in their order; it never goes back, so that it takes one look at each line."""
    steps = "".join(f"[^{re.escape(letter)}\\n]*+{re.escape(letter)}" for letter in wanted)
    return re.compile(f"^{steps}[^\\n]*+", re.MULTILINE)


def _rank(path: str, wanted: str) -> tuple[int, bool, int, str]:
    """Less is better: the name itself, its beginning, the beginning of a word in it, anywhere in it, anywhere, scattered."""
    lower = path.lower()
    name = lower.rstrip("/").rpartition("/")[2]
    hidden = path.startswith(".") or "/." in path
    if wanted in {name, name + "/", name.partition(".")[0], lower}:
        tier = 0
    elif name.startswith(wanted):
        tier = 1
    elif any(word.startswith(wanted) for word in _STEM.split(name)):
        tier = 2
    elif wanted in name or lower.startswith(wanted):
        tier = 3
    else:
        tier = 4 if wanted in lower else 5
    return tier, hidden, len(path), path
