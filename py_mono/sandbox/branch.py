"""HOST. The sandbox as the agent sees it: a worker that lives as long as the session, a transaction per turn."""

from typing import Any

from py_mono.protocol.errors import SandboxError
from py_mono.protocol.ports import Branch, BranchMode
from py_mono.sandbox.direct import DirectBranch
from py_mono.sandbox.jobs.host import WorkerJobs
from py_mono.sandbox.launch import Launched, Launcher
from py_mono.sandbox.snapshots import ThreadedSnapshots
from py_mono.sandbox.workers import Workers


class WorkerSandbox:
    """Opens transactions, one at a time; a worker that died is replaced at the next ``open``.

    Attributes:
        workers: Those of the workspace itself.
        snapshots: Where the workspace is kept; None where it is not.
        jobs: The background commands of all its workers.
    """

    def __init__(
        self, launcher: Launcher, launched: Launched | None = None, snapshots: ThreadedSnapshots | None = None
    ) -> None:
        """``launched`` is a worker that was started already, before everything else was imported.

        Without ``snapshots`` nothing can be taken back, and there are no copies.
        """
        self._launcher = launcher
        self.snapshots = snapshots
        self._open: Branch | None = None
        self.jobs = WorkerJobs()
        self.workers = Workers(launcher, launched, jobs=self.jobs)

    async def open(self, mode: BranchMode) -> Branch:
        """Begin a transaction; the worker need not be ready yet. Raises SandboxError."""
        if mode != "direct":
            raise SandboxError(f"there is no transaction mode {mode!r}; there is direct")
        if self._open is not None:
            raise SandboxError("a transaction is open already; close it first")
        self._open = DirectBranch(self.workers, await self.workers.living(), self.snapshots, self._forget)
        return self._open

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
        await self.workers.close()
        self._launcher.remove_private()
