"""What is shown in one line for now, and in full when the person asks for it."""

from collections import deque
from typing import NamedTuple

_KEPT = 50


class Fold(NamedTuple):
    """Something folded.

    Attributes:
        title: What it is, harmless, one line.
        text: All of it, as it came.
    """

    title: str
    text: str


class Folds:
    """The last things that were folded, the newest first when asked for one after the other."""

    def __init__(self) -> None:
        self._folds: deque[Fold] = deque(maxlen=_KEPT)
        self._opened = 0
        self._hinted = False

    def add(self, title: str, text: str) -> None:
        """Keep something; it is the next one to be opened."""
        self._folds.append(Fold(title, text))
        self._opened = 0

    def hint(self) -> str:
        """How to open one, said with the first one only."""
        hinted, self._hinted = self._hinted, True
        return "" if hinted else " (Ctrl-O shows it)"

    def open(self) -> Fold | None:
        """The newest one, or the one before the one that was opened last; None after the oldest."""
        if self._opened == len(self._folds):
            return None
        self._opened += 1
        return self._folds[-self._opened]
