"""What stands on the current line so far: whether a mark there is a call or part of a sentence."""

_OPENING = "\u201c\u2018\u00ab\u201e\u201a\u2039\u300c\u300e"
_SHOWS = (">", "|", "+", "#")
"""What a line begins with that shows something: a quotation, a table, a heading or comment, an added line of a diff."""
CODE_INDENT = 4
"""Columns from which Markdown takes a line for code."""


class Line:
    """The line that is being read.

    Attributes:
        blank: Whether nothing but whitespace stands on it.
        indent: How many columns of that.
        quoted: Whether it begins as a line that shows something.
    """

    __slots__ = ("blank", "indent", "quoted")

    def __init__(self) -> None:
        self.blank = True
        self.indent = 0
        self.quoted = False

    def pass_over(self, text: str) -> None:
        """Go on over a text that is no part of a call."""
        cut = text.rfind("\n")
        if cut >= 0:
            self.blank, self.indent, self.quoted = True, 0, False
            text = text[cut + 1 :]
        if self.blank and text:
            ink = text.lstrip()
            self.indent += len(text[: len(text) - len(ink)].expandtabs(CODE_INDENT))
            self.blank = not ink
            self.quoted = ink.startswith(_SHOWS)


def opens_quote(last: str) -> bool:
    """Whether a text whose last two characters are given ends with a quotation mark that opens."""
    if last[-1:] in {"'", '"'}:
        return len(last) == 1 or last[0].isspace() or last[0] in "(["
    return last[-1:] in tuple(_OPENING)
