"""The agent: holds the conversation, starts turns, and lets a person talk to one that runs."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress

from py_mono.agent.guards import Limits, RepeatGuard, StepGuard
from py_mono.agent.own_command import OwnCommand
from py_mono.agent.stream import Stream, Subscriber
from py_mono.agent.turn import Compose, Review, Turn, TurnPorts
from py_mono.protocol.changes import ChangesDiscarded, ChangesUndone
from py_mono.protocol.digest import PrefixDigest
from py_mono.protocol.errors import ProviderError, SandboxError
from py_mono.protocol.events import Envelope, HistoryCleared, MessageSteered, Notice, SessionStarted, TurnFinished
from py_mono.protocol.history import History
from py_mono.protocol.jobs import Jobs
from py_mono.protocol.late_tools import LateTools
from py_mono.protocol.messages import UserMessage
from py_mono.protocol.ports import (
    BranchMode,
    FileDiff,
    Provider,
    Redact,
    Restored,
    Sandbox,
    Snapshots,
)
from py_mono.protocol.tools import ToolResult, ToolSpec

PREPARE_S = 3.0
"""Who asks for the list of tools waits no longer for the window that decides about it."""


class Agent:
    """One session's agent.

    Events reach the history right after the subscribers that were handed to the constructor (the journal), and before
    those that subscribe later (the screen).

    Attributes:
        provider: Who answers, from the next turn on where one runs. Whoever puts another in its place closes the old one.
        history: The conversation.
        limits: What the next turn may take.
        dry: What the turns of a dry run did, by their numbers.
        jobs: The background commands that run; None where there can be none.
    """

    def __init__(
        self,
        *,
        provider: Provider,
        sandbox: Sandbox,
        compose: Compose,
        system: Callable[[int], str],
        session: SessionStarted,
        limits: Limits,
        redact: Redact,
        journal: Subscriber,
        sync: Callable[[], Awaitable[None]],
        wall_clock: Callable[[], float],
        monotonic: Callable[[], float],
        past: Iterable[Envelope] = (),
        last_seq: int = 0,
        guard: Callable[[], StepGuard] | None = None,
        snapshots: Snapshots | None = None,
        jobs: Jobs | None = None,
        review: Review | None = None,
        mode: BranchMode = "direct",
        late: LateTools | None = None,
        settle_s: float = 0.0,
    ) -> None:
        """``past`` holds the facts of a resumed session, healed, and ``last_seq`` its last number.

        Without any, ``session`` becomes the first fact. ``guard`` makes what judges the steps of a turn; None is a
        ``RepeatGuard``. Without ``snapshots`` nothing can be undone. The last four are for each turn: see ``TurnPorts``.
        """
        self.provider = provider
        self.history = History()
        self._sandbox, self._compose, self._system = sandbox, compose, system
        self.limits, self._redact = limits, redact
        self._guard = guard or (lambda: RepeatGuard(redact))
        self._sync, self._snapshots, self._review, self._mode = sync, snapshots, review, mode
        self.dry: dict[int, Sequence[FileDiff]] = {}
        self._session, self._monotonic, self._late, self._settle_s = session, monotonic, late, settle_s
        for envelope in past:
            self.history.apply(envelope.event)
        self._gone = tuple(self.history.dry.values())  # the copy they are in was another process's
        self._stream = Stream(wall_clock, last_seq=last_seq)
        self._stream.subscribe(journal)
        self._stream.subscribe(lambda envelope: self.history.apply(envelope.event))
        self._prefix = PrefixDigest(redact)
        self._queued: list[str] = []
        self._turn: Turn | OwnCommand | None = None
        self._transaction = asyncio.Lock()
        self.jobs = jobs
        if jobs is not None:
            jobs.watch(self.history.jobs.last, self._stream.emit)

    @property
    def running(self) -> bool:
        """Whether a turn runs."""
        return self._turn is not None

    async def list_tools(self) -> tuple[ToolSpec, ...]:
        """The tools that the model can call: the frozen list, or before there is one, what the next turn would freeze.

        Behind it comes what can be called by now and does not stand in it. While the turn runs that is about to freeze the
        first list, it is empty. Where the provider cannot find the window now, or not in time, it is the list for an
        unknown one.

        Raises:
            SandboxError: There is no frozen list yet, and no sandbox to ask.
        """
        if self.history.prompt is not None:
            return await _with_late(self.history.prompt.tools, self._late)
        if self.running:
            return ()
        async with self._transaction:
            branch = await self._sandbox.open(self._mode)
            try:
                with suppress(ProviderError, TimeoutError):  # the turn says what is wrong with the provider
                    async with asyncio.timeout(PREPARE_S):
                        await self.provider.prepare()
                tools = self._compose(branch, self.provider.window, self._stream.emit)
                return await _with_late(await tools.specs(), self._late)
            finally:
                await branch.close()

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Hand every later event to ``subscriber``; the returned function ends that."""
        return self._stream.subscribe(subscriber)

    async def prompt(self, text: str, *, once: Provider | None = None) -> TurnFinished:
        """Run one turn; where there is ``once``, it answers this one alone. While one runs, use ``steer``."""
        if self._turn is not None:
            raise RuntimeError("a turn is running: steer it, or wait for it")
        self._turn = Turn(self._begin(once))
        if note := self.history.jobs.note():  # before the prompt, which is what is to be answered
            self._stream.emit(MessageSteered(UserMessage(note), "job"))
        try:
            async with self._transaction:
                return await self._turn.run(_valid(text))
        finally:
            if self._turn.diff:
                self.dry[self.history.turns] = self._turn.diff
            self._turn = None

    async def run_command(self, command: str, *, told: bool, on_output: Callable[[str], None]) -> ToolResult:
        """Run a command of the person's own in the sandbox, as a transaction: what it did can be undone as a turn can.

        Nobody is asked about it. ``told``: the command and its output become part of the conversation.

        Raises:
            SandboxError: There is no sandbox to run it in, or it broke.
        """
        if self._turn is not None:
            raise RuntimeError("a turn is running: interrupt it, and wait for its end")
        self._turn = OwnCommand(self._begin(), _valid(command), told=told, on_output=on_output)
        try:
            async with self._transaction:
                return await self._turn.run()
        finally:
            if self._turn.diff:
                self.dry[self.history.turns] = self._turn.diff
            self._turn = None

    def steer(self, text: str) -> None:
        """Queue a message for the running turn; it is put in before the next request."""
        self._queued.append(_valid(text))

    def take_queued(self) -> tuple[str, ...]:
        """What was queued and did not reach the turn, because it ended first; the queue is empty afterwards."""
        queued, self._queued = tuple(self._queued), []
        return queued

    def interrupt(self) -> None:
        """End the running turn as soon as its calls are closed; nothing happens where none runs."""
        if self._turn is not None:
            self._turn.interrupt()

    def notice(self, text: str) -> None:
        """Tell the person something that nothing depends on."""
        self._stream.emit(Notice(text))

    async def clear(self) -> None:
        """Start the conversation afresh; the session goes on. Not while a turn runs: ``interrupt`` it first."""
        if self._turn is not None:
            raise RuntimeError("a turn is running: interrupt it, and wait for its end")
        self._begin()
        self._stream.emit(HistoryCleared())
        self._prefix = PrefixDigest(self._redact)
        await self._sync()

    async def undo(self, *, redo: bool = False, confirmed: bool = False) -> tuple[int, Restored]:
        """Take the last turn back, or bring back the one that was; its number, and what that came to. Not while one runs.

        Where all of it was changed by somebody since, nothing happens, and it can be asked for again, ``confirmed``. Where
        a part of it was, ``confirmed`` right after that overwrites this part.

        Raises:
            SandboxError: There is nothing to undo, or the checkpoints cannot be used.
        """
        if self._turn is not None:
            raise RuntimeError("a turn is running: interrupt it, and wait for its end")
        async with self._transaction:
            stack = self.history.undo
            steps = stack.undone if redo else stack.done
            again = confirmed and stack.partial is not None and stack.partial[0] == redo
            if stack.partial is not None and again:
                steps = [stack.partial[1]]
            if self._snapshots is None or not steps:
                raise SandboxError(f"There is nothing to {'redo' if redo else 'undo'}.")
            step = steps[-1]
            restored = await self._snapshots.restore(step.before, since=step.after, confirmed=confirmed)
            if not restored.conflicts or restored.before != restored.after:
                left = () if confirmed else restored.conflicts
                self._stream.emit(
                    ChangesUndone(step.turn, restored.before, restored.after, redo, restored.changes, left, again)
                )
                await self._sync()
            return step.turn, restored

    async def diff(self, turn: int = 0) -> tuple[int, Sequence[FileDiff]]:
        """What a turn did (0: the last that did something), and its number.

        Raises:
            SandboxError: It did nothing that was kept, or the checkpoints cannot be used.
        """
        turns = self.history.undo.turns
        number = turn or max((*turns, *self.dry), default=0)
        if number in self.dry:
            return number, self.dry[number]
        if self._snapshots is None or number not in turns:
            raise SandboxError(f"Turn {turn} changed no files." if turn else "No turn has changed files.")
        step = turns[number]
        return number, await self._snapshots.diff(step.before, step.after or (await self._snapshots.take()).id)

    async def close(self) -> None:
        """End the sandbox, background commands included, and the provider's connections."""
        if self.jobs is not None:
            self.jobs.leave()
        await self._sandbox.close()
        await self.provider.close()

    def _begin(self, once: Provider | None = None) -> TurnPorts:
        """What a transaction is given, and who answers in it if not the provider; the session begins with the first."""
        if self.history.session is None:
            self._stream.emit(self._session)
        if self._gone:
            self._stream.emit(ChangesDiscarded(self.history.turns, "ended", self._gone))
            self._gone = ()
        return TurnPorts(
            provider=once or self.provider,
            after=self.provider if once else None,
            sandbox=self._sandbox,
            compose=self._compose,
            system=self._system,
            history=self.history,
            prefix=self._prefix,
            limits=self.limits,
            guard=self._guard,
            take_queued=self.take_queued,
            emit=self._stream.emit,
            sync=self._sync,
            clock=self._monotonic,
            review=self._review,
            mode=self._mode,
            late=self._late,
            settle_s=self._settle_s,
        )


async def _with_late(listed: Sequence[ToolSpec], late: LateTools | None) -> tuple[ToolSpec, ...]:
    names = {spec.name for spec in listed}
    later = await late.specs() if late is not None and listed else ()
    return (*listed, *(spec for spec in later if spec.name not in names))


def _valid(text: str) -> str:
    """Text without lone surrogates, which a terminal or a command line that is not UTF-8 leaves in it."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
