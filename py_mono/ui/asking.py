"""A question about a call that cannot be taken back: how it is shown, and what an answer means."""

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from py_mono.security.approvals.questions import Answer, Ask, Question
from py_mono.ui.rendering.exact import framed_rows, spelled_line
from py_mono.ui.terminal import Screen

if TYPE_CHECKING:
    from py_mono.security.approvals.consents import Consents
    from py_mono.security.approvals.rules import Rules


class Asking(Protocol):
    """The gate, as the screen sees it.

    Attributes:
        ask: Asks a person; None where nobody is there.
    """

    ask: Ask | None

    @property
    def rules(self) -> "Rules":
        """What was agreed to."""

    @property
    def consents(self) -> "Consents":
        """What was agreed to by its content."""


def options(question: Question) -> list[tuple[str, str]]:
    """What can be answered: a letter, and what it means; they are numbered from 1."""
    named = " and ".join(f"`{spelled_line(key)}`" for key in question.keys)
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


Read = Callable[[str, bool], Awaitable[str]]
"""Reads a line that is typed after it was called. It is told what to say that it waits for, and whether this goes on: else a
person may still be typing what they began before, and that is no answer."""


class Asker:
    """Puts questions to a person, and takes nothing for an answer but an answer."""

    def __init__(self, screen: Screen, line: Callable[[str], None], read: Read) -> None:
        """Take what shows and what reads.

        Args:
            screen: For its width.
            line: Shows a line of its own, already harmless.
            read: See ``Read``.
        """
        self._screen = screen
        self._line = line
        self._read = read

    async def __call__(self, question: Question) -> Answer:
        """Ask until there is an answer."""
        choices = options(question)
        self._offer(choices)
        mark, goes_on = f"answer 1 to {len(choices)}", False
        while True:
            letter, rest = meant(await self._read(mark, goes_on), question)
            goes_on = True
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
                    return Answer("no", rest or (await self._read("tell it why", goes_on)).strip())
                case "v":
                    for row in framed_rows(question.what, self._screen.width, whole=True):
                        self._line(row)
                    self._offer(choices)
                case _:
                    self._line(f"That is none of the answers: type a number from 1 to {len(choices)}.")

    def _offer(self, choices: list[tuple[str, str]]) -> None:
        for number, (_, text) in enumerate(choices, 1):
            self._line(self._screen.fold(f"  {number}  {text}"))
