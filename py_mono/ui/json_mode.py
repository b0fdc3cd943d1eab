"""The same events as JSON: one envelope a line, or one object at the end; and the exit status of a turn."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from py_mono.protocol.approvals import ApprovalDecided
from py_mono.protocol.changes import ChangesDiscarded, ChangesStaged
from py_mono.protocol.codec import encode
from py_mono.protocol.events import Envelope, ErrorInfo, MessageFinished, StepStarted, TurnFinished, TurnStarted
from py_mono.protocol.ports import Redact
from py_mono.protocol.spending import Spending
from py_mono.ui.output import Output
from py_mono.ui.terminal import one_line

if TYPE_CHECKING:
    from py_mono.protocol.tools import Change

DONE, FAILED, CONFIGURATION, LIMIT, NEEDS_APPROVAL, TRY_AGAIN, CANCELLED = 0, 1, 2, 3, 4, 75, 130
"""What the program ends with; the numbers are a promise to scripts (75 is EX_TEMPFAIL of sysexits.h)."""

_ERROR_STATUS = {
    "config": CONFIGURATION,
    "needs_approval": NEEDS_APPROVAL,
    "provider_unavailable": TRY_AGAIN,
    "rate_limited": TRY_AGAIN,
}


def error_status(kind: str) -> int:
    """The exit status for an error of that ``PyMonoError.kind``."""
    return _ERROR_STATUS.get(kind, FAILED)


def exit_status(finished: TurnFinished, denied: Sequence[ApprovalDecided] = ()) -> int:
    """The exit status for how a turn ended; ``denied`` is what it was not allowed, which only a turn that failed outdoes."""
    match finished.stop_reason:
        case "end":
            return NEEDS_APPROVAL if denied else DONE
        case "cancelled":
            return CANCELLED
        case "error":
            return error_status(finished.error.kind if finished.error else "")
        case _:
            return LIMIT


def denial(denied: Sequence[ApprovalDecided]) -> ErrorInfo | None:
    """What was not approved, in words, and what would allow it; None where nothing was refused."""
    if not denied:
        return None
    first = denied[0]
    more = f" (and {len(denied) - 1} more)" if len(denied) > 1 else ""
    kinds = ",".join(dict.fromkeys(one.kind for one in denied if one.kind != "call"))
    ways = [f"allow it with --allow {kinds}"] if kinds else []
    if any(one.kind == "call" for one in denied):
        ways.append("leave out --tools ask")
    message = f"not approved: {one_line(first.what)}{more}"
    return ErrorInfo("needs_approval", message, f"{' and '.join(ways)}, or run it where you can be asked")


class EventLines:
    """A subscriber that prints each envelope as one line of JSON and flushes it.

    It never raises: a reader that went away does not stop the turn, whose exit status still tells how it went.
    """

    def __init__(self, output: Output) -> None:
        self._output = output

    def __call__(self, envelope: Envelope) -> None:
        """Print one event."""
        self._output.write(encode(envelope) + b"\n")


class TurnRecord:
    """A subscriber that keeps what the result object needs of the newest turn.

    Attributes:
        answer: The text of the last reply that had any; what the model said before a limit or an error, too.
        model: The model of the last request.
        changes: What the turn did to the workspace.
        denied: What was not approved, in the order of the calls.
        spending: What its requests took.
        finished: How it ended, once it did.
    """

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self.answer = ""
        self.model = ""
        self.changes: tuple[Change, ...] = ()
        self.denied: list[ApprovalDecided] = []
        self.spending = Spending()
        self.finished: TurnFinished | None = None

    def __call__(self, envelope: Envelope) -> None:
        """Take one event in."""
        if isinstance(envelope.event, TurnStarted):
            self._forget()
        self.spending.apply(envelope.event)
        match envelope.event:
            case StepStarted(model=model):
                self.model = model
            case MessageFinished(message=message):
                self.answer = message.text if message.text.strip() else self.answer
                self.model = message.model or self.model
            case ChangesStaged(changes=changes):
                self.changes = changes
            case ChangesDiscarded(reason="review", changes=gone):
                self.changes = tuple(change for change in self.changes if change not in gone)
            case ApprovalDecided(decision="denied") as denied:
                self.denied.append(denied)
            case TurnFinished() as finished:
                self.finished = finished
            case _:
                pass


def result_object(record: TurnRecord, finished: TurnFinished, *, session: str, version: str) -> dict[str, Any]:
    """What ``--output-format json`` prints: one object for a whole turn.

    Args:
        record: What the turn's events came to.
        finished: How the turn ended.
        session: Its id; empty where none is kept.
        version: Of py-mono.
    """
    return {
        "version": version,
        "answer": record.answer,
        "status": exit_status(finished, record.denied),
        "stop_reason": finished.stop_reason,
        "session": session or None,
        "model": record.model,
        "steps": finished.steps,
        "usage": _usage(finished, record.spending),
        "changes": [msgspec.to_builtins(change) for change in record.changes],
        "error": msgspec.to_builtins(finished.error or denial(record.denied)),
    }


def _usage(finished: TurnFinished, spending: Spending) -> dict[str, Any]:
    """The turn's sum; where its cost is not known, the part of it that is stands beside it."""
    usage: dict[str, Any] = msgspec.to_builtins(finished.usage)
    return usage if finished.usage.cost_usd is not None else {**usage, "known_cost_usd": spending.total.known_usd}


def print_object(output: Output, value: dict[str, Any], redact: Redact) -> None:
    """Print one JSON object without secrets, and a newline."""
    output.write(redact(encode(value).decode()).encode() + b"\n")
