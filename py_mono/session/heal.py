"""Closes what a crash left open, with facts of its own."""

from collections.abc import Iterable, Iterator

from py_mono.protocol.attempts import AttemptFailed
from py_mono.protocol.changes import ChangesCommitted
from py_mono.protocol.events import (
    Envelope,
    Event,
    MessageFinished,
    StepStarted,
    ToolFinished,
    ToolStarted,
    TurnFinished,
    TurnStarted,
)
from py_mono.protocol.history import History
from py_mono.protocol.jobs import JobEnded
from py_mono.protocol.messages import Usage
from py_mono.protocol.tools import ToolResult

INTERRUPTED = "interrupted: the agent was stopped during this call. It may have run in part: verify before going on."
"""What the model reads in place of a result that was lost."""


def healing(envelopes: Iterable[Envelope], *, next_seq: int, at: float) -> list[Envelope]:
    """The facts that are missing at the end of a journal, numbered from ``next_seq`` and dated ``at``.

    Every call without a result gets one that says so, a background command without its end is ``lost``, what was changed since
    a checkpoint can be taken back, and a turn without its end is ``cancelled``. For a journal that
    was closed properly, or healed before, there are none.
    """
    state = _Open()
    for envelope in envelopes:
        state.apply(envelope.event)
    return [Envelope(next_seq + index, at, event) for index, event in enumerate(state.closing())]


class _Open:
    """What was begun and not ended."""

    def __init__(self) -> None:
        self._history = History()
        self._started: set[str] = set()
        self._in_turn = False
        self._steps = 0
        self._usage = Usage()

    def apply(self, event: Event) -> None:
        self._history.apply(event)
        match event:
            case TurnStarted():
                self._in_turn, self._steps, self._usage = True, 0, Usage(cost_usd=0.0)
            case StepStarted():
                self._steps += 1
            case MessageFinished(message=message):
                self._started.clear()
                self._usage += message.usage
            case AttemptFailed(usage=usage):
                self._usage += usage
            case ToolStarted(call=call):
                self._started.add(call.id)
            case TurnFinished():
                self._in_turn = False
            case _:
                pass

    def closing(self) -> Iterator[Event]:
        for call in self._history.open_calls():
            if call.id not in self._started:
                yield ToolStarted(call)
            yield ToolFinished(ToolResult(call.id, call.name, INTERRUPTED, is_error=True), 0)
        for job in self._history.jobs.running:
            yield JobEnded(job, "lost")
        if self._history.undo.open:
            turn, before = self._history.undo.open
            yield ChangesCommitted(turn, before, "")
        if self._in_turn:
            yield TurnFinished("cancelled", self._usage, self._steps)
