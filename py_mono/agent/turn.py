"""One transaction round the loop: open a branch, run, look at what changed, finish. Here an exception becomes an event."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Protocol

from msgspec import Struct

from py_mono.agent.guards import LimitGuard, Limits, StepGuard, Stop
from py_mono.agent.keeping import record, stage, tell
from py_mono.agent.loop import Loop, TakeQueued
from py_mono.agent.settling import settled
from py_mono.protocol.changes import ChangesDiscarded, CheckpointTaken
from py_mono.protocol.digest import PrefixDigest
from py_mono.protocol.errors import PyMonoError
from py_mono.protocol.events import (
    ErrorInfo,
    ModelBound,
    ModelWaiting,
    Notice,
    PromptFrozen,
    TurnFinished,
    TurnStarted,
    TurnStop,
)
from py_mono.protocol.history import History
from py_mono.protocol.late_tools import LateTools, ToolList
from py_mono.protocol.messages import UserMessage
from py_mono.protocol.ports import Branch, BranchMode, Changes, Committed, Emit, FileDiff, Provider, Sandbox
from py_mono.protocol.tools import ToolSpec

_PREPARE_NOTICE_S = 0.3
"""A provider that prepares for longer is waited for by a person who should know why."""


Review = Callable[[Sequence[FileDiff]], Awaitable[Collection[str]]]
"""See ``Gate.review_changes``."""


class Compose(Protocol):
    """Makes a list of tools from a branch."""

    def __call__(
        self, branch: Branch, window: int, emit: Emit, *, frozen: Sequence[ToolSpec] = (), own: bool = False
    ) -> ToolList:
        """The list.

        Args:
            branch: What its tools act on.
            window: For so many tokens (0: unknown).
            emit: What is asked of the operator about a call, and decided, goes there.
            frozen: The list at the front of the requests so far; empty where there is none. What came later than the
                branch's tools stays in it as it is.
            own: Whether the calls are the operator's own, and not a model's.
        """


class TurnPorts(Struct, frozen=True):
    """What a turn is given; the same for all turns of a session but for the provider.

    Attributes:
        compose: Makes the turn's list of tools.
        system: The system prompt for the next time it is frozen, for a window of so many tokens.
        guard: Makes what judges the turn's steps.
        sync: Returns when every fact so far is on the disk.
        clock: Monotonic seconds.
        review: Asks what is kept of what the turn did; None where all of it is.
        mode: ``scratch`` where nothing that the turn does is to stay: a dry run.
        after: Who answers from the next turn on; None where ``provider`` does.
        late: Tools that may not be there yet; None where there are none.
        settle_s: How many seconds are waited for those that were never seen, before the first request.
    """

    provider: Provider
    sandbox: Sandbox
    compose: Compose
    system: Callable[[int], str]
    history: History
    prefix: PrefixDigest
    limits: Limits
    guard: Callable[[], StepGuard]
    take_queued: TakeQueued
    emit: Emit
    sync: Callable[[], Awaitable[None]]
    clock: Callable[[], float]
    review: Review | None = None
    mode: BranchMode = "direct"
    after: Provider | None = None
    late: LateTools | None = None
    settle_s: float = 0.0


class Turn:
    """Runs one turn; made anew for each.

    Attributes:
        diff: What the turn did by lines, where it was not to stay.
    """

    def __init__(self, ports: TurnPorts) -> None:
        self._ports = ports
        self._limits = LimitGuard(ports.limits, ports.history.spending)
        self._branch: Branch | None = None
        self.diff: Sequence[FileDiff] = ()
        self._running: asyncio.Task[Stop | None] | None = None
        self._asking: asyncio.Future[Collection[str]] | None = None
        self._interrupted = False

    def interrupt(self) -> None:
        """End the loop at its next await; what follows it (closing, changes, sync) still runs. May be called twice."""
        self._interrupted = True
        if self._running is not None:
            self._running.cancel()
        if self._asking is not None:
            self._asking.cancel()

    async def run(self, text: str) -> TurnFinished:
        """Run to the end. Never raises but ``CancelledError``, and that only after ``TurnFinished`` was emitted."""
        ports = self._ports
        ports.emit(TurnStarted(ports.history.turns + 1, UserMessage(text)))
        self._running = asyncio.ensure_future(self._work())
        if self._interrupted:
            self._running.cancel()
        cancelled = not await _sure(self._running, on_cancel=self._running.cancel)
        finishing = asyncio.ensure_future(self._finish(*_outcome(self._running)))
        cancelled |= not await _sure(finishing)
        if cancelled:
            raise asyncio.CancelledError
        return finishing.result()

    async def _work(self) -> Stop | None:
        ports = self._ports
        if stop := self._limits.before_turn():
            return stop
        branch = await self._open()
        await settled(ports.late, ports.settle_s, ports.emit)
        window, frozen = ports.provider.window, ports.history.prompt
        tools = ports.compose(branch, window, ports.emit, frozen=frozen.tools if frozen else ())
        specs = tuple(await tools.specs())
        if frozen is None or frozen.tools != specs:
            frozen = PromptFrozen(ports.system(window), specs)
            ports.emit(frozen)
        self._bind()
        loop = Loop(
            provider=ports.provider,
            tools=tools,
            specs=specs,
            system=frozen.system,
            history=ports.history,
            prefix=ports.prefix,
            limits=self._limits,
            guard=ports.guard(),
            take_queued=ports.take_queued,
            emit=ports.emit,
            clock=ports.clock,
        )
        return await loop.run()

    async def _open(self) -> Branch:
        """The branch; meanwhile the provider prepares: the one waits for a process, the other for a server."""
        preparing = asyncio.ensure_future(self._ports.provider.prepare())
        try:
            self._branch = await self._ports.sandbox.open(self._ports.mode, self._on_checkpoint)
            if not preparing.done():
                await asyncio.wait({preparing}, timeout=_PREPARE_NOTICE_S)
            if not preparing.done():
                self._ports.emit(ModelWaiting("connecting"))
            await preparing
        finally:
            preparing.cancel()  # nothing where it is done
            await asyncio.gather(preparing, return_exceptions=True)
        return self._branch

    def _bind(self) -> None:
        """Say who answers; a session that goes on elsewhere takes its whole conversation there."""
        ports = self._ports
        bound = ModelBound(ports.provider.name, ports.provider.model, once=ports.after is not None)
        before = ports.history.model
        if bound == before:
            return
        ports.emit(bound)
        if bound.once:
            ports.emit(Notice(f"{_said(bound)} answers this once"))
        elif before is not None and _said(bound) != _said(before):
            ports.emit(Notice(f"from here on {_said(bound)} answers; before it was {_said(before)}"))

    def _bind_back(self) -> None:
        """Who answered this turn alone does so no longer."""
        after, bound = self._ports.after, self._ports.history.model
        if after is not None and bound is not None and bound.once:
            back = ModelBound(after.name, after.model)
            self._ports.emit(back)
            self._ports.emit(Notice(f"from here on {_said(back)} answers again"))

    def _on_checkpoint(self, checkpoint: str) -> None:
        self._ports.emit(CheckpointTaken(self._ports.history.turns, checkpoint))

    async def _finish(self, reason: TurnStop, error: ErrorInfo | None) -> TurnFinished:
        """Say what the turn changed, end its transaction, and see it on the disk; none of it can keep the turn open."""
        if self._branch is not None:
            await self._try(self._settle(self._branch), "what the turn changed could not be determined")
            await self._try(self._branch.close(), "the sandbox's transaction could not be closed")
        self._bind_back()
        finished = TurnFinished(reason, self._limits.usage, self._limits.steps, error)
        self._ports.emit(finished)
        await self._try(self._ports.sync(), "the session could not be brought onto the disk")
        return finished

    async def _settle(self, branch: Branch) -> None:
        found = await stage(branch, self._ports.emit)
        if self._ports.mode == "scratch":
            await self._try(self._tell(branch, found), "the diff could not be made")
            return
        await self._try(self._commit(branch), "this turn cannot be undone")
        if self._ports.review is not None and found.changes:
            await self._try(self._review(branch, found, self._ports.review), "what the turn changed stands unreviewed")

    async def _tell(self, branch: Branch, found: Changes) -> None:
        """Say what a dry run did; closing the branch throws it away."""
        self.diff = await tell(branch, found, self._ports.history.turns, self._ports.emit)

    async def _review(self, branch: Branch, found: Changes, review: Review) -> None:
        """Have somebody say what is kept. Until they did all of it stands, is on record, and can be undone."""
        await self._ports.sync()
        files = await branch.diff()
        self._asking = asyncio.ensure_future(review(files))
        await asyncio.wait({self._asking})
        if self._asking.cancelled():
            self._ports.emit(Notice("not reviewed: what the turn changed stands; /undo takes it back"))
            return
        keep = frozenset(self._asking.result())
        if all(file.path in keep for file in files):
            return
        committed = await branch.commit(keep)
        stands = {change.path for change in (await branch.changes()).changes}
        back = tuple(change for change in found.changes if change.path not in stands)
        self._ports.emit(ChangesDiscarded(self._ports.history.turns, "review", back))
        self._record(committed)

    async def _commit(self, branch: Branch) -> None:
        self._record(await branch.commit())

    def _record(self, committed: Committed | None) -> None:
        record(committed, self._ports.history.turns, self._ports.emit, what="turn")

    async def _try(self, work: Awaitable[None], otherwise: str) -> None:
        """Where ``work`` fails, a notice says so; a cancellation can only come from the work itself here."""
        try:
            await work
        except (Exception, asyncio.CancelledError) as failure:  # noqa: BLE001 - here an exception becomes an event
            self._ports.emit(Notice(f"{otherwise}: {str(failure) or type(failure).__name__}"))


async def _sure(task: asyncio.Future[Any], on_cancel: Callable[[], object] = lambda: None) -> bool:
    """Wait for the task to be done, whatever happens to the waiter; False where the waiter was cancelled meanwhile."""
    undisturbed = True
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            undisturbed = False
            on_cancel()
    return undisturbed


def _said(bound: ModelBound) -> str:
    return f"{bound.model} ({bound.provider})"


def _outcome(task: asyncio.Task[Stop | None]) -> tuple[TurnStop, ErrorInfo | None]:
    """How the work ended, in the words of an event."""
    if task.cancelled():
        return "cancelled", None
    error = task.exception()
    if error is None:
        stop = task.result()
        return (stop.reason, stop.report) if stop else ("end", None)
    if isinstance(error, PyMonoError):
        return "error", ErrorInfo(error.kind, str(error), error.remedy)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"
    text = f"{type(error).__name__} in {where}: {error}"
    return "error", ErrorInfo("internal", text, "this is a fault of py-mono; please report it")
