"""Markdown that comes in pieces, cut into whole top-level blocks.

The rules are those of CommonMark (https://spec.commonmark.org/0.31.2/) with GitHub's tables. Each line is looked at once:
what decides whether a block goes on is nearly always the line itself and the kind of the open block. The few lines that
could be both (a paragraph of a list item that goes on without its indent, say) are put to the parser.
"""

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.rules_block.html_block import HTML_SEQUENCES

if TYPE_CHECKING:
    from markdown_it.token import Token

_QUESTIONS = 64
_LONGEST_ASKED = 20_000
"""How often the parser is asked about one block, and of how many characters: nobody may make it read all again for each line."""

_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_HEADING = re.compile(r" {0,3}#{1,6}(?: |$)")
_RULE = re.compile(r" {0,3}(?:(?:\* *){3,}|(?:- *){3,}|(?:_ *){3,})$")
_UNDERLINE = re.compile(r" {0,3}-+ *$")
_ITEM = re.compile(r"( {0,3}(?:[-+*]|(\d{1,9})[.)]))( +|$)(.*)")
_MARKS = frozenset("`~#-*_+<0123456789")
_UNTIL_BLANK = re.compile(r"^\s*$")

_Kind = Literal["text", "line", "fence", "html", "code", "item"]
"""What is open: ``text`` is what a blank line ends (a paragraph, a table, a quote), ``line`` is whole at once."""


def parser() -> MarkdownIt:
    """CommonMark, with GitHub's tables and strikethrough."""
    return MarkdownIt("commonmark").enable("table").enable("strikethrough")


class Block(NamedTuple):
    """One or a few whole blocks.

    Attributes:
        source: Its lines, blank ones at its end left out.
        item: Whether it is an item of a list.
        spaced: Whether a blank line stands before it.
    """

    source: str
    item: bool
    spaced: bool


class Blocks:
    """Takes lines, gives blocks.

    Attributes:
        lines: Of the open block.
    """

    def __init__(self) -> None:
        self._parser = parser()
        self.lines: list[str] = []
        self._blanks = 0
        self._kind: _Kind = "text"
        self._asked = 0
        self._size = 0
        self._until = _UNTIL_BLANK
        self._offset = 0
        self._spaced = False

    def line(self, line: str) -> list[Block]:
        """Take the next line, without its newline; returns the blocks that are whole now."""
        flat = line.expandtabs(4).rstrip(" ")
        done = self._take() if self.lines and self._ends_before(flat, line) else []
        if not flat and not self.lines:
            self._spaced = True
            return done
        if not self.lines:
            self._begin(flat)
        self.lines.append(line)
        self._size += len(line) + 1
        self._blanks = 0 if flat else self._blanks + 1
        if self._kind == "line" or (self._until.search(flat.lstrip(" ")) and self._may_close(flat)):
            done += self._take()
        return done

    def end(self) -> list[Block]:
        """The text is over: what is open is whole."""
        done = self._take() if self.lines else []
        self._spaced = False
        return done

    def _take(self) -> list[Block]:
        lines = self.lines[: len(self.lines) - self._blanks]
        block = Block("\n".join(lines), self._kind == "item", self._spaced)
        self._spaced = self._blanks > 0
        self.lines, self._blanks = [], 0
        return [block]

    def _may_close(self, flat: str) -> bool:
        """Whether this line, which has what ends the block, stands where it can."""
        if self._kind == "fence":
            return len(self.lines) > 1 and not flat.startswith("    ")
        return self._kind == "html"

    def _begin(self, flat: str) -> None:
        self._kind, self._until = "text", _UNTIL_BLANK
        self._asked = self._size = 0
        if flat.startswith("    "):
            self._kind = "code"
        elif _HEADING.match(flat) or _RULE.match(flat):
            self._kind = "line"
        elif fence := _FENCE.match(flat):
            self._kind, self._until = "fence", re.compile(f"^{fence[1][0]}{{{len(fence[1])},}}$")
        elif item := _ITEM.match(flat):
            self._kind = "item"
            blanks = len(item[3])
            self._offset = item.end(1) + (blanks if item[4] and blanks <= 4 else 1)  # noqa: PLR2004 - five are one, and code
        elif html := _html(flat):
            self._kind, self._until = "html", html[1]

    def _ends_before(self, flat: str, line: str) -> bool:
        """Whether the open block is over before this line."""
        if self._kind in {"fence", "html"}:
            return not flat and self._until.search("") is not None
        if not flat:
            return self._kind == "text"
        indent = len(flat) - len(flat.lstrip(" "))
        if self._kind == "code":
            return indent < 4  # noqa: PLR2004 - the indent of code
        if self._kind == "item":
            return self._item_ends_before(flat, line, indent)
        sure = _starts(flat, indent)
        return self._asks(line) if sure is None else sure

    def _item_ends_before(self, flat: str, line: str, indent: int) -> bool:
        if indent >= self._offset:  # an item that begins with two blank lines is over after them
            return self._blanks > 0 and self._blanks == len(self.lines) - 1 and self._asks(line)
        if self._blanks:
            return True
        if indent < 4 and (_ITEM.match(flat) or _RULE.match(flat) or flat[indent] == ">"):  # noqa: PLR2004 - the same
            return True
        sure = _starts(flat, indent)
        return self._asks(line) if sure is None or not sure else sure

    def _asks(self, line: str) -> bool:
        """Whether the open block (or item) does not reach to this line, from the one who knows."""
        self._asked += 1
        if self._asked > _QUESTIONS or self._size > _LONGEST_ASKED:
            return True
        tokens: list[Token] = []
        self._parser.block.parse("\n".join([*self.lines, line]), self._parser, {}, tokens)
        return not any(
            token.map is not None and token.map[0] < len(self.lines) < token.map[1]
            for token in tokens
            if (token.level == 1 and token.type == "list_item_open")
            or (token.level == 0 and token.type not in {"bullet_list_open", "ordered_list_open"})
        )


def _html(flat: str) -> tuple[re.Pattern[str], re.Pattern[str], bool] | None:
    """What begins with this line where it is HTML: its first line, its last one, and whether it ends a paragraph."""
    text = flat.lstrip(" ")
    if not text.startswith("<"):
        return None
    return next((kind for kind in HTML_SEQUENCES if kind[0].search(text)), None)


def _starts(flat: str, indent: int) -> bool | None:
    """Whether a line certainly begins a block after a line of text, or certainly none that matters; None: it depends."""
    if indent >= 4:  # noqa: PLR2004 - the indent of code
        return None
    if flat[indent] not in _MARKS:
        return False
    if _UNDERLINE.match(flat):  # of a heading, or a rule, or an empty item
        return False if len(flat.strip(" ")) > 1 else None
    if _FENCE.match(flat) or _HEADING.match(flat) or _RULE.match(flat):
        return True
    if item := _ITEM.match(flat):
        return True if item[4] and item[2] in {None, "1"} else None
    html = _html(flat)
    return (html[2] or None) if html else False
