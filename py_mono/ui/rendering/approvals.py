"""Events of calls that somebody is asked about."""

from py_mono.protocol.approvals import ApprovalDecided, ApprovalRequested
from py_mono.ui.rendering.exact import framed_rows, oddities, spelled, spelled_line
from py_mono.ui.rendering.view import View
from py_mono.ui.terminal import clip, one_line

_AGREED = {
    "once": "approved",
    "always": "approved from now on",
    "rule": "approved before",
    "flag": "approved by --allow",
}


def approval_requested(view: View, event: ApprovalRequested) -> None:
    """The exact command, and why a person is asked about it."""
    view.line("This cannot be undone, and needs your yes:", "yellow")
    for row in framed_rows(event.what, view.screen.width):
        view.line(row, "bold")
    view.say(f"why: {spelled_line(event.reason)}", "yellow")
    if odd := oddities(event.what):
        view.say(f"look twice: {odd}", "red")
    view.wait("your answer is waited for")


def approval_decided(view: View, event: ApprovalDecided) -> None:
    """What became of it."""
    what = one_line(spelled(event.what))
    if event.decision == "denied":
        reason = f" ({one_line(event.reason)})" if event.reason else ""
        view.line(clip(f"not approved{reason}: {what}", view.screen.width), "red")
    else:
        view.line(clip(f"{_AGREED[event.decision]}: {what}", view.screen.width), "dim")
    view.wait(f"running {what}" if event.decision != "denied" else "")
