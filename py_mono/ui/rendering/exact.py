"""Text that a person is to judge: all of it, as it is, whatever it holds."""

import unicodedata

from py_mono.ui.terminal import wrap

_MOST_ROWS = 20
_HEAD_ROWS, _TAIL_ROWS = 12, 7
_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters that show nothing."""
_MOST_NAMED = 5


def question_rows(what: str, width: int, *, whole: bool = False) -> list[str]:
    r"""The exact command, for the terminal: each row of at most ``width`` columns, nothing in it that a terminal acts on.

    What cannot be seen is spelled out (``\x1b``, ``\u202e``), never left out. More than 20 rows are folded in the middle,
    which is said, unless they are wanted ``whole``; the end is always there.
    """
    rows = [row for line in spelled(what).split("\n") for row in wrap(line, max(width, 1))]
    if whole or len(rows) <= _MOST_ROWS:
        return rows
    hidden = len(rows) - _HEAD_ROWS - _TAIL_ROWS
    return [*rows[:_HEAD_ROWS], f"[… {hidden} rows are not shown here: v shows them …]", *rows[-_TAIL_ROWS:]]


def framed_rows(what: str, width: int, *, whole: bool = False) -> list[str]:
    """The same with something before each row: where there are several, a bar, so that none passes for an answer or a reason."""
    rows = question_rows(what, width - 2, whole=whole)
    return [("| " if len(rows) > 1 else "  ") + row for row in rows]


def oddities(what: str) -> str:
    """A warning where a command holds letters that look like others; or empty."""
    odd = {letter for letter in what if not letter.isascii() and letter.isalpha()}
    if not odd:
        return ""
    named = ", ".join(f"{spelled(letter)} (U+{ord(letter):04X})" for letter in sorted(odd)[:_MOST_NAMED])
    return f"it holds letters that are not ASCII, and may look like others: {named}{' …' if len(odd) > _MOST_NAMED else ''}"


def spelled_line(text: str) -> str:
    """The same on one line: a name may have line ends."""
    return spelled(text).replace("\n", r"\n")


def spelled(text: str) -> str:
    """Text on lines of its own, with all that cannot be seen in it written as Python would."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(letter if _visible(letter) else ascii(letter)[1:-1] for letter in text)


def _visible(letter: str) -> bool:
    if letter == "\n":
        return True
    invisible = letter in _BLANK_LETTERS or unicodedata.category(letter) in {"Mn", "Me"}
    return letter.isprintable() and not invisible
