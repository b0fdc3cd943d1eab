"""Each call of a reply gets exactly one result, whatever happens: faults, cancellation at any await, partial results."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from py_mono.agent.executor import CANCELLED, FAULT, LOST, NOT_RUN, ToolExecutor
from py_mono.protocol.errors import WorkerDied
from py_mono.protocol.events import Event, ToolFinished, ToolStarted
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec
from tests.agent.fakes import READ, WRITE

Handler = Callable[[ToolCall], Awaitable[ToolResult]]


def answer(call: ToolCall, text: str) -> ToolResult:
    return ToolResult(call.id, call.name, text)


def error(call_id: str, name: str, text: str) -> ToolResult:
    return ToolResult(call_id, name, text, is_error=True)


class Source:
    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def specs(self) -> Sequence[ToolSpec]:
        return (READ, WRITE)

    async def call(self, call: ToolCall, on_output: Callable[[str], None]) -> ToolResult:
        on_output("…")
        return await self._handler(call)


class Bench:
    """An executor, what it emitted, and a clock that the test sets."""

    def __init__(self, handler: Handler) -> None:
        self.events: list[Event] = []
        self.now = 0.0
        self.executor = ToolExecutor(Source(handler), (READ, WRITE), self.events.append, lambda: self.now)

    def start(self, *names: str) -> "asyncio.Task[tuple[ToolResult, ...]]":
        calls = [ToolCall(f"{name[0]}{number}", name, {}) for number, name in enumerate(names, 1)]
        return asyncio.ensure_future(self.executor.run(calls))

    @property
    def finished(self) -> list[tuple[ToolResult, int]]:
        started = [event.call.id for event in self.events if isinstance(event, ToolStarted)]
        ended = [event for event in self.events if isinstance(event, ToolFinished)]
        assert started == [event.result.call_id for event in ended]
        return [(event.result, event.duration_ms) for event in ended]


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("failure", "text"), [(ValueError("oh"), FAULT), (WorkerDied("gone"), LOST), (KeyError("x"), FAULT)]
)
async def test_a_call_that_raises_leaves_no_call_without_a_result(failure: Exception, text: str) -> None:
    async def handler(call: ToolCall) -> ToolResult:
        if call.id == "l2":
            raise failure
        return answer(call, "ok")

    bench = Bench(handler)
    with pytest.raises(type(failure)):
        await bench.start("look", "look", "act")
    assert [result for result, _ in bench.finished] == [
        ToolResult("l1", "look", "ok"),
        error("l2", "look", text),
        error("a3", "act", NOT_RUN),
    ]


async def test_a_read_that_had_finished_keeps_its_result_when_the_turn_is_cancelled() -> None:
    async def handler(call: ToolCall) -> ToolResult:
        if call.id == "l1":
            await asyncio.sleep(60)
        return answer(call, "known")

    bench = Bench(handler)
    run = bench.start("look", "look")
    await settled()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert [result for result, _ in bench.finished] == [
        error("l1", "look", CANCELLED),
        ToolResult("l2", "look", "known"),
    ]


async def test_what_a_cancelled_call_came_to_is_its_result() -> None:
    async def handler(call: ToolCall) -> ToolResult:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise asyncio.CancelledError(error(call.id, call.name, "half of it\n[cancelled]")) from None
        return answer(call, "never")

    bench = Bench(handler)
    run = bench.start("act", "act")
    await settled()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert [result for result, _ in bench.finished] == [
        error("a1", "act", "half of it\n[cancelled]"),
        error("a2", "act", NOT_RUN),
    ]


async def test_a_source_that_swallows_its_cancellation_does_not_keep_the_turn_going() -> None:
    async def handler(call: ToolCall) -> ToolResult:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return answer(call, "swallowed")
        return answer(call, "never")

    bench = Bench(handler)
    run = bench.start("act", "act")
    await settled()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert [result.content for result, _ in bench.finished] == ["swallowed", NOT_RUN]


async def test_a_cancelled_call_is_said_to_have_taken_the_time_it_took() -> None:
    async def handler(call: ToolCall) -> ToolResult:
        await asyncio.sleep(60)
        return answer(call, "never")

    bench = Bench(handler)
    run = bench.start("act", "act")
    await settled()
    bench.now = 0.8
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert [duration for _, duration in bench.finished] == [800, 0]


async def test_a_second_cancellation_reaches_a_call_that_is_slow_to_end() -> None:
    ended = list[str]()

    async def handler(call: ToolCall) -> ToolResult:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("asked")
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                ended.append("made")
                raise
        return answer(call, "never")

    bench = Bench(handler)
    run = bench.start("look", "look")
    await settled()
    run.cancel()
    await settled()
    assert not run.done()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert ended == ["asked", "asked", "made", "made"]
    assert [result.content for result, _ in bench.finished] == [CANCELLED, CANCELLED]


@pytest.mark.parametrize("moment", range(12))
async def test_a_cancellation_at_any_moment_is_never_lost(moment: int) -> None:
    async def handler(call: ToolCall) -> ToolResult:
        await asyncio.sleep(0)
        return answer(call, "ok")

    bench = Bench(handler)
    run = bench.start("look", "look", "act", "look")
    for _ in range(moment):
        await asyncio.sleep(0)
    was_done = run.done()
    run.cancel()
    await asyncio.wait({run})
    assert run.cancelled() != was_done
    assert len(bench.finished) == (4 if moment else 0)
