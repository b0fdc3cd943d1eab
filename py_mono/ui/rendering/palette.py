"""Colours that follow the terminal: its own 16, and its own foreground and background."""

_COLOURS = frozenset(str(number) for number in (*range(30, 50), *range(90, 108)))


class Palette:
    """Paints text by the parameters of SGR sequences (ECMA-48, 8.3.117); without colours, what is bold or dim stays so."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour
        self._known: dict[str, str] = {}

    def paint(self, text: str, style: str) -> str:
        """``text``, which has no newline, in a style such as ``1;36``."""
        begin = self._known.get(style)
        if begin is None:
            kept = [part for part in style.split(";") if part and (self._colour or part not in _COLOURS)]
            begin = self._known[style] = f"\x1b[{';'.join(kept)}m" if kept else ""
        return f"{begin}{text}\x1b[0m" if begin and text else text

    def code_span(self, text: str, styles: list[str]) -> tuple[str, str]:
        """Code within text: in colour, or between its marks."""
        if self._colour:
            return text, ";".join([*styles, "36"])
        return f"`{text}`", ";".join(styles)
