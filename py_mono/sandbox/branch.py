"""HOST. The sandbox as the agent sees it: a worker that lives as long as the session, a transaction per turn."""

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
        lock: dict[str, Any] = (await (await self.workers.living()).hello())["lock"]
        return lock

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
            await self.workers.close()
            self._launcher.remove_private()
