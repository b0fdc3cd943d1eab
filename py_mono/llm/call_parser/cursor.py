"""A place in a text that may still grow, and the three ways in which reading on from it can fail.

A reader must come to the same result on a text and on every longer one: where it would have to look beyond the end it
raises ``Ended``, and is asked again once there is more.
"""

import re
from collections.abc import Sequence

_BLANK = re.compile(r"\s*+")


class Ended(Exception):
    """The text ends where more of it is needed."""


class Bad(Exception):
    """What stands here cannot be read with certainty, although a call was meant."""


class NotCall(Exception):
    """What stands here is no call."""


class Cursor:
    """Reads a text from a place on.

    Attributes:
        text: All of it, as far as it came.
        at: The index of the next character.
        final: Whether no more will come.
        cut: Whether the text is known to have been cut at its end.
    """

    __slots__ = ("at", "cut", "final", "text")

    def __init__(self, text: str, at: int = 0, *, final: bool = True, cut: bool = False) -> None:
        self.text = text
        self.at = at
        self.final = final
        self.cut = cut

    def blank(self) -> None:
        """Skip whitespace."""
        found = _BLANK.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def next(self) -> str:
        """The next character, which stays; raises ``Ended``."""
        if self.at >= len(self.text):
            raise Ended
        return self.text[self.at]

    def over(self) -> bool:
        """Whether the text is at its end for good; raises ``Ended`` where more may come."""
        if self.at < len(self.text):
            return False
        if not self.final:
            raise Ended
        return True

    def wait(self) -> None:
        """It is not sure yet that a call stands here: raises ``Ended`` where more may come, or would have come."""
        if not self.final or self.cut:
            raise Ended

    def starts(self, tokens: Sequence[str]) -> str:
        """Which of the tokens stands here, or an empty text; raises ``Ended`` where one may be beginning."""
        for token in tokens:
            if self.text.startswith(token, self.at):
                return token
        left = len(self.text) - self.at
        rest = self.text[self.at :] if any(left < len(token) for token in tokens) else None
        if rest is not None and any(token.startswith(rest) for token in tokens):
            raise Ended
        return ""

    def take(self, *tokens: str) -> str:
        """Move past one of the tokens; raises ``Bad`` where none stands here, and ``Ended``."""
        token = self.starts(tokens)
        if not token:
            raise Bad
        self.at += len(token)
        return token

    def until(self, token: str) -> str:
        """The text before the next such token, which is skipped; raises ``Ended``."""
        found = self.text.find(token, self.at)
        if found < 0:
            raise Ended
        text, self.at = self.text[self.at : found], found + len(token)
        return text

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What matches here, moved past; raises ``Ended`` where it reaches the end of the text, for it may go on."""
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        if found.end() == len(self.text):
            raise Ended
        self.at = found.end()
        return found
