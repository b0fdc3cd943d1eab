"""A recorded session through the real loop once more, offline: the model and the tools answer from the journal."""

import itertools
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Literal

from py_mono.agent.agent import Agent
from py_mono.agent.guards import Limits
from py_mono.llm.replay import ReplayProvider
from py_mono.protocol.errors import BadResponse, SessionError
from py_mono.protocol.events import Envelope, PromptFrozen, SessionStarted
from py_mono.protocol.ports import Changes, ModelChunk, ModelRequest, Redact
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec
from py_mono.session.replay import RecordedStep, RecordedTools, RecordedTurn, ReplayReport, compare, turns_of

_NOTHING = PromptFrozen("", ())


async def replay(envelopes: Sequence[Envelope], redact: Redact) -> ReplayReport:
    """Run every turn again and compare its requests with the recorded ones.

    Raises:
        SessionError: There is nothing to replay.
    """
    turns = turns_of(envelopes)
    if not turns or not isinstance(envelopes[0].event, SessionStarted):
        raise SessionError("the session holds no turn to replay")
    stage = _Stage(turns[0], RecordedTools(envelopes))
    replayed: list[Envelope] = []
    count = itertools.count(1)
    agent = Agent(
        provider=_RecordedModel(stage),
        sandbox=stage,
        compose=lambda branch: branch,
        system=lambda: (stage.turn.prompt or _NOTHING).system,
        session=envelopes[0].event,
        limits=Limits(),
        redact=redact,
        journal=replayed.append,
        sync=_nothing_to_sync,
        wall_clock=lambda: float(next(count)),
        monotonic=lambda: 0.0,
    )
    stage.steer = agent.steer
    for turn in turns:
        stage.turn = turn
        if turn.cleared:
            await agent.clear()
        if turn.steps:
            agent.limits = Limits(max_steps=len(turn.steps))
            await agent.prompt(turn.message.text)
    return compare(envelopes, replayed)


async def _nothing_to_sync() -> None:
    """A replay keeps nothing."""


class _Stage:
    """A sandbox and a branch at once, whose tools answer from the recording; and what plays at the moment."""

    def __init__(self, turn: RecordedTurn, tools: RecordedTools) -> None:
        self.turn = turn
        self.steer: Callable[[str], None] = lambda _: None
        self._tools = tools

    async def open(self, mode: Literal["direct"]) -> "_Stage":
        assert mode == "direct"  # noqa: S101 - the only mode there is
        return self

    async def specs(self) -> Sequence[ToolSpec]:
        return (self.turn.prompt or _NOTHING).tools

    async def call(self, call: ToolCall, on_output: Callable[[str], None]) -> ToolResult:
        return await self._tools.call(call, on_output)

    async def changes(self) -> Changes:
        return Changes(())

    async def close(self) -> None:
        """Nothing was opened."""


class _RecordedModel:
    """Plays the turn's replies in order, and types what the person typed meanwhile."""

    def __init__(self, stage: _Stage) -> None:
        self._stage = stage
        self._turn: RecordedTurn | None = None
        self._next = 0

    @property
    def name(self) -> str:
        return "replay"

    @property
    def model(self) -> str:
        return self._upcoming().model

    @property
    def window(self) -> int:
        return 0

    def _upcoming(self) -> RecordedStep:
        if self._turn is not self._stage.turn:
            self._turn, self._next = self._stage.turn, 0
        return self._turn.steps[min(self._next, len(self._turn.steps) - 1)]

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        step = self._upcoming()
        self._next += 1
        if step.reply is None:
            raise BadResponse("the recorded request got no reply")
        following = self._stage.turn.steps[self._next : self._next + 1]
        for steered in (steered for after in following for steered in after.steered if steered.origin == "user"):
            self._stage.steer(steered.message.text)
        async for chunk in ReplayProvider([step.reply], model=step.model).stream(request):
            yield chunk

    async def close(self) -> None:
        """Nothing is held."""
