"""Calls of servers' tools at the gate."""

from pathlib import Path

import pytest

from py_mono.protocol.approvals import ApprovalDecided, ApprovalRequested
from py_mono.protocol.gate import Verdict
from py_mono.protocol.tools import Effect, ToolCall, ToolSpec
from py_mono.security.approvals.gate import Approvals
from py_mono.security.approvals.questions import Answer, Question
from py_mono.security.approvals.servers import ServerCalls, spelled_call
from tests.security.approvals.test_gate import FREE, Desk

DIGEST = "0123456789abcdef" * 2
KEY = "home__light (server home, 0123456789abcdef)"
ACTS = "the server home acts outside the sandbox, and what it does cannot be undone"
CALL = ToolCall("c", "home__light", {"room": "kitchen", "on": True})


def spec(name: str = "home__light", *, effect: Effect = "external", server: str = "home") -> ToolSpec:
    return ToolSpec(name, "Switch.", {}, effect, f"mcp:{server}")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def gate_of(desk: Desk, digest: str = DIGEST, **options: object) -> Approvals:
    return desk.gate(servers=ServerCalls({"home": digest}, {("home", "bell"), ("other", "light")}), **options)


async def review(desk: Desk, gate: Approvals, call: ToolCall = CALL, what: ToolSpec | None = None) -> Verdict:
    return await gate.review_call(call, what or spec(), desk.events.append)


async def test_what_only_reads_passes_and_what_acts_is_asked_about_with_its_arguments(desk: Desk) -> None:
    gate = gate_of(desk)
    assert await review(desk, gate, what=spec(effect="read")) == FREE
    assert desk.events == []
    desk.answers = [Answer("once"), Answer("no", "it is day")]
    assert await review(desk, gate) == FREE
    what = 'home__light(room="kitchen", on=true)'
    assert desk.asked == [Question("mcp", what, ACTS, (KEY,), lasting=True)]
    assert desk.events == [ApprovalRequested("c", "mcp", what, ACTS), ApprovalDecided("c", "mcp", what, "once")]
    denied = await review(desk, gate)
    assert not denied.allowed
    assert "it is day" in denied.reason


async def test_of_what_changes_files_it_is_said_what_can_be_undone(desk: Desk) -> None:
    desk.answers = [Answer("once")]
    await review(desk, gate_of(desk), what=spec(effect="write"))
    assert desk.asked[0].reason == (
        "the server home may change files, which can be undone, and act outside the sandbox, which cannot"
    )


async def test_always_is_for_this_tool_of_this_entry(desk: Desk) -> None:
    desk.answers = [Answer("always")]
    assert await review(desk, gate_of(desk)) == FREE
    desk.there = False
    assert await review(desk, gate_of(desk)) == FREE
    assert [rule.key for rule in gate_of(desk).rules.rules] == [KEY]
    assert not (await review(desk, gate_of(desk, "f" * 32))).allowed
    other = ToolCall("c", "home__door", {})
    assert not (await review(desk, gate_of(desk), other, spec("home__door"))).allowed
    gate = gate_of(desk)
    gate.rules.forget(KEY)
    assert not (await review(desk, gate)).allowed


async def test_without_a_digest_nothing_is_remembered(desk: Desk) -> None:
    desk.answers = [Answer("always")]
    assert await review(desk, gate_of(desk, "")) == FREE
    assert (desk.asked[0].keys, desk.asked[0].lasting) == ((), False)
    desk.there = False
    assert not (await review(desk, gate_of(desk, ""))).allowed


async def test_a_flag_or_the_operators_entry_says_yes_beforehand(desk: Desk) -> None:
    desk.there = False
    assert await review(desk, gate_of(desk, allowed=["mcp"])) == FREE
    assert [event.decision for event in desk.events if isinstance(event, ApprovalDecided)] == ["flag"]
    assert not (await review(desk, gate_of(desk, allowed=["network", "install", "outside"]))).allowed
    bell = ToolCall("c", "home__bell", {})
    assert await review(desk, gate_of(desk), bell, spec("home__bell")) == FREE
    for name, server in (("home__light", "home"), ("third__bell", "third"), ("home__bell", "third")):
        call = ToolCall("c", name, {})
        assert not (await review(desk, gate_of(desk), call, spec(name, server=server))).allowed, (name, server)


async def test_without_a_lock_it_is_asked_all_the_same(desk: Desk) -> None:
    desk.there = False
    assert not (await review(desk, gate_of(desk, confined=False))).allowed


async def test_who_wants_to_be_asked_each_time_is(desk: Desk) -> None:
    desk.answers = [Answer("no")]
    bell = ToolCall("c", "home__bell", {})
    assert not (await review(desk, gate_of(desk, ask_all=True), bell, spec("home__bell"))).allowed
    assert desk.asked[0].kind == "call"


def test_a_call_is_shown_short_and_with_nothing_that_a_terminal_acts_on() -> None:
    hostile = {"a\x1b[2J\n": "x\x07\u202e\x9b\ud800", "b": ["é", 1, None, {"c": "\u200b"}]}
    assert spelled_call(ToolCall("c", "t", hostile)) == (
        r't(a\x1b[2J\n="x\u0007\u202e\x9b\ud800", b=["é", 1, null, {"c": "\u200b"}])'
    )
    long = spelled_call(ToolCall("c", "t", {"text": "head" + "m" * 10_000 + "tail", "last": 1}))
    assert long.startswith('t(text="head')
    assert "[… 9710 characters …]" in long
    assert long.endswith('tail", last=1)')
    many = spelled_call(ToolCall("c", "t", {f"{number}": "x" * 200 for number in range(1000)}))
    assert len(many) < 2_100
