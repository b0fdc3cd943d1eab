"""HOST. The workers of a sandbox: one in the narrow lock, and for each grant one in a wider lock, started when asked for."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from py_mono.protocol.errors import SandboxError
from py_mono.protocol.ports import NOTHING, Grant
from py_mono.sandbox.jobs.host import WorkerJobs
from py_mono.sandbox.keys import KeyFile
from py_mono.sandbox.launch import Launched, Launcher
from py_mono.sandbox.link import Link, checked_hello
from py_mono.sandbox.profile import Profile

_READY_S = 15.0
_MOST_WIDE = 4
"""How many wide workers may be at work at a time, and how many are kept beside them that have nothing to do."""


class Worker:
    """One worker.

    Attributes:
        link: The line to it.
        calls: How many of a wide one's calls run or are about to.
    """

    __slots__ = ("calls", "link")

    def __init__(self, link: Link) -> None:
        self.link = link
        self.calls = 0

    async def hello(self) -> dict[str, Any]:
        """Its greeting. Raises SandboxError where it could not confine itself, or is not ready in time."""
        try:
            return checked_hello(await asyncio.wait_for(asyncio.shield(self.link.hello), _READY_S))
        except TimeoutError:
            await self.link.end()
            raise SandboxError(
                f"the sandbox's worker was not ready after {_READY_S:.0f} s",
                remedy="The machine may be overloaded: try again, or look at what else runs on it.",
            ) from None


class Workers:
    """Starts and ends them; one that died, or whose folder was replaced, is replaced when it is asked for again.

    Attributes:
        folder: Where their calls work, as the host sees it.
        key_file: What bears the key file's name there.
    """

    def __init__(
        self,
        launcher: Launcher,
        launched: Launched | None = None,
        *,
        jobs: WorkerJobs,
        profile: Profile | None = None,
        folder: str = "",
    ) -> None:
        """``launched`` is the narrow one, where it was started already; ``profile`` and ``folder`` default to the launcher's.

        ``jobs`` looks after the background commands of each.
        """
        self._launcher = launcher
        self._jobs = jobs
        self._launched = launched
        self._profile = profile or launcher.profile
        self.folder = folder or launcher.workspace
        self.key_file = launcher.key_file if self.folder == launcher.workspace else KeyFile(self.folder, is_copy=True)
        self._identity = identity(self.folder)
        self._workers: dict[Grant, Worker] = {}
        self._at_work = asyncio.Semaphore(_MOST_WIDE)

    @property
    def narrow(self) -> Worker | None:
        """The one in the narrow lock, once it was asked for."""
        return self._workers.get(NOTHING)

    async def living(self, grant: Grant = NOTHING) -> Worker:
        """The one for a grant; it need not be ready yet. Raises SandboxError."""
        now = identity(self.folder)
        if now != self._identity:
            self._identity = now
            await self._end_all()
            self.key_file.look()
        worker = self._workers.get(grant)
        if worker is not None and worker.link.dead:
            await self._workers.pop(grant).link.end()
            self.key_file.clear()  # what it died over was not looked at
            worker = None
        if worker is None:
            worker = self._workers[grant] = self._start(grant)
        return worker

    @asynccontextmanager
    async def lent(self, grant: Grant) -> AsyncIterator[Worker]:
        """The one for a grant, ready, for one call. Raises SandboxError.

        Those that were not asked for lately are ended, but for those with background commands: a model that reads a thousand
        files outside does not get a thousand workers.
        """
        async with self._at_work:
            worker = await self.living(grant)
            worker.calls += 1
            try:
                self._workers[grant] = self._workers.pop(grant)  # the last is who was asked for last
                await worker.hello()
                await self._end_idle()
                yield worker
            finally:
                worker.calls -= 1

    async def _end_idle(self) -> None:
        wide = [(grant, worker) for grant, worker in self._workers.items() if grant != NOTHING]
        idle = [(grant, worker) for grant, worker in wide if not worker.calls and not worker.link.jobs.running]
        for grant, _ in idle[:-_MOST_WIDE]:
            del self._workers[grant]  # all of them first: while one ends, another call may look for its own
        for _, worker in idle[:-_MOST_WIDE]:
            await worker.link.end()

    def _start(self, grant: Grant) -> Worker:
        if grant == NOTHING and self._launched is not None:
            launched, self._launched = self._launched, None
            return Worker(self._jobs.attach(Link(launched)))
        profile = self._profile
        if grant != NOTHING:
            profile = profile.widened(network=grant.network, reads=grant.reads, writes=grant.writes)
        return Worker(self._jobs.attach(Link(self._launcher.start(profile))))

    async def _end_all(self) -> None:
        ending = [asyncio.ensure_future(worker.link.end()) for worker in self._workers.values()]
        self._workers.clear()
        await asyncio.shield(asyncio.gather(*ending))  # begun is begun: else a cancellation would leave their processes

    async def end(self) -> None:
        """End every process that any of them started; who is asked for later is another."""
        if self._launched is not None:
            self._workers.setdefault(NOTHING, self._start(NOTHING))
        await self._end_all()


def identity(folder: str) -> tuple[int, int] | None:
    """What a folder is, apart from its name; None where there is none."""
    try:
        seen = os.stat(folder)
    except OSError:
        return None
    return seen.st_dev, seen.st_ino
