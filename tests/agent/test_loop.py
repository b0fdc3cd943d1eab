"""Ask, act, repeat: order of events, parallel reads, cancellation, steering, failures."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from py_mono.agent.executor import CANCELLED, FAULT, NOT_RUN
from py_mono.protocol.errors import WorkerDied
from py_mono.protocol.events import (
    Envelope,
    ErrorInfo,
    MessageFinished,
    MessageSteered,
    ToolFinished,
    ToolStarted,
    TurnFinished,
    TurnStarted,
)
from py_mono.protocol.messages import AssistantMessage, ToolMessage, Usage, UserMessage
from py_mono.protocol.ports import Changes, ModelChunk, ModelRequest
from py_mono.protocol.tools import Change, ToolCall
from tests.agent.fakes import Rig, hang, say_ok


async def test_an_answer_without_tools_is_one_step() -> None:
    rig = Rig("text: Hello.\nusage: 10 2")
    finished = await rig.agent.prompt("hi")
    assert finished == TurnFinished("end", Usage(10, 2, 0, 0.0), 1)
    assert rig.names() == [
        "session_started", "turn_started", "prompt_frozen", "model_bound", "step_started", "message_finished",
        "turn_finished",
    ]  # fmt: skip
    assert rig.synced == 1
    assert rig.branch.closed


async def test_events_of_a_turn_with_tools_come_in_the_promised_order() -> None:
    rig = Rig('call: look {"n": 1}\ncall: look {"n": 2}\ncall: act {"n": 3}\n---\ntext: Done.')
    await rig.agent.prompt("go")
    assert rig.names()[4:] == [
        "step_started", "message_finished",
        "tool_started", "tool_started", "tool_finished", "tool_finished",
        "tool_started", "tool_finished",
        "step_started", "message_finished", "turn_finished",
    ]  # fmt: skip
    assert [event.result.call_id for event in rig.of(ToolFinished)] == ["call_1", "call_2", "call_3"]


async def test_reads_run_side_by_side_and_their_results_keep_the_order_of_the_calls() -> None:
    second_done = asyncio.Event()

    async def look(call: ToolCall) -> str:
        if call.id == "call_1":
            await asyncio.wait_for(second_done.wait(), 5)
        else:
            second_done.set()
        return call.id

    rig = Rig("call: look\ncall: look\n---\ntext: ok", handlers={"look": look})
    await rig.agent.prompt("go")
    assert rig.branch.log == ["start call_1", "start call_2", "end call_2", "end call_1"]
    assert [event.result.content for event in rig.of(ToolFinished)] == ["call_1", "call_2"]


async def test_calls_that_write_run_one_at_a_time() -> None:
    rig = Rig("call: act\ncall: act\n---\ntext: ok")
    await rig.agent.prompt("go")
    assert rig.branch.log == ["start call_1", "end call_1", "start call_2", "end call_2"]


@pytest.mark.parametrize("name", ["look", "act"])
async def test_an_interrupt_closes_every_call_and_the_session_goes_on(name: str) -> None:
    rig = Rig(
        f"call: {name}\ncall: {name}\ncall: act\n---\nexpect-messages: again\ntext: Back.",
        handlers={"look": hang, "act": hang},
    )
    turn = asyncio.ensure_future(rig.agent.prompt("go"))
    while not rig.branch.log:
        await asyncio.sleep(0)
    rig.agent.interrupt()
    assert (await turn).stop_reason == "cancelled"
    results = [event.result for event in rig.of(ToolFinished)]
    assert [result.call_id for result in results] == ["call_1", "call_2", "call_3"]
    assert [result.content for result in results] == (
        [CANCELLED, CANCELLED, NOT_RUN] if name == "look" else [CANCELLED, NOT_RUN, NOT_RUN]
    )
    assert [event.call.id for event in rig.of(ToolStarted)] == ["call_1", "call_2", "call_3"]
    assert rig.branch.log == (
        ["start call_1", "start call_2", "end call_1", "end call_2"]
        if name == "look"
        else ["start call_1", "end call_1"]
    )
    assert rig.agent.history.open_calls() == ()
    assert not rig.agent.running
    assert (await rig.agent.prompt("again")).stop_reason == "end"


@pytest.mark.parametrize("moment", range(40))
async def test_an_interrupt_at_any_moment_leaves_no_open_call(moment: int) -> None:
    rig = Rig("text: a\ncall: look\ncall: act\n---\nwait: 0\ncall: look\n---\ntext: end", limits=None)
    turn = asyncio.ensure_future(rig.agent.prompt("go"))
    for _ in range(moment):
        await asyncio.sleep(0)
    rig.agent.interrupt()
    finished = await turn
    assert finished.stop_reason in {"cancelled", "end"}
    assert rig.agent.history.open_calls() == ()
    assert len(rig.of(ToolStarted)) == len(rig.of(ToolFinished))
    assert [len(rig.of(TurnStarted)), len(rig.of(TurnFinished))] == [1, 1]
    started = [name for event in rig.branch.log for name in [event.split()[1]] if event.startswith("start")]
    assert sorted(started) == sorted(event.split()[1] for event in rig.branch.log if event.startswith("end"))


@pytest.mark.parametrize("moment", range(0, 40, 3))
async def test_a_cancelled_caller_still_gets_a_finished_turn_into_the_journal(moment: int) -> None:
    rig = Rig("call: look\n---\ncall: act\n---\ntext: end")
    turn = asyncio.ensure_future(rig.agent.prompt("go"))
    await asyncio.sleep(0)
    for _ in range(moment):
        await asyncio.sleep(0)
    turn.cancel()
    await asyncio.wait({turn})
    assert len(rig.of(TurnFinished)) == 1
    assert rig.agent.history.open_calls() == ()


class SlowToClose:
    """A provider whose stream takes a moment to end once its message is out."""

    name, model, window = "slow", "m", 0

    def __init__(self, closing: asyncio.Event) -> None:
        self._closing = closing

    async def prepare(self) -> None:
        pass

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        assert request.messages
        try:
            yield AssistantMessage("a", tool_calls=(ToolCall("c1", "look", {}), ToolCall("c2", "act", {})))
        finally:
            self._closing.set()
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        """Nothing is held."""


async def test_an_interrupt_while_the_stream_closes_leaves_no_call_without_a_result() -> None:
    closing = asyncio.Event()
    rig = Rig(SlowToClose(closing))
    turn = asyncio.ensure_future(rig.agent.prompt("go"))
    await closing.wait()
    rig.agent.interrupt()
    assert (await turn).stop_reason == "cancelled"
    assert rig.agent.history.open_calls() == ()


async def test_an_interrupt_by_whoever_sees_the_reply_gives_every_call_a_result() -> None:
    rig = Rig("call: look\ncall: act\n---\ntext: never")
    rig.agent.subscribe(lambda envelope: rig.agent.interrupt() if isinstance(envelope.event, MessageFinished) else None)
    assert (await rig.agent.prompt("go")).stop_reason == "cancelled"
    assert [event.result.call_id for event in rig.of(ToolFinished)] == ["call_1", "call_2"]


async def test_a_fault_of_our_own_in_a_call_closes_the_calls_and_the_session_goes_on() -> None:
    async def bug(call: ToolCall) -> str:
        raise ValueError(call.name)

    rig = Rig("call: look\ncall: act\n---\ntext: ok", handlers={"look": bug, "act": say_ok})
    assert (await rig.agent.prompt("go")).stop_reason == "error"
    assert [event.result.content for event in rig.of(ToolFinished)] == [FAULT, NOT_RUN]
    assert rig.agent.history.open_calls() == ()
    assert (await rig.agent.prompt("again")).stop_reason == "end"


async def test_text_typed_during_a_turn_steers_the_next_step() -> None:
    async def look(call: ToolCall) -> str:
        rig.agent.steer("use tabs")
        return call.name

    rig = Rig("call: look\n---\nexpect-user: use tabs\ntext: Tabs it is.", handlers={"look": look})
    assert (await rig.agent.prompt("indent")).stop_reason == "end"
    assert rig.of(MessageSteered) == [MessageSteered(UserMessage("use tabs"))]
    assert rig.agent.take_queued() == ()


async def test_text_typed_while_the_last_reply_comes_is_answered_too() -> None:
    rig = Rig("wait: 0\ntext: Done.\n---\nexpect-user: and the docs\ntext: Docs too.")
    turn = asyncio.ensure_future(rig.agent.prompt("fix"))
    await asyncio.sleep(0)
    rig.agent.steer("and the docs")
    assert (await turn).steps == 2


async def test_text_typed_into_an_interrupted_turn_is_kept() -> None:
    rig = Rig("call: look", handlers={"look": hang})
    turn = asyncio.ensure_future(rig.agent.prompt("go"))
    while not rig.branch.log:
        await asyncio.sleep(0)
    rig.agent.steer("later")
    rig.agent.interrupt()
    await turn
    assert rig.agent.take_queued() == ("later",)


async def test_a_dead_sandbox_closes_the_calls_and_ends_the_turn_with_a_remedy() -> None:
    async def die(call: ToolCall) -> str:
        raise WorkerDied(f"the worker ended during {call.name}", remedy="say it again")

    rig = Rig("call: look\ncall: look\ncall: act", handlers={"look": die, "act": say_ok})
    finished = await rig.agent.prompt("go")
    assert finished.error == ErrorInfo("worker_died", "the worker ended during look", "say it again")
    assert [event.result.is_error for event in rig.of(ToolFinished)] == [True, True, True]
    assert rig.agent.history.open_calls() == ()


async def test_a_failing_provider_ends_the_turn_with_its_words() -> None:
    rig = Rig("fault: unavailable the server is away\nremedy: start it")
    finished = await rig.agent.prompt("go")
    assert finished.stop_reason == "error"
    assert finished.error == ErrorInfo("provider_unavailable", "the server is away", "start it")


async def test_a_fault_of_our_own_is_said_and_does_not_end_the_session() -> None:
    async def bug(call: ToolCall) -> str:
        return call.arguments["no such key"]  # type: ignore[no-any-return]

    rig = Rig("call: look\n---\ntext: ok", handlers={"look": bug})
    finished = await rig.agent.prompt("go")
    assert finished.stop_reason == "error"
    assert finished.error is not None
    assert finished.error.kind == "internal"
    assert "KeyError in fakes.py" in finished.error.message or "KeyError in test_loop.py" in finished.error.message


async def test_unknown_tools_and_malformed_arguments_are_told_to_the_model() -> None:
    rig = Rig(
        "call: fly\nmalformed: act {broken\n---\n"
        "expect-result: there is no tool 'fly'. The tools are: look, act\n"
        "expect-result: not a JSON object, so nothing was run: expecting property name\ntext: Sorry."
    )
    assert (await rig.agent.prompt("go")).stop_reason == "end"
    assert rig.branch.log == []


async def test_a_reply_cut_by_length_is_not_done() -> None:
    rig = Rig("text: half a\nstop: length")
    finished = await rig.agent.prompt("go")
    assert finished.stop_reason == "length"
    assert finished.error is not None


async def test_what_the_turn_changed_is_staged_before_it_ends() -> None:
    rig = Rig("call: act\n---\ntext: ok", changes=Changes((Change("a.py", "modified"),)))
    await rig.agent.prompt("go")
    assert rig.names()[-3:] == ["changes_staged", "changes_committed", "turn_finished"]


async def test_the_journal_folds_into_the_live_conversation() -> None:
    rig = Rig('reasoning: hm\ncall: look {"ä": "…"}\n---\ntext: ok\n---\ntext: again')
    await rig.agent.prompt("one")
    await rig.agent.prompt("two")
    again = Rig("text: three", past=rig.journal)
    assert again.agent.history.messages == rig.agent.history.messages
    assert again.agent.history.turns == 2
    await again.agent.prompt("three")
    assert again.of(TurnStarted) == [TurnStarted(3, UserMessage("three"))]
    assert again.journal[0].seq == rig.journal[-1].seq + 1
    assert "session_started" not in again.names()
    assert "prompt_frozen" not in again.names()


async def test_clearing_forgets_the_conversation_and_keeps_the_session() -> None:
    rig = Rig("text: one\n---\nexpect-no-messages: first\ntext: two")
    await rig.agent.prompt("first")
    await rig.agent.clear()
    assert rig.agent.history.messages == []
    assert (await rig.agent.prompt("second")).stop_reason == "end"
    assert rig.names().count("prefix_broken") == 0
    assert rig.names().count("session_started") == 1
    assert [type(message) for message in rig.agent.history.messages] == [UserMessage, AssistantMessage]


async def test_the_dispatcher_reaches_every_tool() -> None:
    rig = Rig('call: call_tool {"name": "act", "arguments": {"x": 1}}\n---\nexpect-result: ok act\ntext: ok')
    assert (await rig.agent.prompt("go")).stop_reason == "end"
    results = [m.result.call_id for m in rig.agent.history.messages if isinstance(m, ToolMessage)]
    assert results == ["call_1"]
    assert len(rig.of(MessageFinished)) == 2


async def test_two_turns_at_once_are_refused() -> None:
    rig = Rig("call: look", handlers={"look": hang})
    turn = asyncio.ensure_future(rig.agent.prompt("go"))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="a turn is running"):
        await rig.agent.prompt("again")
    rig.agent.interrupt()
    await turn


async def test_an_event_emitted_by_a_subscriber_comes_after_the_one_it_reacts_to() -> None:
    rig = Rig("text: ok")
    seen: list[tuple[int, str]] = []

    def react(envelope: Envelope) -> None:
        if isinstance(envelope.event, TurnStarted):
            rig.agent.notice("started")

    rig.agent.subscribe(react)
    rig.agent.subscribe(lambda envelope: seen.append((envelope.seq, str(envelope.event.__struct_config__.tag))))
    await rig.agent.prompt("go")
    assert seen[:3] == [(1, "session_started"), (2, "turn_started"), (3, "notice")]
    assert [number for number, _ in seen] == list(range(1, len(seen) + 1))
