"""HOST. Undo and redo by turn: two stacks of pairs of checkpoints."""

from msgspec import Struct

from py_mono.protocol.errors import SandboxError
from py_mono.sandbox.checkpoints.checkpoints import Checkpoints, Restored


class Step(Struct, frozen=True):
    """What a turn, or the undoing or redoing of it, did: ``before`` became ``after``."""

    turn: int
    before: str
    after: str


class UndoStack:
    """The turns of one session that can be taken back, and those that were.

    Attributes:
        done: The last turn last.
        undone: The last one that was taken back last.
    """

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints
        self.done: list[Step] = []
        self.undone: list[Step] = []

    def committed(self, turn: int, before: str, after: str) -> None:
        """A turn came to its end; what was undone before it cannot be redone any more."""
        if before != after:
            self.done.append(Step(turn, before, after))
            self.undone.clear()

    def undo(self, *, confirmed: bool = False) -> tuple[int, Restored]:
        """Take the last turn back; its number, and what it came to. Raises SandboxError, also where there is none."""
        if not self.done:
            raise SandboxError(
                "There is nothing to undo.", remedy="Only turns of this session that changed files can be undone."
            )
        return self._take_back(self.done, self.undone, confirmed=confirmed)

    def redo(self, *, confirmed: bool = False) -> tuple[int, Restored]:
        """Bring the turn back that was undone last. Raises SandboxError, also where there is none."""
        if not self.undone:
            raise SandboxError(
                "There is nothing to redo.", remedy="Only what was undone since the last turn can be redone."
            )
        return self._take_back(self.undone, self.done, confirmed=confirmed)

    def _take_back(self, source: list[Step], target: list[Step], *, confirmed: bool) -> tuple[int, Restored]:
        step = source[-1]
        restored = self._checkpoints.restore(step.before, since=step.after, confirmed=confirmed)
        if restored.conflicts and restored.before == restored.after:
            return step.turn, restored  # nothing was done: it may be asked for again, confirmed
        source.pop()
        target.append(Step(step.turn, restored.before, restored.after))
        return step.turn, restored

    @property
    def needed(self) -> frozenset[str]:
        """The checkpoints that must not be pruned while the session lives."""
        return frozenset(name for step in (*self.done, *self.undone) for name in (step.before, step.after))
