"""Tools that come up in the middle: told once, at the tail; the front of the requests stays as it was."""

import asyncio
from collections.abc import Sequence

from msgspec.structs import replace

from py_mono.protocol.announcing import ToolsAnnounced
from py_mono.protocol.codec import decode_envelope, encode, is_fact
from py_mono.protocol.events import (
    Envelope,
    Notice,
    PrefixBroken,
    PromptFrozen,
    StepStarted,
    ToolFinished,
    ToolStarted,
)
from py_mono.protocol.history import History
from py_mono.protocol.messages import UserMessage
from py_mono.protocol.tools import ToolCall, ToolSpec
from py_mono.session.heal import healing
from py_mono.tools.registry import DISPATCHER
from py_mono.ui.replaying import replay
from tests.agent.fakes import OPEN, READ, WRITE, FakeServer, Rig, hang, say_ok

NOW = ToolSpec("get_current_datetime", "The time.", OPEN, "read", "mcp:datetime")
SKY = ToolSpec("sky__weather", "Weather.", OPEN, "external", "mcp:sky")
PLENTY = 9_000


def read_back(journal: Sequence[Envelope]) -> list[Envelope]:
    """What a journal of it holds."""
    read = [decode_envelope(encode(envelope)) for envelope in journal if is_fact(envelope.event)]
    return [envelope for envelope in read if envelope is not None]


def listed(rig: Rig) -> list[tuple[str, ...]]:
    return [tuple(tool.name for tool in event.tools) for event in rig.of(PromptFrozen)]


async def test_what_is_known_at_the_first_request_stands_in_the_list_and_is_not_announced() -> None:
    server = FakeServer(NOW)
    rig = Rig("call: get_current_datetime\n---\ntext: ok", compose=server.compose(PLENTY), late=server)
    await rig.agent.prompt("what is the time?")
    assert listed(rig) == [("look", "act", "get_current_datetime", "call_tool")]
    assert rig.of(ToolsAnnounced) == []
    assert [event.result.content for event in rig.of(ToolFinished)] == ["served get_current_datetime"]


async def test_what_comes_up_in_a_turn_is_announced_at_the_tail_and_called_in_the_same_turn() -> None:
    server = FakeServer()

    async def connect(call: ToolCall) -> str:
        server.there = [SKY]
        return call.name

    script = 'call: look\n---\nexpect-messages: sky__weather\ncall: call_tool {"name": "sky__weather", "arguments": {}}\n---\ntext: ok'
    rig = Rig(script, compose=server.compose(PLENTY), late=server, handlers={"look": connect, "act": say_ok})
    assert (await rig.agent.prompt("go")).stop_reason == "end"
    names = rig.names()
    assert names[names.index("tools_announced") + 1] == "step_started"
    assert names.index("tools_announced") > names.index("tool_finished")
    assert rig.of(PrefixBroken) == []
    assert listed(rig) == [("look", "act", "call_tool")]
    started, finished = rig.of(ToolStarted)[1], rig.of(ToolFinished)[1]
    assert (started.call.name, finished.result.name, finished.result.content) == (
        "call_tool",
        "sky__weather",
        "served sky__weather",
    )
    assert rig.agent.history.told == {"sky__weather"}


async def test_what_came_up_between_turns_is_told_in_front_of_what_the_person_says() -> None:
    server = FakeServer()
    rig = Rig("text: one\n---\ntext: two\n---\ntext: three", compose=server.compose(PLENTY), late=server)
    await rig.agent.prompt("first")
    server.there = [SKY]
    await rig.agent.prompt("second")
    await rig.agent.prompt("third")
    said = [message.text for message in rig.agent.history.messages if isinstance(message, UserMessage)]
    assert [text.partition("\n")[0][:6] for text in said] == ["first", "[More ", "second", "third"]
    assert len(rig.of(ToolsAnnounced)) == 1
    assert rig.of(PrefixBroken) == []


async def test_what_did_not_fit_into_the_list_is_announced_with_the_first_message() -> None:
    server = FakeServer(SKY, NOW)
    rig = Rig("text: ok", compose=server.compose(0), late=server)
    await rig.agent.prompt("go")
    assert listed(rig) == [("look", "act", "call_tool")]
    assert rig.agent.history.told == {"sky__weather", "get_current_datetime"}


async def test_a_server_that_comes_late_changes_and_goes_breaks_no_prefix() -> None:
    server = FakeServer(NOW)

    later = iter([[NOW, SKY], [], [SKY], [NOW, SKY, WRITE], [replace(SKY, description="Other.")]])

    async def happen(call: ToolCall) -> str:
        server.there = next(later)
        return f"{call.name} {len(rig.journal)}"

    rig = Rig(
        "call: look\nrepeat: 5\n---\ntext: ok",
        compose=server.compose(PLENTY),
        late=server,
        handlers={"look": happen, "act": say_ok},
    )
    await rig.agent.prompt("go")
    assert len(rig.of(StepStarted)) == 6
    assert rig.of(PrefixBroken) == []
    assert len(rig.of(PromptFrozen)) == 1
    assert [event.tools for event in rig.of(ToolsAnnounced)] == [("sky__weather",)]


async def test_cleared_what_is_known_by_then_moves_into_the_list() -> None:
    server = FakeServer()
    rig = Rig("text: one\n---\ntext: two\n---\ntext: three", compose=server.compose(PLENTY), late=server)
    await rig.agent.prompt("first")
    server.there = [SKY]
    await rig.agent.prompt("second")
    await rig.agent.clear()
    await rig.agent.prompt("third")
    assert listed(rig) == [("look", "act", "call_tool"), ("look", "act", "sky__weather", "call_tool")]
    assert len(rig.of(ToolsAnnounced)) == 1
    assert rig.agent.history.told == set()


async def test_a_session_that_goes_on_has_the_list_it_had_whatever_became_of_its_servers() -> None:
    server = FakeServer(NOW)
    first = Rig("text: one", compose=server.compose(PLENTY), late=server)
    await first.agent.prompt("first")
    server.there = [SKY]
    await first.agent.prompt("second")
    past = read_back(first.journal)
    gone = FakeServer()
    again = Rig("call: get_current_datetime\n---\ntext: two", compose=gone.compose(PLENTY), late=gone, past=past)
    await again.agent.prompt("third")
    assert again.of(PromptFrozen) == []
    assert again.of(ToolsAnnounced) == []
    assert [event.result.content for event in again.of(ToolFinished)] == ["gone"]
    facts = [*past, *read_back(again.journal)]
    report = await replay(facts)
    assert report.equal, report.first_difference
    assert len(report.steps) == 4


async def test_listed_reads_run_side_by_side() -> None:
    server, together = FakeServer(NOW), asyncio.Event()

    async def look(call: ToolCall) -> str:
        del call
        await asyncio.wait_for(together.wait(), 5)
        return "together"

    async def meet() -> None:
        while "get_current_datetime" not in server.called:
            await asyncio.sleep(0)
        together.set()

    rig = Rig(
        "call: look\ncall: get_current_datetime\n---\ntext: ok",
        compose=server.compose(PLENTY),
        late=server,
        handlers={"look": look, "act": hang},
    )
    await asyncio.gather(rig.agent.prompt("go"), meet())
    assert [event.result.content for event in rig.of(ToolFinished)] == ["together", "served get_current_datetime"]


async def test_tools_that_can_be_called_now_are_listed_for_the_person_behind_the_frozen_ones() -> None:
    server = FakeServer(NOW)
    rig = Rig("text: ok", compose=server.compose(PLENTY), late=server)
    assert await rig.agent.list_tools() == (READ, WRITE, NOW, DISPATCHER)
    await rig.agent.prompt("go")
    server.there = [SKY]
    assert await rig.agent.list_tools() == (READ, WRITE, NOW, DISPATCHER, SKY)


async def test_who_asks_once_waits_for_what_was_never_seen() -> None:
    server = FakeServer()

    async def come() -> None:
        server.there = [NOW]

    server.settling = come
    rig = Rig("text: ok", compose=server.compose(PLENTY), late=server, settle_s=5.0)
    await rig.agent.prompt("go")
    assert listed(rig) == [("look", "act", "get_current_datetime", "call_tool")]
    assert rig.of(Notice) == []


async def test_nobody_else_waits_and_a_wait_ends_with_the_turn() -> None:
    server = FakeServer()
    waiting = asyncio.Event()

    async def wait_on() -> None:
        waiting.set()
        await asyncio.sleep(60)

    server.settling = wait_on
    rig = Rig("text: ok", compose=server.compose(PLENTY), late=server)
    assert (await rig.agent.prompt("go")).stop_reason == "end"
    assert not waiting.is_set()
    patient = Rig("text: ok", compose=server.compose(PLENTY), late=server, settle_s=60.0)
    turn = asyncio.ensure_future(patient.agent.prompt("go"))
    await waiting.wait()
    patient.agent.interrupt()
    assert (await turn).stop_reason == "cancelled"
    assert patient.of(StepStarted) == []


async def test_a_longer_wait_is_said() -> None:
    server, noticed = FakeServer(), asyncio.Event()

    async def wait_on() -> None:
        await noticed.wait()

    server.settling = wait_on
    rig = Rig("text: ok", compose=server.compose(PLENTY), late=server, settle_s=5.0)
    rig.agent.subscribe(lambda envelope: noticed.set() if isinstance(envelope.event, Notice) else None)
    await rig.agent.prompt("go")
    assert [event.text for event in rig.of(Notice)] == ["waiting up to 5 s for servers whose tools are not known yet"]


async def test_a_process_that_ends_between_the_news_and_its_request_tells_it_once() -> None:
    server = FakeServer(SKY)
    rig = Rig("text: one", compose=server.compose(0), late=server)
    await rig.agent.prompt("first")
    facts = read_back(rig.journal)
    cut = next(number for number, fact in enumerate(facts) if isinstance(fact.event, StepStarted))
    past = facts[:cut]
    past += healing(past, next_seq=past[-1].seq + 1, at=0.5)
    again = Rig("text: two", compose=server.compose(0), late=server, past=past)
    await again.agent.prompt("second")
    assert again.of(ToolsAnnounced) == []
    history = History()
    whole = [*past, *read_back(again.journal)]
    for fact in whole:
        history.apply(fact.event)
    said = [message.text[:6] for message in history.messages if isinstance(message, UserMessage)]
    assert said == ["[More ", "first", "second"]
    report = await replay(whole)
    assert (report.equal, len(report.steps)) == (True, 1)
