"""A line of the table, and how the table is written."""

import dataclasses
import statistics
from collections.abc import Sequence
from typing import Any, Literal

HEADINGS = ("measure", "py-mono", "floor", "ratio", "limit", "verdict")


@dataclasses.dataclass(frozen=True)
class Row:
    """One number beside its floor.

    Attributes:
        name: What was measured.
        unit: Of ``product`` and ``floor``: ``ms``, ``MB``, ``x``, ``%`` or ``tokens``.
        product: py-mono's; None where it could not be measured.
        floor: The floor's; None where there is nothing to compare with.
        limit: What the product's number or the ratio may reach; None where it is printed for information.
        of: Which of both the limit is on.
        note: What else one should know.
    """

    name: str
    unit: str
    product: float | None
    floor: float | None = None
    limit: float | None = None
    of: Literal["product", "ratio"] = "product"
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The product's number over the floor's."""
        return self.product / self.floor if self.product is not None and self.floor else None

    @property
    def verdict(self) -> str:
        """``met``, ``missed``, ``not measured``, or nothing where there is no limit."""
        value = self.ratio if self.of == "ratio" else self.product
        if self.limit is None:
            return ""
        if value is None:
            return "not measured"
        return "met" if value <= self.limit else "missed"

    def cells(self) -> tuple[str, ...]:
        """As the table shows it; see ``HEADINGS``."""
        limit = "" if self.limit is None else f"≤ {self.limit:g} " + ("x" if self.of == "ratio" else self.unit)
        ratio = "" if self.ratio is None else f"{self.ratio:.2f} x"
        return (self.name, _amount(self.product, self.unit), _amount(self.floor, self.unit), ratio, limit, self.verdict)

    def as_json(self) -> dict[str, Any]:
        """All of it, for a file."""
        return dataclasses.asdict(self) | {"ratio": self.ratio, "verdict": self.verdict}


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    return f"{value:.0f} {unit}" if value >= 100 or unit == "tokens" else f"{value:.{1 if value >= 10 else 2}f} {unit}"


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def as_text(rows: Sequence[Row]) -> str:
    """A table for the terminal, notes below it."""
    table = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(HEADINGS))]
    lines = [
        "  ".join(cell.ljust(width) if column in {0, 5} else cell.rjust(width) for column, (cell, width) in cells)
        for cells in (list(enumerate(zip(line, widths, strict=True))) for line in table)
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    notes = [f"{row.name}: {row.note}" for row in rows if row.note]
    return "\n".join([line.rstrip() for line in lines] + ([""] if notes else []) + notes)


def as_markdown(rows: Sequence[Row]) -> str:
    """The same for a document."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|---|--:|--:|--:|--:|---|"]
    lines += ["| " + " | ".join(row.cells()) + " |" for row in rows]
    notes = [f"- {row.name}: {row.note}" for row in rows if row.note]
    return "\n".join(lines + ([""] if notes else []) + notes)
