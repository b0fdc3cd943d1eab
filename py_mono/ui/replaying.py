"""A recorded session through the real loop once more, offline: everything that came from outside comes from the journal.

That is the model's replies, the tools' results, what the person typed, and what ended a turn: its guards' words too.
"""

import itertools
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence

from py_mono.agent.agent import Agent
from py_mono.agent.guards import Limits
from py_mono.llm.replay import ReplayProvider
from py_mono.protocol.announcing import ToolsAnnounced
from py_mono.protocol.errors import BadResponse, SandboxError, SessionError
from py_mono.protocol.events import Envelope, PromptFrozen, SessionStarted
from py_mono.protocol.jobs import JobEnded, JobProgress, JobStarted
from py_mono.protocol.messages import UserMessage
from py_mono.protocol.ports import (
    NOTHING,
    BranchMode,
    Changes,
    Committed,
    FileDiff,
    Grant,
    ModelChunk,
    ModelRequest,
    OnCheckpoint,
    unheard,
)
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec
from py_mono.session.replay import RecordedStep, RecordedTools, RecordedTurn, ReplayReport, compare, turns_of


async def replay(envelopes: Sequence[Envelope]) -> ReplayReport:
    """Run every turn again and compare its requests with the recorded ones.

    Nothing is redacted anew: a recording is, and the recorded digests were taken over the redacted form, so it does not
    depend on what is a secret here and now.

    Raises:
        SessionError: There is nothing to replay.
    """
    turns = turns_of(envelopes)
    if not turns or not isinstance(envelopes[0].event, SessionStarted):
        raise SessionError("the session holds no turn to replay")
    stage = _Stage(RecordedTools(envelopes))
    replayed: list[Envelope] = []
    count = itertools.count(1)
    agent = Agent(
        provider=_RecordedModel(stage),
        sandbox=stage,
        compose=lambda branch, *_, **__: branch,
        system=lambda _: stage.prompt.system,
        session=envelopes[0].event,
        limits=Limits(),
        redact=str,
        journal=replayed.append,
        sync=_nothing_to_sync,
        wall_clock=lambda: float(next(count)),
        monotonic=lambda: 0.0,
        guard=lambda: stage,
        jobs=stage.jobs,
    )
    for turn in turns:
        stage.play(turn, agent.steer)
        if turn.cleared:
            await agent.clear()
        stage.jobs.happened(turn.jobs)
        for fact in turn.ran:
            agent.history.apply(fact)
        agent.limits = Limits(max_steps=len(turn.steps))
        await agent.prompt(turn.message.text)
        if turn.announced is not None:  # it was the last thing before the end of a process
            agent.history.apply(turn.announced)
    return compare(envelopes, replayed)


async def _nothing_to_sync() -> None:
    """A replay keeps nothing."""


class _Stage:
    """A sandbox, a branch and a guard at once, all from the recording; and what plays at the moment."""

    mode: BranchMode = "direct"

    def __init__(self, tools: RecordedTools) -> None:
        self._tools = tools
        self._steer: Callable[[str], None] = lambda _: None
        self.turn = RecordedTurn(UserMessage(""))
        self.step = 0
        self.jobs = _RecordedJobs()

    def play(self, turn: RecordedTurn, steer: Callable[[str], None]) -> None:
        """Begin a turn; ``steer`` takes what the person typed in it."""
        self.turn, self.step, self._steer = turn, 0, steer

    @property
    def prompt(self) -> PromptFrozen:
        return self.turn.prompt or PromptFrozen("", ())

    def next_step(self) -> RecordedStep:
        """The recording of the request that is made now; what was typed until the next one is typed."""
        step = self.turn.steps[self.step]
        self.step += 1
        self.jobs.happened(self.turn.jobs_after(self.step))
        for steered in _steered(self.turn, self.step, "user"):
            self._steer(steered)
        return step

    def after_step(self, calls: Sequence[ToolCall], results: Sequence[ToolResult]) -> str | None:
        """See ``StepGuard``: says what was said then, whatever today's guards would say."""
        del calls, results
        return next(iter(_steered(self.turn, self.step, "guard")), None)

    async def open(self, mode: BranchMode, on_checkpoint: OnCheckpoint = unheard) -> "_Stage":
        del mode, on_checkpoint
        if self.turn.prompt is None:
            raise SandboxError("the recorded turn ended before its tools were known")
        self.jobs.happened(self.turn.jobs_after(0))
        return self

    async def specs(self) -> Sequence[ToolSpec]:
        return self.prompt.tools

    async def late(self, told: Collection[str]) -> ToolsAnnounced | None:
        """See ``ToolList``: what was told then."""
        del told
        return self.turn.steps[self.step].announced

    async def call(self, call: ToolCall, on_output: Callable[[str], None], grant: Grant = NOTHING) -> ToolResult:
        del on_output, grant
        return self._tools.answer(call)

    async def touch(self) -> None:
        """Nothing is changed."""

    async def changes(self) -> Changes:
        return Changes(())

    async def diff(self) -> Sequence[FileDiff]:
        return ()

    async def commit(self, keep: Collection[str] | None = None) -> Committed | None:
        del keep
        return None  # what became of the files is in the recording

    async def discard(self) -> None:
        """Nothing was done."""

    async def close(self) -> None:
        """Nothing was opened."""


def _steered(turn: RecordedTurn, step: int, origin: str) -> list[str]:
    return [each.message.text for each in turn.steered_after(step) if each.origin == origin]


class _RecordedJobs:
    """Background commands that do what they did."""

    def __init__(self) -> None:
        self._emit: Callable[[JobStarted | JobEnded], None] = lambda _: None

    def happened(self, facts: Sequence[JobStarted | JobEnded]) -> None:
        """Tell them again."""
        for fact in facts:
            self._emit(fact)

    def watch(self, last: int, emit: Callable[[JobStarted | JobEnded], None]) -> None:
        del last
        self._emit = emit

    async def progress(self) -> Mapping[int, JobProgress]:
        return {}

    async def show(self, job: int) -> str:
        raise SandboxError(f"The output of job {job} is not recorded.")

    async def kill(self, job: int) -> None:
        raise SandboxError(f"Job {job} does not run.")

    def leave(self) -> None:
        """Nothing runs."""


class _RecordedModel:
    """Plays the turn's replies in order."""

    name, window = "replay", 0

    def __init__(self, stage: _Stage) -> None:
        self._stage = stage

    async def prepare(self) -> None:
        """Nothing to find out."""

    @property
    def model(self) -> str:
        steps = self._stage.turn.steps
        return steps[min(self._stage.step, len(steps) - 1)].model if steps else ""

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        step = self._stage.next_step()
        if step.reply is None:
            raise BadResponse("the recorded request got no reply")
        async for chunk in ReplayProvider([step.reply], model=step.model).stream(request):
            yield chunk

    async def close(self) -> None:
        """Nothing is held."""
