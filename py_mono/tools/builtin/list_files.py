"""GUEST. What is in a folder."""

import os

from py_mono.tools.builtin.context import Output, ToolFailure
from py_mono.tools.builtin.paths import KEYS_FILE, missing, printable, printable_or_repr, resolve, shown
from py_mono.tools.builtin.walk import entries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from py_mono.tools.builtin.context import Context

_CANCEL_EVERY = 256

SPEC: "dict[str, Any]" = {
    "name": "list_files",
    "description": "List a folder.",
    "parameters": {
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "recursive": {"type": "boolean"},
            "max_depth": {"type": "integer", "minimum": 1, "default": 2},
        },
        "additionalProperties": False,
    },
    "effect": "read",
}


def run(context: "Context", *, path: str = ".", recursive: bool = False, max_depth: int = 2) -> Output:
    """Paths as other tools take them, sorted; folders end with ``/``."""
    real = resolve(context, path)
    if not os.path.lexists(real):
        raise missing(context, real, path)
    if not os.path.isdir(real):
        raise ToolFailure(f"{printable_or_repr(path)} is not a folder; read_file reads a file")
    if not os.access(real, os.R_OK | os.X_OK):
        raise ToolFailure(f"cannot list {printable_or_repr(path)}: permission denied")
    depth = max_depth if recursive else 1
    lines, total = _listed(context, real, depth)
    left = total - len(lines)
    if left:
        lines.append(f"[{left:,} more of {total:,}; list a folder below, or use grep]")
    if not total:
        lines.append(f"[{shown(context, real)} is empty, or all of it is ignored]")
    return Output("\n".join(lines), details={"entries": total, "truncated": bool(left)})


def _listed(context: "Context", folder: str, depth: int) -> tuple[list[str], int]:
    """The lines that fit, and how many there are."""
    lines: list[str] = []
    room, total = context.output_limit, 0
    prefix = context.workspace.rstrip("/") + "/"
    for found, entry in entries(folder, depth=depth, hidden_file=os.path.join(context.workspace, KEYS_FILE)):
        total += 1
        if total % _CANCEL_EVERY == 0 and context.cancelled.is_set():
            raise ToolFailure("cancelled")
        if room <= 0:
            continue
        line = printable(found.removeprefix(prefix))
        if entry.is_symlink():
            line += f" -> {_target(found)}"
        room -= len(line) + 1
        if room > 0:
            lines.append(line)
    return lines, total


def _target(path: str) -> str:
    try:
        return printable(os.readlink(path))
    except OSError:
        return "?"
