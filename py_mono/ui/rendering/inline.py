"""What stands within a paragraph: text in styles, broken into rows at blanks."""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from py_mono.ui.terminal import cell_width, harmless, wrap

if TYPE_CHECKING:
    from markdown_it.token import Token

    from py_mono.ui.rendering.palette import Palette

Span = tuple[str, str]
"""Text, and the parameters of its SGR sequence, or nothing."""

_WORDS = re.compile(r" +|[^ ]+")
_STYLES = {"strong": "1", "em": "3", "s": "9"}
_BREAKS = {"softbreak": (" ", ""), "hardbreak": ("\n", "")}


def spans(tokens: Sequence["Token"], palette: "Palette", style: str = "") -> list[Span]:
    """What an inline token's children say; a newline stands in a span of its own.

    A link is its text and, where that is another one, its address: no model decides what a click does.
    """
    made: list[Span] = []
    styles = [style] if style else []
    address, began = "", 0
    for token in tokens:
        if token.type in _BREAKS:
            made.append(_BREAKS[token.type])
        elif token.type == "code_inline":
            made.append(palette.code_span(token.content, styles))
        elif token.type == "image":
            made += [
                (f"[{harmless(token.content) or 'image'}]", ";".join(styles)),
                *_address(str(token.attrs["src"]), ""),
            ]
        elif token.type == "link_open":
            address, began = str(token.attrs["href"]), len(made)
            styles.append("4")
        elif token.nesting > 0:
            styles.append(_STYLES[token.tag])
        elif token.nesting < 0:
            styles.pop()
            if token.type == "link_close":
                made += _address(address, "".join(text for text, _ in made[began:]))
        else:  # text, whose entities may have become anything, or HTML as it stands
            made.append((harmless(token.content), ";".join(styles)))
    return made


def _address(address: str, text: str) -> list[Span]:
    address = harmless(address)
    return [] if not address or address in {text, f"mailto:{text}"} else [(f" ({address})", "2")]


def rows(parts: Iterable[Span], width: int, palette: "Palette") -> list[str]:
    """Painted rows of at most ``width`` columns; a longer word of ASCII (an address, a path) stays whole."""
    made = _Rows(width)
    for text, style in parts:
        if text == "\n":
            made.end_word()
            made.new_row()
            continue
        for piece in _WORDS.findall(text.replace("\n", " ").expandtabs(4)):
            if piece[0] == " ":
                made.end_word()
                made.gap.append((piece, style))
            else:
                made.word.append((piece, style))
    made.end_word()
    return ["".join(palette.paint(text, style) for text, style in _joined(row)) for row in made.rows]


def _joined(row: list[Span]) -> Iterable[Span]:
    """Neighbours of one style are painted together."""
    return (("".join(text for text, _ in same), style) for style, same in groupby(row, key=itemgetter(1)))


class _Rows:
    """Rows that are being filled, word by word.

    Attributes:
        rows: The spans of each.
        gap: Blanks since the last word.
        word: What of the next one is known.
    """

    def __init__(self, width: int) -> None:
        self.rows: list[list[Span]] = [[]]
        self.gap: list[Span] = []
        self.word: list[Span] = []
        self._width = width
        self._used = 0

    def new_row(self) -> None:
        self.rows.append([])
        self._used = 0
        self.gap = []

    def end_word(self) -> None:
        """Put the word where it fits; blanks at the end of a row are dropped."""
        if not self.word:
            return
        word, self.word = self.word, []
        cells = sum(cell_width(text) for text, _ in word)
        before = sum(len(text) for text, _ in self.gap)
        unbroken = cells <= self._width or all(text.isascii() for text, _ in word)  # wide letters break anywhere
        if self._used and self._used + before + cells > self._width and unbroken:
            self.new_row()
        if self._used:
            self.rows[-1] += self.gap
            self._used += before
        self.gap = []
        for text, style in word:
            self._put(text, style)

    def _put(self, text: str, style: str) -> None:
        cells = cell_width(text)
        if text.isascii() or self._used + cells <= self._width:
            self.rows[-1].append((text, style))
            self._used += cells
            return
        first, *more = wrap(text, max(self._width - self._used, 2))
        self.rows[-1].append((first, style))
        rest = wrap("".join(more), self._width) if more else []
        self.rows += [[(row, style)] for row in rest]
        self._used = cell_width(rest[-1]) if rest else self._used + cell_width(first)
