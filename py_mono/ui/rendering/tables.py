"""Tables in columns, or row by row where the terminal is too narrow for them."""

from collections.abc import Sequence

from markdown_it.token import Token

from py_mono.ui.rendering.inline import Span, rows, spans
from py_mono.ui.rendering.palette import Palette
from py_mono.ui.terminal import cell_width

_GAP = 2
_NARROWEST = 8
"""Columns of a cell, at least: below that a table is shown row by row."""

_Cell = list[Span]


def table_rows(tokens: Sequence[Token], width: int, palette: Palette) -> list[str]:
    """A table in at most ``width`` columns; where words are longer than that allows, it is wider."""
    table, aligned = _cells(tokens, palette)
    natural = [max(_width(line[column]) for line in table) for column in range(len(table[0]))]
    widths = _fitted(natural, width - _GAP * (len(natural) - 1))
    if widths is None:
        return _row_by_row(table, width, palette)
    made = []
    for number, line in enumerate(table):
        made += _in_columns(line, widths, aligned, palette)
        if number == 0:
            made.append(palette.paint((" " * _GAP).join("─" * cells for cells in widths), "2"))
    return made


def _cells(tokens: Sequence[Token], palette: Palette) -> tuple[list[list[_Cell]], list[str]]:
    """All lines, the heads first, and how each column is aligned."""
    table: list[list[_Cell]] = []
    aligned: list[str] = []
    head = False
    for token in tokens:
        if token.type == "tr_open":
            table.append([])
        elif token.type in {"th_open", "td_open"}:
            head = token.tag == "th"
            if head:
                aligned.append(str(token.attrs.get("style", "")).removeprefix("text-align:"))
        elif token.type == "inline":
            table[-1].append(spans(token.children or (), palette, "1" if head else ""))
    return table, aligned


def _width(cell: _Cell) -> int:
    return max(sum(cell_width(text) for text, _ in cell), 1)


def _fitted(natural: list[int], room: int) -> list[int] | None:
    """The widths of the columns, the widest ones cut down until all fit; None where they cannot."""
    if sum(min(cells, _NARROWEST) for cells in natural) > room:
        return None
    widths = list(natural)
    while (over := sum(widths) - room) > 0:
        widest = max(widths)
        next_widest = max((cells for cells in widths if cells < widest), default=_NARROWEST)
        at = [column for column, cells in enumerate(widths) if cells == widest]
        each = max(min(widest - next_widest, -(-over // len(at))), 1)
        for column in at:
            widths[column] = max(widest - each, min(natural[column], _NARROWEST))
    return widths


def _in_columns(line: list[_Cell], widths: list[int], aligned: list[str], palette: Palette) -> list[str]:
    columns = [rows(cell, cells, palette) for cell, cells in zip(line, widths, strict=True)]
    plain = [[_plain(row) for row in column] for column in columns]
    made = []
    for number in range(max(map(len, columns))):
        shown = ""
        for column, cells in enumerate(widths):
            has = number < len(columns[column])
            text, taken = (columns[column][number], cell_width(plain[column][number])) if has else ("", 0)
            free = max(cells - taken, 0)
            before = {"right": free, "center": free // 2}.get(aligned[column], 0)
            shown += " " * before + text + " " * (free - before + _GAP)
        made.append(shown.rstrip(" "))
    return made


def _plain(row: str) -> str:
    """A painted row without its paint."""
    return "".join(part.partition("m")[2] if number else part for number, part in enumerate(row.split("\x1b[")))


def _row_by_row(table: list[list[_Cell]], width: int, palette: Palette) -> list[str]:
    head, *lines = table
    made: list[str] = []
    for line in lines:
        made += [""] if made else []
        for name, cell in zip(head, line, strict=True):
            made += rows([*name, (": ", ""), *cell], width, palette)
    return made or rows([span for cell in head for span in (*cell, (" ", ""))], width, palette)
