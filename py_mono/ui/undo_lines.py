"""What an undo, a redo and a diff came to, as lines."""

from collections.abc import Sequence

from py_mono.protocol.ports import FileDiff, Restored
from py_mono.protocol.tools import Change
from py_mono.ui.rendering.diffs import DiffText
from py_mono.ui.terminal import harmless, one_line

_SIGNS = {"added": "A", "modified": "M", "deleted": "D"}
_MAX_PATHS = 20


def undone_lines(turn: int, restored: Restored, *, redo: bool) -> str:
    """What became of the files, and what was left as it is, and why."""
    name, done = ("redo", "redone") if redo else ("undo", "undone")
    changes = _changed(restored.changes)
    kept = [f"{one_line(path)}: {reason}" for path, reason in restored.not_kept.items()]
    partly = " in part" if restored.changes and (kept or restored.conflicts) else ""
    lines = [f"Turn {turn} is {done}{partly}." if changes or not restored.conflicts else f"Turn {turn} is not {done}."]
    lines += _some(changes)
    if restored.conflicts:
        lines.append("Left as they are, for somebody changed them since:")
        lines += _some([f"! {one_line(path)}" for path in restored.conflicts])
        lines.append(f"/{name} anyway overwrites them; that can be undone too.")
    if kept:
        lines.append("Could not be brought back as they were:")
        lines += _some(kept)
    return "\n".join(lines)


def _changed(changes: Sequence[Change]) -> list[str]:
    """A line for each path, but one for all that git keeps for itself in a folder: it would hide the person's own."""
    lines: dict[str, str] = {}
    own: dict[str, int] = {}
    for change in changes:
        above, git, _ = f"/{change.path}/".partition("/.git/")
        folder = f"{above}/.git".strip("/")
        if not git:
            lines[change.path] = f"{_SIGNS[change.kind]} {one_line(change.path)}"
        elif change.path == folder:
            lines[folder] = f"{_SIGNS[change.kind]} {one_line(folder)}"
        else:
            lines.setdefault(folder, f"M {one_line(folder)}")
            own[folder] = own.get(folder, 0) + 1
    return [f"{line} (git's own files, {own[path]} of them)" if path in own else line for path, line in lines.items()]


def diff_lines(turn: int, files: Sequence[FileDiff]) -> str:
    """Each file's diff, or what there is to say instead of it."""
    if not files:
        return f"Turn {turn} left all files as they were."
    said = []
    for file in files:
        note = f" ({one_line(file.note)})" if file.note else ""
        said.append(f"{_SIGNS[file.kind]} {one_line(file.path)}{note}\n{harmless(file.text)}".rstrip("\n"))
    return DiffText("\n".join(said))


def _some(lines: list[str]) -> list[str]:
    more = [f"… and {len(lines) - _MAX_PATHS} more"] if len(lines) > _MAX_PATHS else []
    return lines[:_MAX_PATHS] + more
