"""What a session took so far, and how full the window is: a fold of its facts."""

from collections.abc import Iterable

from py_mono.protocol.attempts import AttemptFailed
from py_mono.protocol.events import ContextChecked, Envelope, HistoryCleared, MessageFinished, TurnStarted
from py_mono.protocol.spending import Spending

_HEEDED = frozenset((TurnStarted, MessageFinished, AttemptFailed, ContextChecked, HistoryCleared))
"""The few among the thousands of pieces of a reply."""


class Account:
    """A subscriber that adds up.

    Attributes:
        session: What all requests took, those of its past included.
        turn: What those of the newest turn did.
        last: The same of the newest request.
        context: What the last one's server said of the prompt; None before any, and after the conversation was cleared.
    """

    def __init__(self, past: Iterable[Envelope] = ()) -> None:
        """``past`` holds the facts of a session that goes on."""
        self.session = Spending()
        self.turn = Spending()
        self.last = Spending()
        self.context: ContextChecked | None = None
        for envelope in past:
            self(envelope)

    def __call__(self, envelope: Envelope) -> None:
        """Take one event in."""
        if type(envelope.event) not in _HEEDED:
            return
        match envelope.event:
            case TurnStarted():
                self.turn = Spending()
            case MessageFinished() | AttemptFailed() as fact:
                self.last = Spending()
                for spending in (self.session, self.turn, self.last):
                    spending.apply(fact)
            case ContextChecked() as checked:
                self.context = checked
            case HistoryCleared():
                self.context = None
            case _:
                pass
