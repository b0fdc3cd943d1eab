"""HOST. A transaction on a private copy of the workspace, worked on by a worker of its own."""

import asyncio
import fcntl
import os
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from py_mono.protocol.errors import SandboxError
from py_mono.protocol.ports import NOTHING, BranchMode, Changes, Committed, FileDiff, Grant, Taken
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec
from py_mono.sandbox.calls import Calls
from py_mono.sandbox.jobs.host import WorkerJobs
from py_mono.sandbox.launch import PREFIX, Launcher, temporary_base
from py_mono.sandbox.leftovers import remove_tree
from py_mono.sandbox.snapshots import ThreadedSnapshots
from py_mono.sandbox.workers import Worker, Workers

if TYPE_CHECKING:
    from py_mono.sandbox.checkpoints.copies import Copy

FOLDER = "scratch"
"""In the state folder: where copies are made."""


class Place:
    """A folder for a copy, for this user alone, and the claim on it: ``leftovers`` removes what nobody claims."""

    def __init__(self, base: str) -> None:
        """Raises SandboxError where it cannot be made."""
        made = os.path.join(base, f"{PREFIX}{os.getpid()}-{os.urandom(8).hex()}")
        self._claim = -1
        try:
            os.makedirs(base, 0o700, exist_ok=True)
            os.mkdir(made, 0o700)
            self._claim = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(self._claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._made = os.path.realpath(made)
            self.copy = os.path.join(self._made, "copy")
            os.mkdir(self.copy, 0o700)
        except OSError as error:
            self._made = made
            self.remove()
            raise SandboxError(
                f"no folder for a copy can be made below {base}: {error.strerror}",
                remedy="Make room there, and try again.",
            ) from error

    def open_to(self, uid: int | None, gid: int | None) -> None:
        """Where root works for another user, that one must reach the copy. Raises OSError."""
        if uid is not None and gid is not None:
            os.fchown(self._claim, uid, gid)

    def remove(self) -> None:
        """Take it all away, whatever the tools left in it; only when nothing they started is left."""
        remove_tree(self._made)
        if self._claim >= 0:
            os.close(self._claim)
            self._claim = -1


def base_for(workspace: str, state_folder: str, *, changes_user: bool) -> str:
    """Where a copy is made: in the state folder, or where that is on another file system, in the private one.

    Files can share their blocks within one file system alone. Who becomes another user cannot reach the state folder.
    """
    temporary, own = temporary_base(), os.path.join(state_folder, FOLDER)
    if changes_user:
        return temporary
    try:
        device = os.stat(workspace).st_dev
        return temporary if os.stat(temporary).st_dev == device != os.stat(state_folder).st_dev else own
    except OSError:
        return own


class ScratchBranch:
    """See ``Branch``.

    Attributes:
        folder: The copy.
    """

    mode: BranchMode = "scratch"

    def __init__(
        self,
        workers: Workers,
        narrow: Worker,
        copied: tuple["Copy", Place],
        snapshots: ThreadedSnapshots,
        on_close: Callable[[], None],
        *,
        lasts: bool,
    ) -> None:
        """``copied``: the copy, and the place that is removed with the branch; which ``lasts`` beyond its ``close``."""
        self._workers = workers
        self._copy, self._place = copied
        self._snapshots = snapshots
        self._on_close = on_close
        self._calls = Calls(workers, narrow, _at_once)
        self._since = self._copy.base
        self._after: tuple[Taken, Changes] | None = None
        self._over = False
        self._lasts = lasts
        self.folder = workers.folder

    async def specs(self) -> Sequence[ToolSpec]:
        """See ``Branch``."""
        return await self._calls.specs()

    async def lock(self) -> dict[str, Any]:
        """What its worker reports of its lock. Raises SandboxError."""
        lock: dict[str, Any] = (await (await self._workers.living()).hello())["lock"]
        return lock

    async def call(self, call: ToolCall, on_output: Callable[[str], None], grant: Grant = NOTHING) -> ToolResult:
        """See ``Branch``."""
        if self._over:
            raise SandboxError("the copy was thrown away, so nothing can be done in it")
        if grant.writes:
            text = f"not run: this works on a copy, and nothing outside it is changed ({', '.join(grant.writes)})"
            return ToolResult(call.id, call.name, text, is_error=True)
        self._after = None
        return await self._calls.call(call, on_output, grant)

    async def touch(self) -> None:
        """See ``Branch``."""
        raise SandboxError("this works on a copy, on which nobody else acts", remedy="Do it without a copy.")

    async def changes(self) -> Changes:
        """See ``Branch``."""
        if self._over or not self._calls.acted:
            return Changes(())
        found = (await self._looked())[1]
        where = "" if await self._at_its_place() else f"the copy was worked on at {self.folder}"
        lent = f"in the copy {', '.join(self._copy.lent)} could only be read" if self._copy.lent else ""
        return Changes(
            found.changes, found.complete, "; ".join(filter(None, (found.note, self._copy.note, lent, where)))
        )

    async def _at_its_place(self) -> bool:
        """Whether it was shown where the workspace is."""
        return str((await self.lock())["layers"]["namespaces"]).startswith("on")

    async def diff(self) -> Sequence[FileDiff]:
        """See ``Branch``."""
        if self._over or not self._calls.acted:
            return ()
        return await self._snapshots.diff(self._since, (await self._looked())[0].id)

    async def commit(self, keep: Collection[str] | None = None) -> Committed | None:
        """See ``Branch``. What somebody changed in the workspace is a conflict; also what the store could not hold."""
        if self._over or not self._calls.acted or (keep is not None and not keep):
            return None
        after, found = await self._looked()
        refused: set[str] = set()
        if keep is not None:  # folders go with what is in them; of git's own files the folder alone is named
            git = [file.path for file in await self.diff() if file.path.rpartition("/")[2] == ".git"]
            refused = {*(change.path for change in found.changes), *git}.difference(keep)
        restored = await self._snapshots.restore(after.id, since=self._since, confirmed=False, but=refused)
        conflicts = (*restored.conflicts, *restored.not_kept)
        if not conflicts and not await self._snapshots.differ(restored.before, restored.after):
            return None
        return Committed(restored.before, restored.after, conflicts, restored.note)

    async def discard(self) -> None:
        """See ``Branch``."""
        if not self._over:
            self._over = True
            await self.end_workers()
            self._workers.key_file.close()
            await asyncio.to_thread(self._place.remove)

    async def again(self) -> None:
        """Begin another transaction on the same copy: what was done so far belongs to how it began. Raises SandboxError."""
        if self._calls.acted:
            self._since = (await self._looked())[0].id
        self._after = None
        self._calls = Calls(self._workers, await self._workers.living(), _at_once)

    async def end_workers(self) -> None:
        """End what works on the copy, between two transactions: the next has others."""
        await self._workers.end()

    async def close(self) -> None:
        """See ``Branch``; one that lasts stays for ``again``."""
        self._on_close()
        if not self._lasts:
            await self.discard()

    async def _looked(self) -> tuple[Taken, Changes]:
        if self._after is None:
            self._after = await self._snapshots.take_copy(self._copy, self._since)
        return self._after


async def make(
    launcher: Launcher, snapshots: ThreadedSnapshots, jobs: WorkerJobs, on_close: Callable[[], None], *, lasts: bool
) -> ScratchBranch:
    """Copy the workspace as it stands and start a worker on the copy. Raises SandboxError."""
    profile = launcher.profile
    base = await snapshots.take()
    changes_user = profile.uid is not None
    place = Place(base_for(profile.workspace, snapshots.state_folder, changes_user=changes_user))
    try:
        place.open_to(profile.uid, profile.gid)
        copy = await snapshots.copy(base.id, place.copy)
        workers = Workers(launcher, jobs=jobs, profile=profile.copied(place.copy, copy.lent), folder=place.copy)
        return ScratchBranch(workers, await workers.living(), (copy, place), snapshots, on_close, lasts=lasts)
    except BaseException:
        await asyncio.to_thread(place.remove)
        raise


async def _at_once() -> None:
    """A copy is ready before its first call."""
