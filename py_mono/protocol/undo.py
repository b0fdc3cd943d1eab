"""What can be undone and redone: a fold of facts into two stacks of pairs of checkpoints."""

from msgspec import Struct

from py_mono.protocol.changes import ChangesCommitted, ChangesDiscarded, ChangesUndone, CheckpointTaken
from py_mono.protocol.commands import CommandRun
from py_mono.protocol.events import Event, TurnFinished


class Step(Struct, frozen=True):
    """What a turn, or the undoing or redoing of it, did: ``before`` became ``after``; both are checkpoints.

    ``after`` is empty where a crash cut the turn off and nobody has looked at the workspace since.
    """

    turn: int
    before: str
    after: str


class UndoStack:
    """The turns of one session that can be taken back, and those that were.

    To take a step back is to restore its ``before`` where its ``after`` differs; what that did is a step again.

    Attributes:
        done: The last turn last.
        undone: The one that was taken back last is the last.
        turns: What each turn did, by its number.
        open: The turn that began to change something and is not over, and the checkpoint of before that.
        partial: Whether the last thing that happened was a redo or an undo of which something was left, and of what.
    """

    def __init__(self) -> None:
        self.done: list[Step] = []
        self.undone: list[Step] = []
        self.turns: dict[int, Step] = {}
        self.open: tuple[int, str] | None = None
        self.partial: tuple[bool, Step] | None = None

    def apply(self, event: Event) -> None:
        """Take one event in; those that say nothing of checkpoints are passed over."""
        if isinstance(event, CheckpointTaken):
            self._seen(event.checkpoint)
            self.open = event.turn, event.checkpoint
        elif isinstance(event, TurnFinished | CommandRun):
            self.open = None
        elif isinstance(event, ChangesCommitted):
            self.open = self.partial = None
            step = Step(event.turn, event.before, event.checkpoint)
            self.done.append(step)
            self.undone.clear()
            self.turns[event.turn] = step
        elif isinstance(event, ChangesDiscarded) and event.reason == "review":
            if self.done and self.done[-1].turn == event.turn:  # what is kept of it is committed anew
                del self.done[-1], self.turns[event.turn]
        elif isinstance(event, ChangesUndone):
            self._move(event)

    def _move(self, event: ChangesUndone) -> None:
        source, target = (self.undone, self.done) if event.redone else (self.done, self.undone)
        if event.again and target:
            target[-1] = Step(event.turn, target[-1].before, event.checkpoint)
            self.partial = None
            return
        step = source.pop() if source else None  # whatever the stream: a fold never fails
        target.append(Step(event.turn, event.before, event.checkpoint))
        self.partial = (event.redone, step) if event.left and step else None

    def _seen(self, checkpoint: str) -> None:
        """The first look at the workspace after a turn that a crash cut off: what it did ends there at the latest."""
        if self.done and not self.done[-1].after:
            step = self.done[-1] = Step(self.done[-1].turn, self.done[-1].before, checkpoint)
            self.turns[step.turn] = step

    @property
    def needed(self) -> frozenset[str]:
        """The checkpoints that must not be pruned while the session lives."""
        steps = (*self.done, *self.undone, *self.turns.values())
        names = {name for step in steps for name in (step.before, step.after)}
        return frozenset(names | {self.open[1] if self.open else ""} - {""})
