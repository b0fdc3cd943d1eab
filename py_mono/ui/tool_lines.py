"""The tools in lines for a person: what ``tool list`` and ``/tools`` both show."""

from collections.abc import Sequence

from py_mono.protocol.tools import ToolSpec
from py_mono.ui.terminal import clip, one_line

_LONGEST = 160
"""Columns of a description: a server says of its tools what it likes."""


def tool_lines(specs: Sequence[ToolSpec]) -> str:
    """A line for each tool a person can name: its name, and the first line of its description beside the others'."""
    rows = [
        (one_line(spec.name), clip(one_line(spec.description.strip().partition("\n")[0]), _LONGEST))
        for spec in specs
        if spec.source != "control"
    ]
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"{name:<{width}}  {description}" for name, description in rows)
