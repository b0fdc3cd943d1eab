"""Events as text for a person: one small function for each.

What goes to the screen for good is whole: blocks of a reply, lines of everything else. What is still open and the status
(what is waited for) are kept apart: a terminal that has an input line shows them above it.
"""

from collections.abc import Callable
from typing import Any

from py_mono.protocol.announcing import ToolsAnnounced
from py_mono.protocol.approvals import ApprovalDecided, ApprovalRequested
from py_mono.protocol.attempts import ModelFellBack
from py_mono.protocol.changes import ChangesCommitted, ChangesStaged
from py_mono.protocol.events import (
    ContextChecked,
    Envelope,
    MessageFinished,
    MessageSteered,
    ModelRetried,
    ModelWaiting,
    Notice,
    PrefixBroken,
    ReasoningDelta,
    StepStarted,
    TextDelta,
    ToolFinished,
    ToolOutput,
    ToolStarted,
    TurnFinished,
    TurnStarted,
)
from py_mono.protocol.jobs import JobEnded, JobStarted
from py_mono.ui.rendering import approvals, calls, jobs, replies
from py_mono.ui.rendering.view import View


class Renderer(View):
    """A subscriber that shows events."""

    def __call__(self, envelope: Envelope) -> None:
        """Show one event."""
        self.at = envelope.at
        self.spending.apply(envelope.event)
        show = _SHOW.get(type(envelope.event))
        if show is not None:
            show(self, envelope.event)
            self.changed()


_SHOW: dict[type, Callable[[View, Any], None]] = {
    TurnStarted: replies.turn_started,
    MessageSteered: replies.message_steered,
    ToolsAnnounced: calls.tools_announced,
    StepStarted: replies.step_started,
    ModelWaiting: replies.model_waiting,
    ContextChecked: replies.context_checked,
    TextDelta: replies.text_delta,
    ReasoningDelta: replies.reasoning_delta,
    MessageFinished: replies.message_finished,
    ModelRetried: replies.model_retried,
    ModelFellBack: replies.model_fell_back,
    ToolStarted: calls.tool_started,
    ToolOutput: calls.tool_output,
    ApprovalRequested: approvals.approval_requested,
    ApprovalDecided: approvals.approval_decided,
    ToolFinished: calls.tool_finished,
    ChangesStaged: calls.changes_staged,
    ChangesCommitted: calls.changes_committed,
    JobStarted: jobs.job_started,
    JobEnded: jobs.job_ended,
    PrefixBroken: replies.prefix_broken,
    Notice: replies.notice,
    TurnFinished: replies.turn_finished,
}
