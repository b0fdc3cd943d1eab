"""A turn's checkpoint: taken while the model thinks, waited for by the first call that may change something."""

import asyncio
from collections.abc import Callable, Sequence

from py_mono.protocol.changes import ChangesCommitted
from py_mono.protocol.errors import SandboxError
from py_mono.protocol.events import Notice
from py_mono.protocol.ports import Emit, Snapshots, Taken, ToolSource
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec

_HEAD_START_S = 0.1
"""Not at once, for that would hold up the first request."""


class SnapshottedTools:
    """The turn's tools, behind a checkpoint."""

    def __init__(self, tools: ToolSource, snapshots: Snapshots, emit: Emit) -> None:
        self._tools = tools
        self._snapshots = snapshots
        self._emit = emit
        self._reads: frozenset[str] = frozenset()
        self._acted = False
        self._taking: asyncio.Task[Taken | None] | None = None
        self._timer = asyncio.get_running_loop().call_later(_HEAD_START_S, self._begin)

    async def specs(self) -> Sequence[ToolSpec]:
        """The tools."""
        specs = await self._tools.specs()
        self._reads = frozenset(spec.name for spec in specs if spec.effect == "read")
        return specs

    async def call(self, call: ToolCall, on_output: Callable[[str], None]) -> ToolResult:
        """Run one call, once the workspace was looked at where the call may change it. See ``ToolSource``."""
        if call.name not in self._reads:
            await asyncio.shield(self._begin())
            self._acted = True
        return await self._tools.call(call, on_output)

    async def commit(self, turn: int) -> ChangesCommitted | None:
        """How the turn can be taken back; None where it changed nothing, or no checkpoint could be taken.

        Raises:
            SandboxError: There is one of before the turn, and none of after it could be taken.
        """
        self._timer.cancel()
        if not self._acted:
            return None
        before = await self._begin()
        if before is None:
            return None
        after = await self._snapshots.take()
        return ChangesCommitted(turn, before.id, after.id, after.note) if before.id != after.id else None

    def _begin(self) -> "asyncio.Task[Taken | None]":
        if self._taking is None:
            self._timer.cancel()
            self._taking = asyncio.ensure_future(self._take())
        return self._taking

    async def _take(self) -> Taken | None:
        try:
            return await self._snapshots.take()
        except SandboxError as error:
            self._emit(Notice(f"this turn cannot be undone: {error} {error.remedy}".rstrip()))
            return None
