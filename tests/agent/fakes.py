"""A sandbox of functions, a clock that ticks, and an agent round them: everything else is the real thing."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

from py_mono.agent.agent import Agent
from py_mono.agent.guards import Limits
from py_mono.agent.turn import Compose, Review
from py_mono.llm.scripted.provider import ScriptedProvider
from py_mono.protocol.events import Envelope, Event, SessionStarted
from py_mono.protocol.jobs import Jobs
from py_mono.protocol.late_tools import LateTools
from py_mono.protocol.ports import (
    NOTHING,
    Branch,
    BranchMode,
    Changes,
    Committed,
    Emit,
    FileDiff,
    Grant,
    OnCheckpoint,
    Provider,
    Redact,
    unheard,
)
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec
from py_mono.tools.late import Late
from py_mono.tools.registry import ToolRegistry

OPEN = {"type": "object", "properties": {}, "additionalProperties": True}
READ = ToolSpec("look", "Look.", OPEN, "read")
WRITE = ToolSpec("act", "Act.", OPEN, "write")

Handler = Callable[[ToolCall], Awaitable[str]]


class FakeBranch:
    """Its tools are coroutines; it remembers what was called and what ended."""

    mode: BranchMode = "direct"

    def __init__(self, handlers: dict[str, Handler], changes: Changes) -> None:
        self.handlers = handlers
        self._specs = tuple(spec for spec in (READ, WRITE) if spec.name in handlers)
        self._changes = changes
        self.log: list[str] = []
        self.closed = False

    async def specs(self) -> Sequence[ToolSpec]:
        return self._specs

    async def call(self, call: ToolCall, on_output: Callable[[str], None], grant: Grant = NOTHING) -> ToolResult:
        del grant
        self.log.append(f"start {call.id}")
        on_output("…")
        try:
            content = await self.handlers[call.name](call)
        finally:
            self.log.append(f"end {call.id}")
        return ToolResult(call.id, call.name, content, content.startswith("error"))

    async def changes(self) -> Changes:
        return self._changes

    async def diff(self) -> Sequence[FileDiff]:
        return [FileDiff(change.path, change.kind, f"diff of {change.path}\n", "") for change in self._changes.changes]

    async def commit(self, keep: Collection[str] | None = None) -> Committed | None:
        if keep is not None:
            kept = tuple(change for change in self._changes.changes if change.path in keep)
            self._changes = Changes(kept)
        return Committed("before", "after") if self._changes.changes else None

    async def discard(self) -> None:
        self._changes = Changes(())

    async def touch(self) -> None:
        self.log.append("touch")

    async def close(self) -> None:
        self.closed = True


class FakeSandbox:
    def __init__(self, branch: FakeBranch) -> None:
        self.branch = branch
        self.closed = False
        self.modes: list[BranchMode] = []

    async def open(self, mode: BranchMode, on_checkpoint: OnCheckpoint = unheard) -> FakeBranch:
        del on_checkpoint
        self.modes.append(mode)
        return self.branch

    async def close(self) -> None:
        self.closed = True


async def say_ok(call: ToolCall) -> str:
    return f"ok {call.name}"


async def hang(call: ToolCall) -> str:
    await asyncio.sleep(60)
    return f"never {call.name}"


def compose_all(
    branch: Branch, window: int, emit: Emit, *, frozen: Sequence[ToolSpec] = (), own: bool = False
) -> ToolRegistry:
    del window, emit, own
    return ToolRegistry([branch], frozen=frozen)


class FakeServer:
    """Late tools: what is ``there`` can be called; remembers what was called."""

    def __init__(self, *there: ToolSpec) -> None:
        self.there = list(there)
        self.called: list[str] = []
        self.settling: Callable[[], Awaitable[None]] = say_nothing

    async def specs(self) -> Sequence[ToolSpec]:
        return tuple(self.there)

    async def call(self, call: ToolCall, on_output: Callable[[str], None]) -> ToolResult:
        del on_output
        self.called.append(call.name)
        there = any(spec.name == call.name for spec in self.there)
        return ToolResult(call.id, call.name, f"served {call.name}" if there else "gone", is_error=not there)

    async def settle(self, timeout_s: float) -> None:
        async with asyncio.timeout(timeout_s):
            await self.settling()

    def compose(self, room: int) -> Compose:
        """Lists with these tools behind the branch's, of so many bytes."""

        def compose(
            branch: Branch, window: int, emit: Emit, *, frozen: Sequence[ToolSpec] = (), own: bool = False
        ) -> ToolRegistry:
            del window, emit, own
            late = Late(self, lambda: self.settle(5), room, 3_000)
            return ToolRegistry([branch], late=late, frozen=frozen)

        return compose


async def say_nothing() -> None:
    """Nothing is about to be there."""


class Rig:
    """An agent with a script, and all it emitted."""

    def __init__(
        self,
        script: str | Provider,
        *,
        handlers: dict[str, Handler] | None = None,
        limits: Limits | None = None,
        changes: Changes | None = None,
        past: Sequence[Envelope] = (),
        redact: Redact = str,
        monotonic: Callable[[], float] = lambda: 0.0,
        sync: Callable[[], Awaitable[None]] | None = None,
        sandbox: "FakeSandbox | None" = None,
        compose: Compose | None = None,
        review: Review | None = None,
        mode: BranchMode = "direct",
        jobs: Jobs | None = None,
        late: LateTools | None = None,
        settle_s: float = 0.0,
    ) -> None:
        self.branch = FakeBranch(handlers or {"look": say_ok, "act": say_ok}, changes or Changes(()))
        self.sandbox = sandbox or FakeSandbox(self.branch)
        self.journal: list[Envelope] = []
        self.synced = 0
        ticks = itertools.count(1)
        self.agent = Agent(
            provider=ScriptedProvider(script) if isinstance(script, str) else script,
            sandbox=self.sandbox,
            compose=compose or compose_all,
            system=lambda _: "You are a test.",
            session=SessionStarted("s1", "/ws", "0"),
            limits=limits or Limits(),
            redact=redact,
            journal=self.journal.append,
            sync=sync or self._sync,
            wall_clock=lambda: float(next(ticks)),
            monotonic=monotonic,
            past=past,
            last_seq=past[-1].seq if past else 0,
            review=review,
            mode=mode,
            jobs=jobs,
            late=late,
            settle_s=settle_s,
        )

    async def _sync(self) -> None:
        self.synced += 1

    @property
    def events(self) -> list[Event]:
        return [envelope.event for envelope in self.journal]

    def of(self, *kinds: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kinds)]

    def names(self) -> list[str]:
        """The facts' and signals' names in order, deltas left out."""
        tags = [str(event.__struct_config__.tag) for event in self.events]
        return [tag for tag in tags if tag not in {"text_delta", "reasoning_delta", "tool_output"}]
