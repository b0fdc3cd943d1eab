"""A reply in markdown as it comes: each block as rows for a terminal, once it is whole."""

from collections.abc import Callable, Sequence

from markdown_it.token import Token

from py_mono.ui.rendering.blocks import Block, Blocks, parser
from py_mono.ui.rendering.layout import Layout
from py_mono.ui.rendering.palette import Palette
from py_mono.ui.terminal import harmless, last_part


class Markdown:
    """A reply in markdown: takes its text piece by piece, gives each block's rows when the block is whole.

    Attributes:
        started: Whether a block was given.
    """

    def __init__(self, *, colour: bool, redact: Callable[[str], str] = str) -> None:
        """``redact`` sees each block before it is taken apart."""
        self._palette = Palette(colour=colour)
        self._redact = redact
        self._layout = Layout(self._palette)
        self._parser = parser()
        self._env: dict[str, object] = {}
        self._blocks = Blocks()
        self._partial: list[str] = []
        self._item = False
        self._number: tuple[str, int] | None = None
        self.started = False

    def feed(self, text: str, width: int) -> str:
        """Take a piece; returns the text of the blocks that are whole now, in rows of at most ``width`` columns."""
        if "\n" not in text:
            self._partial.append(text)
            return ""
        whole, _, rest = "".join([*self._partial, text]).rpartition("\n")
        self._partial = [rest]
        return self._shown(self._lines(whole), width)

    def end(self, width: int) -> str:
        """The reply is over: what was open."""
        rest, self._partial = "".join(self._partial), []
        return self._shown([*self._lines(rest), *self._blocks.end()] if rest else self._blocks.end(), width)

    def open_text(self, limit: int) -> str:
        """The end of the block that is still open, as it came, harmless: about ``limit`` characters."""
        lines = [harmless(last_part(self._partial, limit))]
        size = len(lines[0])
        for line in reversed(self._blocks.lines):
            if size > limit:
                break
            lines.append(line[-limit:])
            size += len(line) + 1
        return self._redact("\n".join(reversed(lines))).strip("\n")

    def _lines(self, text: str) -> list[Block]:
        """Lines are made harmless when they are whole, one by one: so it does not matter where the pieces were cut."""
        return [block for raw in text.split("\n") for line in _clean(raw) for block in self._blocks.line(line)]

    def _shown(self, blocks: Sequence[Block], width: int) -> str:
        shown = []
        for block in blocks:
            made = self._block(block, width)
            if made:
                tight = block.item and self._item and not block.spaced
                gap = "\n" if self.started and not tight else ""
                shown.append(gap + "\n".join(made) + "\n")
                self.started = True
            self._item = block.item
        return "".join(shown)

    def _block(self, block: Block, width: int) -> list[str]:
        source = self._redact(block.source)
        tokens = self._parser.parse(source, self._env)
        if not block.item:
            self._number = None
        elif tokens:
            self._count_on(tokens[0])
        made = self._layout.rows(tokens, width)
        return self._definitions(source, tokens) + made

    def _count_on(self, start: Token) -> None:
        """Items come one by one: the second ``1.`` of a list is number 2."""
        if start.type != "ordered_list_open":
            self._number = None
            return
        number = int(start.attrs.get("start", 1))
        if self._number is not None and self._number[0] == start.markup:
            number = self._number[1] + 1
            start.attrs["start"] = number
        self._number = (start.markup, number)

    def _definitions(self, source: str, tokens: Sequence[Token]) -> list[str]:
        """Where links lead to that are defined apart from them: lines that no token stands for."""
        covered = {line for token in tokens if token.level == 0 and token.map for line in range(*token.map)}
        lines = enumerate(source.split("\n"))
        return [self._palette.paint(line, "2") for number, line in lines if number not in covered and line.strip()]


def _clean(line: str) -> list[str]:
    """A line, harmless; several where carriage returns stand in it (one before its newline belongs to that)."""
    return [line] if line.isprintable() else harmless(f"{line}\n").removesuffix("\n").split("\n")
