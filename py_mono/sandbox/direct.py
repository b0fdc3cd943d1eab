"""HOST. A transaction on the workspace itself: a checkpoint before the first call that may change it, one after the last."""

import asyncio
from collections.abc import Callable, Collection, Sequence

from py_mono.protocol.errors import SandboxError
from py_mono.protocol.ports import (
    NOTHING,
    BranchMode,
    Changes,
    Committed,
    FileDiff,
    Grant,
    OnCheckpoint,
    Restored,
    Taken,
)
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec
from py_mono.sandbox import manifest
from py_mono.sandbox.before import Before
from py_mono.sandbox.calls import Calls
from py_mono.sandbox.snapshots import ThreadedSnapshots
from py_mono.sandbox.workers import Worker, Workers

_MAX_NAMED = 5


class DirectBranch:
    """See ``Branch``. Without ``snapshots`` the changes are told from metadata, and nothing can be taken back."""

    mode: BranchMode = "direct"

    def __init__(
        self,
        workers: Workers,
        narrow: Worker,
        snapshots: ThreadedSnapshots | None,
        on_close: Callable[[], None],
        on_checkpoint: OnCheckpoint,
    ) -> None:
        """``on_checkpoint``: see ``Sandbox.open``."""
        self._workspace = workers.folder
        self._snapshots = snapshots
        self._on_close = on_close
        self._before = Before(workers.folder, snapshots)
        self._calls = Calls(workers, narrow, self._see)
        self._on_checkpoint = on_checkpoint
        self._after: tuple[Taken, Changes] | None = None

    async def specs(self) -> Sequence[ToolSpec]:
        """See ``Branch``."""
        return await self._calls.specs()

    async def call(self, call: ToolCall, on_output: Callable[[str], None], grant: Grant = NOTHING) -> ToolResult:
        """See ``Branch``."""
        self._after = None
        return await self._calls.call(call, on_output, grant)

    async def touch(self) -> None:
        """See ``Branch``."""
        self._after = None
        await self._calls.touch()

    async def changes(self) -> Changes:
        """See ``Branch``."""
        if not self._calls.acted:
            return Changes(())
        before = await self._before.seen()
        if isinstance(before, Taken):
            return (await self._looked(before))[1]
        after = await asyncio.to_thread(manifest.scan, self._workspace)
        return manifest.compare(before, after)

    async def diff(self) -> Sequence[FileDiff]:
        """See ``Branch``."""
        if not self._calls.acted:
            return ()
        snapshots, before = await self._kept()
        after, _ = await self._looked(before)
        return await snapshots.diff(before.id, after.id)

    async def commit(self, keep: Collection[str] | None = None) -> Committed | None:
        """See ``Branch``. Raises SandboxError where only some is to be kept and there is no checkpoint to go back to."""
        if not self._calls.acted:
            return None
        before = await self._before.seen()
        if keep is None and not isinstance(before, Taken):
            found = await self.changes()
            return Committed("", "", note=self._before.why) if found.changes or not found.complete else None
        snapshots, before = await self._kept()
        after, _ = await self._looked(before)
        if keep is None:
            differ = await snapshots.differ(before.id, after.id)
            return Committed(before.id, after.id, note=after.note) if differ else None
        self._after = None
        restored = await snapshots.restore(before.id, since=after.id, confirmed=False, but=keep)
        conflicts = (*restored.conflicts, *restored.not_kept)
        if not (conflicts or await snapshots.differ(before.id, restored.after)):
            return None
        return Committed(before.id, restored.after, conflicts, restored.note)

    async def discard(self) -> None:
        """See ``Branch``."""
        if not self._calls.acted:
            return
        snapshots, before = await self._kept()
        after, _ = await self._looked(before)
        self._after = None
        restored = await snapshots.restore(before.id, since=after.id, confirmed=False)
        refuse_partial(restored)

    async def close(self) -> None:
        """See ``Branch``."""
        self._on_close()
        await self._before.drop()

    async def _see(self) -> None:
        """Wait for the checkpoint of before the first call that may change something, and tell of it before that runs."""
        before = await self._before.seen()
        if isinstance(before, Taken) and not self._calls.acted:
            self._on_checkpoint(before.id)

    async def _kept(self) -> tuple[ThreadedSnapshots, Taken]:
        before = await self._before.seen()
        if self._snapshots is None or not isinstance(before, Taken):
            raise SandboxError(
                f"There is no checkpoint of before this turn. {self._before.why}".rstrip(),
                remedy="Its changes stand; take back by hand what is not wanted.",
            )
        return self._snapshots, before

    async def _looked(self, before: Taken) -> tuple[Taken, Changes]:
        """The checkpoint of after the last call, and what differs; taken once."""
        if self._after is None:
            snapshots, _ = await self._kept()
            self._after = await snapshots.take_after(before.id)
        return self._after


def refuse_partial(restored: Restored) -> None:
    """Raise SandboxError where a restore left something."""
    left = [*restored.conflicts, *(f"{path} ({reason})" for path, reason in restored.not_kept.items())]
    if left:
        more = f" and {len(left) - _MAX_NAMED} more" if len(left) > _MAX_NAMED else ""
        raise SandboxError(
            f"Not all could be taken back: {', '.join(left[:_MAX_NAMED])}{more}.",
            remedy="Somebody changed it since, or its content was not kept: it is left as it is.",
        )
