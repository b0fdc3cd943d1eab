"""HOST. How the workspace stood before the first call of a turn that may change it."""

import asyncio

from py_mono.protocol.errors import SandboxError
from py_mono.protocol.ports import Taken
from py_mono.sandbox import manifest
from py_mono.sandbox.manifest import Manifest
from py_mono.sandbox.snapshots import ThreadedSnapshots

_HEAD_START_S = 0.1


class Before:
    """A checkpoint, or where none can be had a look at the metadata.

    It is taken while the model thinks: not at once, for that would hold up the first request, and at the latest when it
    is asked for.

    Attributes:
        why: Why there is no checkpoint, in words; empty where there is one, or none is wanted.
    """

    def __init__(self, workspace: str, snapshots: ThreadedSnapshots | None) -> None:
        self._workspace = workspace
        self._snapshots = snapshots
        self._looking: asyncio.Future[Taken | Manifest] | None = None
        self._dropped = False
        self.why = ""
        self._timer = asyncio.get_running_loop().call_later(_HEAD_START_S, self._begin)

    async def seen(self) -> Taken | Manifest:
        """Wait until it was looked at."""
        return await asyncio.shield(self._begin())

    def _begin(self) -> "asyncio.Future[Taken | Manifest]":
        if self._looking is None:
            self._timer.cancel()
            self._looking = asyncio.ensure_future(self._look())
        return self._looking

    async def _look(self) -> Taken | Manifest:
        if self._snapshots is not None:
            try:
                return await self._snapshots.take()
            except SandboxError as error:
                self.why = f"{error} {error.remedy}".rstrip()
        return await asyncio.to_thread(manifest.scan_settled, self._workspace, lambda: self._dropped)

    async def drop(self) -> None:
        """Nobody will ask any more. A checkpoint that is being taken is brought to its end: the next turn needs it too."""
        self._dropped = True
        self._timer.cancel()
        if self._looking is not None and self._snapshots is None:
            await asyncio.gather(self._looking, return_exceptions=True)
