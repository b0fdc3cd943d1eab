"""One channel of a reply as it is let out: text from which pieces were taken leaves no hole."""


class Channel:
    """Gathers text and says at once what of it can be shown.

    Whitespace waits for what follows it: behind something that was taken out, several blank lines become one, and at
    either end of the whole there is none.

    Attributes:
        parts: What was let out.
        last: The last two characters of it.
        space: The whitespace that waits.
        gap: Whether something was taken out since the last character.
    """

    __slots__ = ("_indents", "gap", "last", "parts", "space")

    def __init__(self, *, indents: bool = True) -> None:
        """``indents``: whether the blanks before a line that follows a gap are kept."""
        self._indents = indents
        self.parts: list[str] = []
        self.last = ""
        self.space = ""
        self.gap = False

    def add(self, text: str) -> str:
        """One more piece; what can be shown now."""
        if not self.gap and not self.space and len(text) > 1 and not text[-1].isspace():
            self.parts.append(text)
            self.last = text[-2:]
            return text
        if self.gap:
            ink = text.lstrip()
            self.space += text[: len(text) - len(ink)]
            if not ink:
                return ""
            text = self._joint() + ink
            self.gap, self.last = False, ""
        elif self.space:
            text = self.space + text
        shown = text.rstrip()
        self.space = text[len(shown) :]
        if shown:
            self.parts.append(shown)
            self.last = (self.last + shown)[-2:]
        return shown

    def take_out(self, joint: str = "") -> None:
        """Something stood here that is not shown; ``joint`` is the least that is put between its two sides."""
        self.gap = True
        self.space += joint

    def end(self) -> str:
        """What is left at the end."""
        rest = "" if self.gap else self.space
        self.space = ""
        if rest:
            self.parts.append(rest)
        return rest

    def _joint(self) -> str:
        breaks = self.space.count("\n")
        if not self.parts:
            return ""
        if not breaks:
            return " " if self.space else ""
        indent = self.space[self.space.rfind("\n") + 1 :] if self._indents else ""
        return "\n" * min(breaks, 2) + indent
