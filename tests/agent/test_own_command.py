import asyncio
from collections.abc import Callable, Collection, Sequence

import pytest
from msgspec import Struct

from py_mono.protocol.changes import ChangesCommitted, ChangesDiscarded, ChangesStaged
from py_mono.protocol.commands import CommandRun
from py_mono.protocol.history import History
from py_mono.protocol.messages import UserMessage
from py_mono.protocol.ports import Branch, BranchMode, Changes, Emit
from py_mono.protocol.tools import Change, ToolCall, ToolResult, ToolSpec
from tests.agent.fakes import Handler, Rig

MADE = Changes((Change("made.txt", "added"),))


async def done(call: ToolCall) -> str:
    return f"ran {call.arguments['command']}"


class Unchecked(Struct):
    """The branch's tools as they are."""

    branch: Branch

    async def specs(self) -> Sequence[ToolSpec]:
        return await self.branch.specs()

    async def late(self, told: Collection[str]) -> None:
        del told

    async def call(self, call: ToolCall, on_output: Callable[[str], None]) -> ToolResult:
        return await self.branch.call(call, on_output)


def branch_alone(
    branch: Branch, window: int, emit: Emit, *, frozen: Sequence[ToolSpec] = (), own: bool = False
) -> Unchecked:
    del window, emit, frozen, own
    return Unchecked(branch)


def rig(handler: Handler = done, *, changes: Changes | None = None, mode: BranchMode = "direct") -> Rig:
    return Rig("text: ok", handlers={"shell": handler, "look": done}, compose=branch_alone, changes=changes, mode=mode)


async def test_a_command_is_one_fact_with_what_it_changed_right_after_it() -> None:
    it, pieces = rig(changes=MADE), list[str]()
    result = await it.agent.run_command("make", told=True, on_output=pieces.append)
    assert result == ToolResult("own", "shell", "ran make")
    assert pieces == ["…"]
    assert it.events[1:] == [
        CommandRun(
            1, "make", failed=False, duration_ms=0, message=UserMessage("I ran this command myself:\n$ make\nran make")
        ),
        ChangesStaged(MADE.changes),
        ChangesCommitted(1, "before", "after"),
    ]
    assert it.branch.closed
    assert it.synced == 1
    assert not it.agent.running


async def test_what_is_told_is_part_of_the_conversation_and_what_is_not_told_leaves_no_output_behind() -> None:
    it = rig()
    await it.agent.run_command("secret", told=False, on_output=lambda _: None)
    assert it.of(CommandRun) == [CommandRun(1, "secret", failed=False, duration_ms=0)]
    assert it.agent.history.messages == []
    await it.agent.run_command("shown", told=True, on_output=lambda _: None)
    await it.agent.prompt("go on")
    folded = History()
    for event in it.events:
        folded.apply(event)
    assert folded.messages == it.agent.history.messages
    assert [getattr(message, "text", None) for message in folded.messages] == [
        "I ran this command myself:\n$ shown\nran shown",
        "go on",
        "ok",
    ]
    assert folded.turns == 3


async def test_a_failed_command_says_so() -> None:
    async def fail(call: ToolCall) -> str:
        return f"error: {call.id}"

    it = rig(fail)
    assert (await it.agent.run_command("x", told=False, on_output=lambda _: None)).is_error
    assert it.of(CommandRun) == [CommandRun(1, "x", failed=True, duration_ms=0)]


async def test_an_interrupt_ends_it_and_what_it_did_stands_and_can_be_undone() -> None:
    started = asyncio.Event()

    async def hang(call: ToolCall) -> str:
        started.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise asyncio.CancelledError(ToolResult(call.id, "shell", "half")) from None
        return "never"

    it = rig(hang, changes=MADE)
    running = asyncio.ensure_future(it.agent.run_command("x", told=True, on_output=lambda _: None))
    await started.wait()
    assert it.agent.running
    with pytest.raises(RuntimeError, match="a turn is running"):
        await it.agent.run_command("y", told=True, on_output=lambda _: None)
    it.agent.interrupt()
    it.agent.interrupt()
    assert await running == ToolResult("own", "shell", "half\n[ended by the person who ran it]", is_error=True)
    assert [type(event) for event in it.events[1:]] == [CommandRun, ChangesStaged, ChangesCommitted]


async def test_an_interrupt_before_the_call_ends_it_too() -> None:
    it = rig()
    running = asyncio.ensure_future(it.agent.run_command("x", told=True, on_output=lambda _: None))
    await asyncio.sleep(0)
    it.agent.interrupt()
    assert (await running).is_error


async def test_a_dry_run_keeps_nothing_of_it_and_knows_the_diff() -> None:
    it = rig(changes=MADE, mode="scratch")
    await it.agent.run_command("make", told=True, on_output=lambda _: None)
    assert it.sandbox.modes == ["scratch"]
    assert it.events[2:] == [ChangesStaged(MADE.changes), ChangesDiscarded(1, "dry_run", MADE.changes)]
    assert [file.path for file in (await it.agent.diff())[1]] == ["made.txt"]
