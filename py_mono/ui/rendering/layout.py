"""Parsed markdown as rows for a terminal."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from py_mono.ui.rendering.code import coloured
from py_mono.ui.rendering.inline import rows, spans
from py_mono.ui.rendering.tables import table_rows

if TYPE_CHECKING:
    from markdown_it.token import Token

    from py_mono.ui.rendering.palette import Palette

_WIDEST = 100
"""Prose is not made wider: long rows are hard to read."""
_NARROWEST = 6
_RULE = "─" * 3


class Layout:
    """Turns the tokens of markdown-it into painted rows; nothing stands at their ends that a copy would hold too."""

    def __init__(self, palette: "Palette") -> None:
        self._palette = palette
        self._kinds: dict[str, Callable[[Sequence[Token], int], list[str]]] = {
            "paragraph_open": self._prose,
            "heading_open": self._prose,
            "fence": self._code,
            "code_block": self._code,
            "bullet_list_open": self._list,
            "ordered_list_open": self._list,
            "blockquote_open": self._quote,
            "table_open": self._table,
            "hr": self._rule,
        }

    def rows(self, tokens: Sequence["Token"], width: int, *, tight: bool = False) -> list[str]:
        """The rows of some blocks, an empty one between two, none where ``tight``."""
        made: list[str] = []
        at = 0
        while at < len(tokens):
            end = _end(tokens, at)
            rendered = self._one(tokens[at : end + 1], max(width, _NARROWEST))
            hidden = tight or tokens[at].hidden
            made += ["", *rendered] if made and not hidden and rendered else rendered
            at = end + 1
        return made

    def _one(self, tokens: Sequence["Token"], width: int) -> list[str]:
        """The rows of one block; the first token opens it and the last one closes it."""
        render = self._kinds.get(tokens[0].type)
        if render is not None:
            return render(tokens, width)
        lines = tokens[0].content.rstrip("\n").split("\n")  # HTML, as it stands
        return [self._palette.paint(line, "2") for line in lines]

    def _prose(self, tokens: Sequence["Token"], width: int) -> list[str]:
        style = {"h1": "1;4", "p": ""}.get(tokens[0].tag, "1")
        return rows(spans(tokens[1].children or (), self._palette, style), min(width, _WIDEST), self._palette)

    def _code(self, tokens: Sequence["Token"], _: int) -> list[str]:
        language = next(iter(tokens[0].info.split()), "")
        return coloured(tokens[0].content.removesuffix("\n"), language, self._palette)

    def _quote(self, tokens: Sequence["Token"], width: int) -> list[str]:
        mark = self._palette.paint("│", "2")
        return [f"{mark} {row}".rstrip(" ") for row in self.rows(tokens[1:-1], width - 2)]

    def _table(self, tokens: Sequence["Token"], width: int) -> list[str]:
        return table_rows(tokens, width, self._palette)

    def _rule(self, _: Sequence["Token"], __: int) -> list[str]:
        return [self._palette.paint(_RULE, "2")]

    def _list(self, tokens: Sequence["Token"], width: int) -> list[str]:
        number = int(tokens[0].attrs.get("start", 1)) if tokens[0].type == "ordered_list_open" else None
        made: list[str] = []
        at = 1
        while at < len(tokens) - 1:
            end = _end(tokens, at)
            mark = "- " if number is None else f"{number}{tokens[0].markup} "
            inner = tokens[at + 1 : end]
            loose = any(
                token.type == "paragraph_open" and not token.hidden
                for token in inner
                if token.level == tokens[at].level + 1
            )
            first, *more = self.rows(inner, width - len(mark), tight=not loose) or [""]
            made += [""] if made and loose else []
            made.append(f"{mark}{first}".rstrip(" "))
            made += [f"{' ' * len(mark)}{row}" if row else "" for row in more]
            number = None if number is None else number + 1
            at = end + 1
        return made


def _end(tokens: Sequence["Token"], start: int) -> int:
    """Where the block ends that begins at ``start``."""
    if tokens[start].nesting <= 0:
        return start
    level = tokens[start].level
    return next(at for at in range(start + 1, len(tokens)) if tokens[at].level == level and tokens[at].nesting < 0)
