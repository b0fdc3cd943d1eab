"""HOST. The checkpoints as the agent's port: each call in a thread, for all of it waits for the disk."""

import asyncio
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from py_mono.protocol.errors import SandboxError
from py_mono.protocol.ports import FileDiff, Restored, Taken

if TYPE_CHECKING:
    from py_mono.sandbox.checkpoints.checkpoints import Checkpoints


class ThreadedSnapshots:
    """``Snapshots``; ``load`` is called with the first use, in the thread: a start can do without what it loads."""

    def __init__(self, state_folder: str, workspace: str, load: Callable[[str], Any]) -> None:
        self._where = (state_folder, workspace)
        self._load = load
        self._made: Checkpoints | None = None
        self._tidying: asyncio.Future[None] | None = None

    async def take(self) -> Taken:
        """See ``Snapshots``."""
        return await asyncio.to_thread(lambda: self._checkpoints().take())

    async def restore(self, target: str, *, since: str, confirmed: bool) -> Restored:
        """See ``Snapshots``."""
        return await asyncio.to_thread(lambda: self._checkpoints().restore(target, since=since, confirmed=confirmed))

    async def diff(self, before: str, after: str) -> list[FileDiff]:
        """See ``Snapshots``."""
        return await asyncio.to_thread(lambda: self._checkpoints().diff(before, after))

    def tidy_later(self, after_s: float, keep: Callable[[], Collection[str]], notice: Callable[[str], None]) -> None:
        """In so many seconds, finish a restore in which a process died, and prune all but ``keep``; a failure is a notice."""
        loop = asyncio.get_running_loop()

        def say(text: str) -> None:
            loop.call_soon_threadsafe(notice, text)

        def begin() -> None:
            self._tidying = loop.run_in_executor(None, self._tidy, keep(), say)

        loop.call_later(after_s, begin)

    def _tidy(self, keep: Collection[str], notice: Callable[[str], object]) -> None:
        try:
            checkpoints = self._checkpoints()
            if checkpoints.heal():
                notice("An undo that was cut off was brought to its end.")
            checkpoints.prune(keep)
        except SandboxError as error:
            notice(f"{error} {error.remedy}".rstrip())

    def _checkpoints(self) -> "Checkpoints":
        if self._made is None:
            self._made = self._load("py_mono.sandbox.checkpoints.checkpoints:Checkpoints")(*self._where)
        return self._made
