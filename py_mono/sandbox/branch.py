"""HOST. The sandbox as the agent sees it: a worker that lives as long as the session, a transaction per turn."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from py_mono.protocol.errors import SandboxError
from py_mono.protocol.ports import Branch, BranchMode, OnCheckpoint, unheard
from py_mono.sandbox.direct import DirectBranch
from py_mono.sandbox.jobs.host import WorkerJobs
from py_mono.sandbox.launch import Launched, Launcher
from py_mono.sandbox.profile import Profile
from py_mono.sandbox.snapshots import ThreadedSnapshots
from py_mono.sandbox.workers import Workers

if TYPE_CHECKING:
    from py_mono.sandbox.scratch import ScratchBranch


class WorkerSandbox:
    """Opens transactions, one at a time; a worker that died is replaced at the next ``open``.

    Attributes:
        workers: Those of the workspace itself.
        snapshots: Where the workspace is kept; None where it is not.
        jobs: The background commands of all its workers.
    """

    def __init__(
        self,
        launcher: Launcher,
        launched: Launched | None = None,
        snapshots: ThreadedSnapshots | None = None,
        *,
        one_scratch: bool = False,
    ) -> None:
        """``launched`` is a worker that was started already, before everything else was imported.

        Without ``snapshots`` nothing can be taken back, and there are no copies. With ``one_scratch`` each scratch
        transaction goes on in the copy of the one before it.
        """
        self._one_scratch = one_scratch
        self._copied: ScratchBranch | None = None
        self._launcher = launcher
        self.snapshots = snapshots
        self._open: Branch | None = None
        self._starting = asyncio.Lock()
        self.jobs = WorkerJobs()
        self.workers = Workers(launcher, launched, jobs=self.jobs)

    @property
    def profile(self) -> Profile:
        """What the narrow lock lets its tools read, write and reach."""
        return self._launcher.profile

    async def open(self, mode: BranchMode, on_checkpoint: OnCheckpoint = unheard) -> Branch:
        """Begin a transaction; the worker need not be ready yet. Raises SandboxError."""
        if mode not in {"direct", "scratch"}:
            raise SandboxError(f"there is no transaction mode {mode!r}; there are direct and scratch")
        async with self._starting:
            if self._open is not None:
                raise SandboxError("a transaction is open already; close it first")
            if mode == "scratch":
                self._open = await self._scratch()
                return self._open
            self._open = DirectBranch(
                self.workers, await self.workers.living(), self.snapshots, self._forget, on_checkpoint
            )
            return self._open

    async def _scratch(self) -> "ScratchBranch":
        if self._copied is not None and self._one_scratch:
            await self._copied.again()
            return self._copied
        if self.snapshots is None:
            raise SandboxError("no copy of the workspace can be made: no checkpoints are kept")
        made: ScratchBranch = await self.snapshots.load("py_mono.sandbox.scratch:make")(
            self._launcher, self.snapshots, self.jobs, self._forget, lasts=self._one_scratch
        )
        self._copied = made
        return made

    async def lock(self) -> dict[str, Any]:
        """What the worker reports of its lock: ``layers`` (name to ``on`` or why not) and ``open`` (sentences: the gaps).

        Raises:
            SandboxError: It could not confine itself, or is not ready in time.
        """
        async with self._starting:
            worker = await self.workers.living()
        lock: dict[str, Any] = (await worker.hello())["lock"]
        return lock

    @property
    def covers_keys(self) -> bool:
        """Whether workers cover the key file that is there, where they can: then it may be rewritten beside them."""
        return self._launcher.key_file.is_covered

    @asynccontextmanager
    async def uncovered(self) -> AsyncIterator[None]:
        """A time in which the key file may be written: without workers, unless it is there and they cover it.

        What bears its name, and is not what they covered, is taken away first; those that come later cover what is made.
        Who asks for a worker meanwhile waits, so nothing within may ask for one.

        Raises:
            SandboxError: A turn or a background command would end with the workers.
        """
        async with self._starting:
            if self.covers_keys:
                yield
                return
            if self._open is not None:
                raise SandboxError(
                    "a turn runs, and its tools cannot go on beside a key file that is made now",
                    remedy="Wait until it is over, or cancel it with Ctrl-C; then try again.",
                )
            if self.jobs.running:
                raise SandboxError(
                    "background commands run, and cannot go on beside a key file that is made now",
                    remedy="Wait until they are over, or end them with /jobs kill ID; then try again.",
                )
            await self._end_workers()
            try:
                yield
            finally:
                with suppress(SandboxError):  # whoever needs one is told
                    await self.workers.living()

    async def _end_workers(self) -> None:
        if self.workers.narrow is not None:
            with suppress(SandboxError):  # else whoever asked for its lock would hear that it ended
                await self.workers.narrow.hello()
        if self._copied is not None:
            await self._copied.end_workers()
        await self.workers.end()
        self._launcher.leave()

    def _forget(self) -> None:
        self._open = None

    async def close(self) -> None:
        """End every process the sandbox started, and remove its private folder; may be called twice."""
        if self.snapshots is not None:
            self.snapshots.leave()
        try:
            if self._copied is not None:
                await self._copied.discard()
        finally:
            await self.workers.end()
            self._launcher.close()
