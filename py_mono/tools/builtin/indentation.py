"""GUEST. How a quoted block is indented against the same block in a file."""

_BLANK = " \t"
_UNITS = (2, 4, 8, 3)


def indent_of(line: str) -> str:
    """The blanks at the front of a line."""
    return line[: len(line) - len(line.lstrip(_BLANK))]


class Shift:
    """One rule that turns each indentation of the quoted block into the file's.

    The rules: a prefix more, a prefix less, another number of spaces a level, or a tab for so many spaces and back.
    """

    __slots__ = ("_known", "_less", "_more", "_scale", "_unit")

    def __init__(
        self, known: dict[str, str], *, more: str = "", less: str = "", unit: int = 0, scale: tuple[int, int] = (0, 0)
    ) -> None:
        self._scale = scale
        self._known = known
        self._more = more
        self._less = less
        self._unit = unit

    @classmethod
    def between(cls, quoted: list[str], own: list[str]) -> "Shift | None":
        """The rule that holds for all lines that are not blank, or None where there is not one."""
        known: dict[str, str] = {}
        for mine, yours in zip(quoted, own, strict=True):
            if mine.strip(" \t\r\n") and known.setdefault(indent_of(mine), indent_of(yours)) != indent_of(yours):
                return None
        mine, yours = next(iter(known.items()))
        scale = next(((len(a), len(b)) for a, b in known.items() if a and b), (0, 0))
        candidates = [cls(known, scale=scale)] if scale[0] else []
        candidates += [cls(known, unit=unit) for unit in (*_UNITS, *(-unit for unit in _UNITS))]
        if yours.endswith(mine):
            candidates.insert(0, cls(known, more=yours[: len(yours) - len(mine)]))
        if mine.endswith(yours):
            candidates.insert(0, cls(known, less=mine[: len(mine) - len(yours)]))
        return next((shift for shift in candidates if shift.holds()), None)

    def holds(self) -> bool:
        """Whether the rule explains every line it was made from."""
        return all(self._indent(mine) == yours for mine, yours in self._known.items())

    def _indent(self, indent: str) -> str | None:
        """What the rule makes of one indentation; None where it has no answer."""
        if self._scale[0]:
            return _scaled(indent, *self._scale)
        if self._unit > 0:
            return _to_tabs(indent, self._unit)
        if self._unit < 0:
            return " " * (-self._unit * len(indent)) if indent.strip("\t") == "" else None
        if not indent.startswith(self._less):
            return None
        return self._more + indent[len(self._less) :]

    def apply(self, line: str) -> str | None:
        """The line as it stands in the file; None where the rule has no answer for it."""
        if not line.strip(" \t\r\n"):
            return line
        indent = indent_of(line)
        shifted = self._indent(indent)
        return None if shifted is None else shifted + line[len(indent) :]


def _to_tabs(indent: str, unit: int) -> str | None:
    if indent.strip(" ") or len(indent) % unit:
        return None
    return "\t" * (len(indent) // unit)


def _scaled(indent: str, mine: int, yours: int) -> str | None:
    if indent.strip(" ") or len(indent) * yours % mine:
        return None
    return " " * (len(indent) * yours // mine)
