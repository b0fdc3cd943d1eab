"""Limits and circles."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
from msgspec.json import decode
from msgspec.structs import replace

from py_mono.agent.guards import LimitGuard, Limits, RepeatGuard, Stop
from py_mono.llm.scripted.provider import ScriptedProvider
from py_mono.protocol.attempts import AttemptFailed
from py_mono.protocol.events import (
    Envelope,
    MessageFinished,
    MessageSteered,
    Notice,
    PrefixBroken,
    SessionStarted,
    StepStarted,
    ToolFinished,
)
from py_mono.protocol.messages import AssistantMessage, Usage
from py_mono.protocol.ports import ModelChunk, ModelRequest
from py_mono.protocol.spending import Spending
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


LONG = "a line of output that says more than most commands do"


def many(names: str, content: str = LONG, **arguments: object) -> list[tuple[list[ToolCall], list[ToolResult]]]:
    return [step(name, f"{content} {name}", **arguments) for name in names]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (step("read_file", path="a/b"), step("read_file", path="./a//b")),
        (step("read_file", path="a"), step("ReadFile", file_path="a", offset=1)),
        (step("list_files"), step("list_files", path=".", recursive=False)),
        (step("list_files", path="src"), step("list_files", path="src/")),
        (step("shell", command="ls -l src"), step("shell", command=" ls  -l ./src/\n")),
        (step("shell", command="ls", timeout=None), step("shell", command="ls", background=False)),
    ],
    ids=["dots", "names", "defaults", "a slash", "blanks", "nulls and switches"],
)
def test_a_call_in_other_words_is_the_same_call(
    one: tuple[list[ToolCall], list[ToolResult]], other: tuple[list[ToolCall], list[ToolResult]]
) -> None:
    same = [(calls, [ToolResult("id", "tool", "same")]) for calls in (one[0], other[0])]
    assert verdicts(RepeatGuard(str), [*same, *same, *same])[:5] == ["", "", "note", "", "stop"]


@pytest.mark.parametrize(
    "steps",
    [
        many("abcdefgh" * 2 + "abc"),
        many("abcdefghij" + "jhfdbacegi"),
        many("ab") + [step("grep", LONG, pattern=f"a|b|{n}") for n in range(12)],
        [step("shell", LONG, command="ls" + " #" * n + "x") for n in range(12)],
    ],
    ids=["a long cycle", "another order each time", "other words, same output", "arguments that grow"],
)
def test_steps_that_bring_nothing_new_are_told_and_then_ended(
    steps: list[tuple[list[ToolCall], list[ToolResult]]],
) -> None:
    """The shapes of macanderson/stella#1361 (38 greps with the alternatives shuffled) and zeroclaw-labs/zeroclaw#7143."""
    found = verdicts(RepeatGuard(str), steps)
    ended = found.index("stop")
    assert [at for at, one in enumerate(found[:ended]) if one] == [ended - 4]


def refused(n: int) -> tuple[list[ToolCall], list[ToolResult]]:
    junk = "x" * (n + 1)
    text = f"wrong arguments for read_file: Additional properties are not allowed ('{junk}' was unexpected)"
    return [ToolCall("1", "read_file", {junk: junk})], [ToolResult("1", "read_file", text, is_error=True)]


def test_refusals_are_no_progress_whatever_they_say() -> None:
    assert verdicts(RepeatGuard(str), [refused(n) for n in range(10)]) == [""] * 5 + ["note"] + [""] * 3 + ["stop"]


def test_the_report_names_the_last_calls() -> None:
    guard = RepeatGuard(str)
    stop = [guard.after_step(*refused(n)) for n in range(10)][-1]
    assert isinstance(stop, Stop)
    assert stop.report.message == (
        "the model made 10 steps that brought nothing new; the last were: "
        f'read_file {{"{"x" * 8}":"{"x" * 8}"}}; read_file {{"{"x" * 9}":"{"x" * 9}"}}; '
        f'read_file {{"{"x" * 10}":"{"x" * 10}"}}'
    )


def edit(n: int) -> tuple[list[ToolCall], list[ToolResult]]:
    """An edit says the same of every change on a line; the diff tells them apart."""
    said = ToolResult("1", "edit_file", "edited a.py: line 1", details={"diff": f"+{n}"})
    return [ToolCall("1", "edit_file", {"path": "a.py", "new_content": str(n)})], [said]


def quiet(command: str) -> tuple[list[ToolCall], list[ToolResult]]:
    return [ToolCall("1", "shell", {"command": command})], [
        ToolResult("1", "shell", "[no output]", details={"exit": 0})
    ]


@pytest.mark.parametrize(
    "steps",
    [
        [step("read_file", f"{LONG} {n}", path=f"{n}.py") for n in range(40)],
        [one for n in range(20) for one in (edit(n), step("shell", f"{LONG} FAILED", command="make test"))],
        [
            one
            for n in range(6)
            for one in (quiet(f"sed -i {n} a"), step("shell", f"{LONG} FAILED", command="make test"))
        ],
        [quiet(f"mkdir d{n}") for n in range(17)],
        [step("grep", "no matches", pattern=f"name{n}") for n in range(7)],
        [one for n in range(20) for one in (quiet("sleep 5"), step("shell", f"{LONG} {n} %", command="cat log"))],
        many("abcdef") + many("abcd") + many("ghijkl") + many("ghij"),
    ],
    ids=[
        "many files",
        "tests after edits",
        "tests after sed",
        "silent commands",
        "empty searches",
        "a poll",
        "rereading",
    ],
)
def test_work_raises_no_false_alarm(steps: list[tuple[list[ToolCall], list[ToolResult]]]) -> None:
    """Among them the shape of zeroclaw-labs/zeroclaw#10503: seven searches that rightly found nothing."""
    assert set(verdicts(RepeatGuard(str), steps)) == {""}


def test_an_edit_made_and_unmade_for_ever_is_ended() -> None:
    assert verdicts(RepeatGuard(str), [edit(n % 2) for n in range(10)])[-1] == "stop"


def test_news_after_a_note_begin_the_count_again_and_a_second_row_is_told_again() -> None:
    rows = [refused(n) for n in range(7)]
    found = verdicts(RepeatGuard(str), [*rows, edit(1), *rows])
    assert found == [""] * 5 + ["note", "", "", *[""] * 5, "note", ""]


def test_arguments_nested_as_deeply_as_they_can_be_decoded_are_compared() -> None:
    deep = decode(b'{"a":' * 800 + b'"x"' + b"}" * 800)
    assert verdicts(RepeatGuard(str), [step("a", deep=deep)] * 3) == ["", "", "note"]


def test_one_call_with_news_among_several_is_enough() -> None:
    old = step("read_file", LONG, path="a")
    steps = [(old[0] + new[0], old[1] + new[1]) for new in (step("shell", f"{LONG} {n}") for n in range(20))]
    assert set(verdicts(RepeatGuard(str), steps)) == {""}


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


def paid(cost: float | None, model: str = "m") -> MessageFinished:
    return MessageFinished(AssistantMessage("x", model=model, usage=Usage(20, 10, 0, cost)))


def lost(cost: float | None) -> AttemptFailed:
    return AttemptFailed("scripted", "m", 1, "provider_unavailable", "gone", Usage(20, 0, 0, cost))


class Till:
    """A guard, and the session that it is told of as the agent tells it: before the guard."""

    def __init__(self, limits: Limits, past: tuple[float, ...] = ()) -> None:
        self.session = Spending()
        for cost in past:
            self.session.apply(paid(cost))
        self.guard = LimitGuard(limits, self.session)

    def count(self, *facts: MessageFinished | AttemptFailed) -> list[str]:
        notes: list[str] = []
        for fact in facts:
            self.session.apply(fact)
            notes += self.guard.count(fact)
        return notes

    def stop(self) -> str:
        stop = self.guard.before_step()
        assert stop is None or stop.reason == "max_budget"
        return f"{stop.report.message}: {stop.report.remedy}" if stop else ""


def test_a_request_of_unknown_price_does_not_forget_what_is_known_to_be_spent() -> None:
    till = Till(Limits(max_budget_usd=1.0))
    till.count(paid(0.75), paid(None))
    assert till.stop() == ""
    till.count(paid(0.5))
    assert till.stop() == "$1.25 was spent; the budget is $1.00: continue the session, or raise --max-budget-usd"
    assert till.guard.usage == Usage(60, 30, 0, None)


def test_requests_that_brought_no_reply_cost_too() -> None:
    till = Till(Limits(max_budget_usd=1.0))
    till.count(lost(0.75), lost(0.25))
    assert till.stop().startswith("$1.00 was spent")
    assert till.guard.usage == Usage(40, 0, 0, 1.0)
    assert (till.guard.spending.total.requests, till.guard.spending.total.failed) == (2, 2)


@pytest.mark.parametrize(
    ("limits", "past", "facts", "notes"),
    [
        (Limits(max_budget_usd=1.0), (), [paid(0.7), paid(0.1), paid(0.1), lost(5)],
         ["this turn has spent $0.80, 80% of its budget of $1.00"]),
        (Limits(max_budget_usd=1.0, warn_at=0.5), (9.0,), [lost(0.5)],
         ["this turn has spent $0.50, 50% of its budget of $1.00"]),
        (Limits(session_budget_usd=1.0), (0.7,), [paid(0.1), paid(0.1)],
         ["this session has spent $0.80, 80% of its budget of $1.00"]),
        (Limits(session_budget_usd=1.0), (0.8,), [paid(0.1)], []),
        (Limits(max_budget_usd=0.1, session_budget_usd=1.0, warn_at=1), (0.7, 0.2), [paid(0.1)],
         ["this turn has spent $0.10, 100% of its budget of $0.10",
          "this session has spent $1.00, 100% of its budget of $1.00"]),
        (Limits(session_budget_usd=1.0), (), [paid(None), paid(None)],
         ["what this model costs is not known, so the session's budget cannot end the turn; --max-tokens can"]),
        (Limits(), (), [paid(None), paid(99)], []),
    ],
    ids=["turn", "failed", "session", "told before", "both", "price unknown", "no budget"],
)  # fmt: skip
def test_a_budget_warns_once_when_its_part_is_spent(
    limits: Limits, past: tuple[float, ...], facts: list[MessageFinished | AttemptFailed], notes: list[str]
) -> None:
    assert Till(limits, past).count(*facts) == notes


def test_the_budget_of_a_session_counts_its_past_and_the_turns_own_does_not() -> None:
    limits = Limits(max_budget_usd=0.5, session_budget_usd=1.0)
    assert Till(limits, (0.9,)).stop() == ""
    till = Till(limits, (0.9,))
    till.count(paid(0.1))
    remedy = "raise session_usd under [budget] in config.toml, or start a new session"
    assert till.stop() == f"this session has spent $1.00; its budget is $1.00: {remedy}"


async def test_a_turn_does_not_start_when_the_budget_of_the_session_is_used_up() -> None:
    past = [Envelope(1, 0.0, SessionStarted("s1", "/ws", "0")), Envelope(2, 0.0, paid(1.0))]
    rig = Rig("text: never", limits=Limits(session_budget_usd=1.0), past=past)
    finished = await rig.agent.prompt("go")
    assert (finished.stop_reason, finished.steps, finished.usage) == ("max_budget", 0, Usage(cost_usd=0.0))
    assert (rig.sandbox.modes, rig.of(StepStarted)) == ([], [])
    assert rig.names() == ["turn_started", "turn_finished"]


async def test_within_a_turn_the_budget_of_the_session_ends_it_before_the_next_request() -> None:
    rig = Rig("call: look\nusage: 20 10 0 0.5\nrepeat: 9", limits=Limits(session_budget_usd=1.0))
    finished = await rig.agent.prompt("go")
    assert (finished.stop_reason, finished.steps, finished.usage) == ("max_budget", 2, Usage(40, 20, 0, 1.0))
    again = await rig.agent.prompt("go")
    assert (again.stop_reason, again.steps, again.usage.cost_usd) == ("max_budget", 0, 0.0)


async def test_what_attempts_took_that_brought_no_reply_is_in_the_turns_sum() -> None:
    class Stumbling(ScriptedProvider):
        async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
            yield lost(0.1)
            yield lost(0.2)
            async with aclosing(super().stream(request)) as chunks:
                async for chunk in chunks:
                    yield chunk

    rig = Rig(Stumbling("call: look\nusage: 5 5 0 0.01\n---\nfault: unavailable away"))
    finished = await rig.agent.prompt("go")
    assert (finished.stop_reason, finished.usage) == ("error", Usage(85, 5, 0, 0.61))
    assert rig.agent.history.spending.total.usage == finished.usage


class Unpriced(ScriptedProvider):
    """A model whose price nobody knows."""

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        async with aclosing(super().stream(request)) as chunks:
            async for chunk in chunks:
                yield replace(chunk, usage=Usage(20, 10, 0, None)) if isinstance(chunk, AssistantMessage) else chunk


@pytest.mark.parametrize(("limits", "told"), [(Limits(max_budget_usd=0.01), 1), (Limits(), 0)])
async def test_a_budget_that_cannot_hold_because_the_price_is_unknown_is_told_once_a_turn(
    limits: Limits, told: int
) -> None:
    rig = Rig(Unpriced("call: look\n---\ncall: act\n---\ntext: done"), limits=limits)
    finished = await rig.agent.prompt("go")
    assert (finished.stop_reason, finished.steps) == ("end", 3)
    notices = [event.text for event in rig.of(Notice)]
    assert ["--max-budget-usd" in text and "--max-tokens" in text for text in notices] == [True] * told


def test_a_budget_of_less_than_a_cent_is_not_shown_as_nothing() -> None:
    till = Till(Limits(max_budget_usd=0.001))
    till.count(paid(0.002))
    assert till.stop().startswith("$0.0020 was spent; the budget is $0.0010:")


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
