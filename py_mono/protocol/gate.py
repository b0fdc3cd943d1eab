"""The door to whoever is asked before what cannot be taken back."""

from collections.abc import Collection, Sequence
from typing import Protocol

from msgspec import Struct

from py_mono.protocol.ports import NOTHING, Emit, FileDiff, Grant
from py_mono.protocol.tools import ToolCall, ToolSpec


class Verdict(Struct, frozen=True):
    """What became of a call at the gate: whether it may run, with what beyond the lock; if not, why, for the model to read."""

    allowed: bool
    grant: Grant = NOTHING
    reason: str = ""


class Gate(Protocol):
    """Who is asked before what cannot be taken back, and about what a turn did where the operator wants to see it."""

    async def review_call(self, call: ToolCall, spec: ToolSpec, emit: Emit) -> Verdict:
        """Judge a call whose arguments were checked, before it runs. Never raises but when cancelled.

        What is asked and what was decided goes to ``emit``: see ``approvals``. No two questions are asked at a time.
        """

    async def review_changes(self, files: Sequence[FileDiff]) -> Collection[str]:
        """Which paths of what the turn did are kept; the others are taken back."""
