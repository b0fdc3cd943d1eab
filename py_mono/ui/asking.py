"""A question about a call that cannot be taken back: how it is shown, and what an answer means."""

import re
import unicodedata
from collections.abc import Awaitable, Callable
from typing import Protocol

from py_mono.security.approvals.gate import Answer, Ask, Question
from py_mono.security.approvals.rules import Rules
from py_mono.ui.terminal import Screen, wrap

_MOST_ROWS = 20
_HEAD_ROWS, _TAIL_ROWS = 12, 7
_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters that show nothing."""
_MOST_NAMED = 5


class Asking(Protocol):
    """The gate, as the screen sees it.

    Attributes:
        ask: Asks a person; None where nobody is there.
    """

    ask: Ask | None

    @property
    def rules(self) -> Rules:
        """What was agreed to."""


def question_rows(what: str, width: int, *, whole: bool = False) -> list[str]:
    """The exact command, for the terminal: each row of at most ``width`` columns, nothing in it that a terminal acts on.

    What cannot be seen is spelled out (``\\x1b``, ``\\u202e``), never left out. More than 20 rows are folded in the middle,
    which is said, unless they are wanted ``whole``; the end is always there.
    """
    rows = [row for line in _spelled(what).split("\n") for row in wrap(line, max(width, 1))]
    if whole or len(rows) <= _MOST_ROWS:
        return rows
    hidden = len(rows) - _HEAD_ROWS - _TAIL_ROWS
    return [*rows[:_HEAD_ROWS], f"[… {hidden} rows are not shown here: v shows them …]", *rows[-_TAIL_ROWS:]]


def oddities(what: str) -> str:
    """A warning where a command holds letters that look like others; or empty."""
    odd = {letter for letter in what if not letter.isascii() and letter.isalpha()}
    if not odd:
        return ""
    named = ", ".join(f"{_spelled(letter)} (U+{ord(letter):04X})" for letter in sorted(odd)[:_MOST_NAMED])
    return f"it holds letters that are not ASCII, and may look like others: {named}{' …' if len(odd) > _MOST_NAMED else ''}"


def _spelled(text: str) -> str:
    """Text with all that cannot be seen in it written as Python would."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(letter if _visible(letter) else ascii(letter)[1:-1] for letter in text)


def _visible(letter: str) -> bool:
    if letter == "\n":
        return True
    invisible = letter in _BLANK_LETTERS or unicodedata.category(letter) in {"Mn", "Me"}
    return letter.isprintable() and not invisible


def options(question: Question) -> list[tuple[str, str]]:
    """What can be answered: a letter, and what it means; they are numbered from 1."""
    named = " and ".join(f"`{_spelled(key)}`" for key in question.keys)
    found = [("y", "yes, once")]
    if question.keys:
        found.append(("s", f"yes, for {named} until this session ends"))
    if question.keys and question.lasting:
        found.append(("a", f"yes, always for {named} in this workspace"))
    return [*found, ("n", "no"), ("w", "no, and tell it why")]


def meant(text: str, question: Question) -> tuple[str, str]:
    """The letter of the answer that a line is, and what stands behind it; no letter where it is none."""
    first, _, rest = text.strip().partition(" ")
    letters = [letter for letter, _ in options(question)]
    first = re.sub(r"[.:,]$", "", first.lower())
    if first.isascii() and first.isdigit() and 0 < int(first[:3]) <= len(letters):
        first = letters[int(first[:3]) - 1]
    first = {"yes": "y", "no": "n", "always": "a", "session": "s", "why": "w"}.get(first, first)
    if first == "n" and rest.strip():
        first = "w"
    if rest.strip() and first != "w":
        return "", ""
    return (first, rest.strip()) if first in {*letters, "v"} else ("", "")


class Asker:
    """Puts questions to a person, and takes nothing for an answer but an answer."""

    def __init__(self, screen: Screen, line: Callable[[str], None], read: Callable[[str], Awaitable[str]]) -> None:
        """Take what shows and what reads.

        Args:
            screen: For its width.
            line: Shows a line of its own, already harmless.
            read: Reads a line that was typed after it was called; its argument says what for.
        """
        self._screen = screen
        self._line = line
        self._read = read

    async def __call__(self, question: Question) -> Answer:
        """Ask until there is an answer."""
        choices = options(question)
        for number, (_, text) in enumerate(choices, 1):
            self._line(self._screen.fold(f"  {number}  {text}"))
        while True:
            letter, rest = meant(await self._read(f"answer 1 to {len(choices)}"), question)
            match letter:
                case "y":
                    return Answer("once")
                case "s":
                    return Answer("session")
                case "a":
                    return Answer("always")
                case "n":
                    return Answer("no")
                case "w":
                    return Answer("no", rest or (await self._read("tell it why")).strip())
                case "v":
                    for row in question_rows(question.what, self._screen.width, whole=True):
                        self._line(row)
                case _:
                    self._line(f"That is none of the answers: type a number from 1 to {len(choices)}.")
