"""HOST. The checkpoints as the agent's port: each call in a thread, for all of it waits for the disk."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from py_mono.protocol.errors import SandboxError
from py_mono.protocol.ports import Changes, FileDiff, Restored, Taken

if TYPE_CHECKING:
    from py_mono.sandbox.checkpoints.checkpoints import Checkpoints
    from py_mono.sandbox.checkpoints.copies import Copy
    from py_mono.sandbox.checkpoints.settings import CheckpointSettings


_HEAL_AFTER_S = 0.2
"""A person who looks at a workspace that is half brought back should see that it is being mended."""


class ThreadedSnapshots:
    """``Snapshots``, and what a branch needs besides.

    ``load`` is called with the first use, in the thread: a start can do without what it loads.

    Attributes:
        state_folder: Where the store is, below.
        load: Brings what a class or function is named by.
    """

    def __init__(
        self,
        state_folder: str,
        workspace: str,
        load: Callable[[str], Any],
        settings: "CheckpointSettings | None" = None,
    ) -> None:
        self.state_folder = state_folder
        self._workspace = workspace
        self._settings = settings
        self.load = load
        self._made: Checkpoints | None = None
        self._tidying: asyncio.Future[None] | None = None
        self._left = False
        self._took = False
        self._held: set[str] = set()

    async def take(self) -> Taken:
        """See ``Snapshots``."""
        return await asyncio.to_thread(self._take)

    async def take_after(self, before: str) -> tuple[Taken, Changes]:
        """A checkpoint, and what became of the one named. Raises SandboxError."""

        def work() -> tuple[Taken, Changes]:
            checkpoints = self._checkpoints()
            taken = checkpoints.take(self._is_left)
            return taken, checkpoints.changes(before, taken.id)

        return await asyncio.to_thread(work)

    async def restore(self, target: str, *, since: str, confirmed: bool, but: Collection[str] = ()) -> Restored:
        """See ``Snapshots``; ``but`` names paths that are not to be touched."""

        def work() -> Restored:
            return self._checkpoints().restore(target, since=since, but=but, confirmed=confirmed)

        return await asyncio.to_thread(work)

    async def diff(self, before: str, after: str) -> list[FileDiff]:
        """See ``Snapshots``."""
        return await asyncio.to_thread(lambda: self._checkpoints().diff(before, after))

    async def differ(self, before: str, after: str) -> bool:
        """Whether a restore would take anything back. Raises SandboxError."""
        return await asyncio.to_thread(lambda: self._checkpoints().differ(before, after))

    async def copy(self, name: str, folder: str) -> "Copy":
        """Copy a checkpoint into an empty folder; from then on this session does not prune it. Raises SandboxError."""
        self._held.add(name)
        return await asyncio.to_thread(lambda: self._checkpoints().copy(name, folder))

    async def take_copy(self, copy: "Copy", since: str) -> tuple[Taken, Changes]:
        """What the workspace would be, had all that was done to a copy been done to it; and what differs from ``since``."""

        def work() -> tuple[Taken, Changes]:
            taken = self._checkpoints().take_copy(copy)
            return taken, self._checkpoints().changes(since, taken.id)

        return await asyncio.to_thread(work)

    def _take(self) -> Taken:
        self._took = True
        return self._checkpoints().take(self._is_left)

    def leave(self) -> None:
        """The program ends: a checkpoint that is being taken is given up."""
        self._left = True

    def _is_left(self) -> bool:
        return self._left

    def tidy_later(self, after_s: float, keep: Callable[[], Collection[str]], notice: Callable[[str], None]) -> None:
        """Soon finish a restore in which a process died; in so many seconds prune all but ``keep``. A failure is a notice.

        Then, where no turn did, take the first checkpoint.
        """
        loop = asyncio.get_running_loop()

        def say(text: str) -> None:
            loop.call_soon_threadsafe(notice, text)

        def begin() -> None:
            self._tidying = loop.run_in_executor(None, self._tidy, keep(), say)

        loop.call_later(_HEAL_AFTER_S, lambda: loop.run_in_executor(None, self._heal, say))
        loop.call_later(after_s, begin)

    def _heal(self, notice: Callable[[str], object]) -> None:
        try:
            if self._checkpoints().heal():
                notice("An undo that was cut off was brought to its end.")
        except SandboxError as error:
            notice(f"{error} {error.remedy}".rstrip())

    def _tidy(self, keep: Collection[str], notice: Callable[[str], object]) -> None:
        try:
            checkpoints = self._checkpoints()
            checkpoints.prune({*keep, *self._held})
            if not self._took:  # no turn has begun: the first checkpoint is the slow one, and there is time for it
                with suppress(SandboxError):  # the turn that needs it says what is wrong
                    self._take()
        except SandboxError as error:
            notice(f"{error} {error.remedy}".rstrip())

    def _checkpoints(self) -> "Checkpoints":
        if self._made is None:
            made = self.load("py_mono.sandbox.checkpoints.checkpoints:Checkpoints")
            self._made = made(self.state_folder, self._workspace, self._settings)
        return self._made
