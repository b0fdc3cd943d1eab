"""The tools in lines for a person: what ``tool list`` and ``/tools`` both show."""

from collections.abc import Sequence

from py_mono.protocol.tools import ToolSpec
from py_mono.ui.terminal import one_line


def tool_lines(specs: Sequence[ToolSpec]) -> str:
    """A line for each tool a person can name: its name, and the first line of its description beside the others'."""
    rows = [
        (one_line(spec.name), one_line(spec.description.partition("\n")[0]))
        for spec in specs
        if spec.source != "control"
    ]
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"{name:<{width}}  {description}" for name, description in rows)
