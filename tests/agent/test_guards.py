"""Limits and circles."""

import pytest

from py_mono.agent.guards import LimitGuard, Limits, RepeatGuard, Stop
from py_mono.protocol.events import MessageSteered, PrefixBroken, StepStarted, ToolFinished
from py_mono.protocol.messages import Usage
from py_mono.protocol.tools import ToolCall, ToolResult
from tests.agent.fakes import Rig, say_ok


def step(name: str, content: str = "same", **arguments: object) -> tuple[list[ToolCall], list[ToolResult]]:
    return [ToolCall("id", name, dict(arguments))], [ToolResult("id", name, content)]


def verdicts(guard: RepeatGuard, steps: list[tuple[list[ToolCall], list[ToolResult]]]) -> list[str]:
    found = [guard.after_step(*one) for one in steps]
    return ["stop" if isinstance(one, Stop) else "note" if one else "" for one in found]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([step("a")] * 5, ["", "", "note", "", "stop"]),
        ([step("a", str(n)) for n in range(9)], [""] * 9),
        ([step("a", n=n) for n in range(9)], [""] * 9),
        ([step("a"), step("b")] * 5, ["", "", "", "", "", "note", "", "", "", "stop"]),
        ([step("a"), step("a"), step("b")] * 3, [""] * 8 + ["note"]),
        ([step("a"), step("a"), step("c"), step("a"), step("a"), step("d")], [""] * 6),
    ],
    ids=["one call", "new results", "other arguments", "a cycle of two", "a cycle of three", "work"],
)
def test_circles_are_told_once_and_then_ended(
    steps: list[tuple[list[ToolCall], list[ToolResult]]], expected: list[str]
) -> None:
    assert verdicts(RepeatGuard(str), steps) == expected


def test_the_order_of_arguments_does_not_hide_a_circle() -> None:
    one = ([ToolCall("1", "a", {"x": 1, "y": 2})], [ToolResult("1", "a", "r")])
    two = ([ToolCall("2", "a", {"y": 2, "x": 1})], [ToolResult("2", "a", "r")])
    assert verdicts(RepeatGuard(str), [one, two, one]) == ["", "", "note"]


def test_what_is_said_of_a_call_is_redacted_before_it_is_shortened() -> None:
    secret = "hunter2-" * 8
    guard = RepeatGuard(lambda text: text.replace(secret, "[redacted]"))
    call = step("shell", command="x" * 160 + secret)
    said = [guard.after_step(*call) for _ in range(5)]
    assert isinstance(said[4], Stop)
    for text in (str(said[2]), said[4].report.message):
        assert "hunter2" not in text
        assert "x" * 160 + "[redacted]" in text


async def test_the_same_call_for_ever_ends_with_a_report_and_every_call_ran() -> None:
    rig = Rig('call: look {"q": 1}\nrepeat: 100')
    finished = await rig.agent.prompt("go")
    assert finished.stop_reason == "repeated_calls"
    assert finished.error is not None
    assert finished.error.message == 'the model made the same call 5 times with the same result: look {"q":1}'
    assert [event.origin for event in rig.of(MessageSteered)] == ["guard"]
    assert len(rig.of(ToolFinished)) == 5
    assert len(rig.branch.log) == 10


@pytest.mark.parametrize(
    ("limits", "reason", "steps"),
    [
        (Limits(max_steps=3), "max_steps", 3),
        (Limits(max_tokens=100), "max_tokens", 4),
        (Limits(max_budget_usd=0.05), "max_budget", 5),
    ],
)
async def test_limits_end_a_turn_and_say_how_to_go_on(limits: Limits, reason: str, steps: int) -> None:
    count = iter(range(100))

    async def look(call: object) -> str:
        return f"{next(count)} {call}"

    rig = Rig("call: look\nusage: 20 10 0 0.01\nrepeat: 50", handlers={"look": look, "act": say_ok}, limits=limits)
    finished = await rig.agent.prompt("go")
    assert (finished.stop_reason, finished.steps) == (reason, steps)
    assert finished.error is not None
    assert finished.error.remedy.startswith("continue the session, or raise --max-")


async def test_a_request_that_failed_was_a_step() -> None:
    rig = Rig("call: look\n---\nfault: unavailable away")
    assert (await rig.agent.prompt("go")).steps == 2
    assert [event.step for event in rig.of(StepStarted)] == [1, 2]


def test_a_request_of_unknown_price_does_not_forget_what_is_known_to_be_spent() -> None:
    guard = LimitGuard(Limits(max_budget_usd=1.0))
    guard.count(Usage(cost_usd=0.75))
    guard.count(Usage(cost_usd=None))
    assert guard.before_step() is None
    guard.count(Usage(cost_usd=0.5))
    stop = guard.before_step()
    assert stop is not None
    assert stop.report.message == "$1.2500 was spent; the budget is $1.00"
    assert guard.usage.cost_usd is None


async def test_two_hundred_steps_never_break_the_prefix() -> None:
    count = iter(range(1000))

    async def look(call: object) -> str:
        return f"{next(count)} {call}"

    rig = Rig("call: look\nrepeat: 199\n---\ntext: end", handlers={"look": look, "act": say_ok})
    finished = await rig.agent.prompt("go")
    assert (finished.stop_reason, finished.steps) == ("end", 200)
    assert rig.of(PrefixBroken) == []
    digests = [event.request_digest for event in rig.of(StepStarted)]
    assert len(set(digests)) == 200
