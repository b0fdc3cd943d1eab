"""Events of tools, and of what they changed."""

from py_mono.protocol.announcing import ToolsAnnounced
from py_mono.protocol.changes import ChangesCommitted, ChangesStaged
from py_mono.protocol.events import ToolFinished, ToolOutput, ToolStarted
from py_mono.protocol.late_tools import meant
from py_mono.protocol.tools import ToolCall, ToolResult
from py_mono.ui.rendering.diffs import diff_rows
from py_mono.ui.rendering.view import View
from py_mono.ui.rendering.words import LONGEST, counted, heading
from py_mono.ui.terminal import cell_width, clip, duration, first_lines, last_lines, one_line

_ERROR_LINES = 5
_SAY_IT_LAST = {"shell"}
"""Tools whose output ends with what went wrong, as a test run's does."""

_DIFF_LINES = 60
_CHANGES = 12


def tools_announced(view: View, event: ToolsAnnounced) -> None:
    """What the model can call besides its list."""
    names = one_line(", ".join(event.tools))
    view.line(clip(f"the model is told of {counted(len(event.tools), 'more tool')}: {names}", view.screen.width), "dim")


def tool_started(view: View, event: ToolStarted) -> None:
    """A call runs."""
    view.running[event.call.id] = event.call
    view.wait(f"running {heading(event.call)}")


def tool_output(view: View, event: ToolOutput) -> None:
    """What it prints."""
    call = view.running.get(event.call_id)
    newest = one_line(event.text.rstrip("\n").rpartition("\n")[2][-LONGEST:])
    if call is not None and newest:
        view.wait(f"{one_line(meant(call).name)}: {newest}", goes_on=True)


def tool_finished(view: View, event: ToolFinished) -> None:
    """The call in one line; of a failure the lines that say why."""
    result = event.result
    call = view.running.pop(result.call_id, None) or ToolCall(result.call_id, result.name, {})
    diff = result.details.get("diff")
    shows_diff = isinstance(diff, str) and bool(diff)
    mark = "✗ " if result.is_error else "✓ "
    tail = f"  {duration(event.duration_ms / 1000)}" + ("  failed" if result.is_error else "")
    if view.screen.terminal and not shows_diff:
        tail += _folded(view, heading(call), result)
    room = view.screen.width - cell_width(mark) - cell_width(tail)
    view.line(mark + clip(heading(call), max(room, 8)) + tail, "red" if result.is_error else "green")
    if result.is_error:
        shown = last_lines if result.name in _SAY_IT_LAST else first_lines
        for line in shown(result.content, _ERROR_LINES):
            view.line("  " + line, "red")
    if isinstance(diff, str) and diff:
        _diff(view, heading(call), diff)
    view.wait(f"running {heading(next(iter(view.running.values())))}" if view.running else "")


def _folded(view: View, title: str, result: ToolResult) -> str:
    """How much of a result is not shown."""
    lines = len(result.content.rstrip("\n").split("\n")) if result.content.strip() else 0
    if not lines or (result.is_error and lines <= _ERROR_LINES + 1):
        return ""
    if view.folds is None:
        return f" · {counted(lines, 'line')}"
    view.folds.add(title, result.content)
    return f" · {counted(lines, 'line')}{view.folds.hint()}"


def _diff(view: View, title: str, diff: str) -> None:
    """An edit: its first lines, and how many more there are."""
    rows = diff_rows(diff, view.screen)
    for row in rows if len(rows) <= _DIFF_LINES + 1 else rows[:_DIFF_LINES]:
        view.line(row.text, row.style)
    if len(rows) > _DIFF_LINES + 1:
        hint = ""
        if view.folds is not None:
            view.folds.add(title, diff)
            hint = view.folds.hint()
        view.line(f"… {len(rows) - _DIFF_LINES} more lines{hint}")


def changes_staged(view: View, event: ChangesStaged) -> None:
    """Which files the turn changed."""
    signs = {"added": "A", "modified": "M", "deleted": "D"}
    for change in event.changes[:_CHANGES]:
        view.line(f"{signs[change.kind]} {clip(one_line(change.path), view.screen.width - 2)}", "dim")
    if len(event.changes) > _CHANGES:
        view.line(f"… and {len(event.changes) - _CHANGES} more files changed", "dim")
    if event.note and not event.complete:  # what is always left out (caches) is for who reads the event
        view.line(one_line(event.note), "yellow")


def changes_committed(view: View, event: ChangesCommitted) -> None:
    """What /undo could not bring back, once for each text; folders that are always left out are no news."""
    for note in one_line(event.note).split("; "):
        if note.startswith("not kept") and note not in view.told:
            view.told.add(note)
            view.say(f"/undo cannot bring back what is {note}", "yellow")
