"""Facts about the workspace: what a turn did to it, and what became of that."""

from typing import Literal

from py_mono.protocol.event_base import TaggedEvent
from py_mono.protocol.tools import Change


class ChangesStaged(TaggedEvent, frozen=True):
    """What the turn did to the workspace, the shell's effects included; comes before ``TurnFinished``.

    Attributes:
        changes: Sorted by path.
        complete: False where part of the workspace could not be looked at; ``note`` then says which.
        note: In words, or empty.
    """

    changes: tuple[Change, ...]
    complete: bool = True
    note: str = ""


class CheckpointTaken(TaggedEvent, frozen=True):
    """The workspace was kept as it stands; comes before the first call of a turn that may change something.

    So that a turn that a crash cuts off can be taken back.
    """

    turn: int
    checkpoint: str


class ChangesCommitted(TaggedEvent, frozen=True):
    """What the turn did can be taken back; comes before ``TurnFinished``, and only where it did something.

    Attributes:
        turn: Which.
        before: The checkpoint of before its first call that may change something.
        checkpoint: The one of after its last call; empty where a crash cut the turn off, so that nobody looked.
        note: What of the workspace they do not hold, in words; or empty.
        conflicts: Paths that somebody changed meanwhile, so that what the turn did to them was not merged.
    """

    turn: int
    before: str
    checkpoint: str
    note: str = ""
    conflicts: tuple[str, ...] = ()


class ChangesDiscarded(TaggedEvent, frozen=True):
    """What the turn did was not kept, all of it or these paths; comes before ``TurnFinished``.

    Attributes:
        turn: Which.
        reason: A dry run; what the operator said on seeing it; or the copy that a dry run's turns shared is gone
            (``ended``), which comes before the next turn.
        changes: What was taken back.
    """

    turn: int
    reason: Literal["dry_run", "review", "ended"]
    changes: tuple[Change, ...]


class ChangesUndone(TaggedEvent, frozen=True):
    """A turn was taken back, or brought back where ``redone``: ``before`` and ``checkpoint`` are of before and after that.

    Attributes:
        changes: What that did to the workspace.
        left: Paths that were left as they are, for somebody had changed them since.
        again: Whether it goes on with the one right before it, whose ``left`` it overwrites.
    """

    turn: int
    before: str
    checkpoint: str
    redone: bool = False
    changes: tuple[Change, ...] = ()
    left: tuple[str, ...] = ()
    again: bool = False
