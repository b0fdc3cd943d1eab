import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from py_mono.protocol.approvals import ApprovalDecided, ApprovalRequested
from py_mono.protocol.gate import Verdict
from py_mono.protocol.ports import NOTHING, Grant
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec
from py_mono.security.approvals.gate import AGAIN, Approvals
from py_mono.security.approvals.needs import WITH_NETWORK
from py_mono.security.approvals.places import Places
from py_mono.security.approvals.questions import Answer, Ask, Question
from py_mono.security.approvals.rules import Rules

if TYPE_CHECKING:
    from py_mono.protocol.events import Event

SHELL = ToolSpec("shell", "Run.", {}, "write")
READ = ToolSpec("read_file", "Read.", {}, "read")
NETWORK = Verdict(allowed=True, grant=Grant(network=True))
FREE = Verdict(allowed=True)
WHY = "git push sends to another machine"


class Desk:
    """A gate with a person who gives the answers they are told to, and all that was said."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.workspace = base / "w"
        self.workspace.mkdir()
        (base / "other").mkdir()
        (base / "other" / "a").touch()
        self.answers: list[Answer] = []
        self.asked: list[Question] = []
        self.events: list[Event] = []
        self.there = True
        self.silent = False

    def gate(self, **options: object) -> Approvals:
        places = Places(
            workspace=str(self.workspace),
            writable=[str(self.workspace)],
            readable=[],
            never=[],
            home="/home/me",
            programs=[],
            lock_home="/nowhere",
        )
        rules = Rules(str(self.base / "state"), str(self.workspace), notice=print, clock=lambda: 1.0)
        return Approvals(places, rules, ask=self.asker, **options)  # type: ignore[arg-type]  # each test gives what fits

    def asker(self) -> Ask | None:
        return self.answer if self.there else None

    async def answer(self, question: Question) -> Answer:
        self.asked.append(question)
        await asyncio.sleep(60 if self.silent else 0)
        return self.answers.pop(0)

    async def shell(self, gate: Approvals, command: str, name: str = "c") -> Verdict:
        return await gate.review_call(ToolCall(name, "shell", {"command": command}), SHELL, self.events.append)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_what_needs_nobody_passes_without_a_word(desk: Desk) -> None:
    assert await desk.shell(desk.gate(), "make test") == FREE
    assert desk.events == []


async def test_a_yes_is_for_one_call_and_everything_is_told_in_order(desk: Desk) -> None:
    gate = desk.gate()
    desk.answers = [Answer("once"), Answer("no")]
    assert await desk.shell(gate, "git push") == NETWORK
    assert desk.asked == [Question("network", "git push", f"{WHY}; {WITH_NETWORK}", ("git push",), lasting=True)]
    assert (await desk.shell(gate, "git push")).allowed is False
    requested = ApprovalRequested("c", "network", "git push", f"{WHY}; {WITH_NETWORK}")
    assert desk.events == [
        requested,
        ApprovalDecided("c", "network", "git push", "once"),
        requested,
        ApprovalDecided("c", "network", "git push", "denied"),
    ]


async def test_always_is_remembered_for_the_next_session_and_for_a_session_is_not(desk: Desk) -> None:
    gate = desk.gate()
    desk.answers = [Answer("always"), Answer("session")]
    assert await desk.shell(gate, "git push") == NETWORK
    assert await desk.shell(gate, "pip install x") == NETWORK
    desk.events.clear()
    assert await desk.shell(gate, "git push origin main && pip install y") == NETWORK
    assert desk.events == [ApprovalDecided("c", "network", "git push origin main && pip install y", "rule")]
    assert await desk.shell(desk.gate(), "git push") == NETWORK
    desk.there = False
    assert (await desk.shell(desk.gate(), "pip install x")).allowed is False


async def test_a_rule_for_one_half_of_a_line_is_not_one_for_the_other(desk: Desk) -> None:
    gate = desk.gate()
    desk.answers = [Answer("always"), Answer("no")]
    await desk.shell(gate, "git push")
    assert (await desk.shell(gate, "git push && curl https://example.org")).allowed is False
    assert desk.asked[1].keys == ("curl example.org",)
    assert desk.asked[1].what == "git push && curl https://example.org"


async def test_the_reason_of_a_no_reaches_the_model_in_the_persons_words(desk: Desk) -> None:
    desk.answers = [Answer("no", "push to the fork")]
    verdict = await desk.shell(desk.gate(), "git push")
    assert verdict.grant == NOTHING
    assert verdict.reason.startswith("not approved; the user says: push to the fork.")
    assert desk.events[-1] == ApprovalDecided("c", "network", "git push", "denied", "push to the fork")


async def test_where_nobody_is_there_it_is_denied_unless_a_flag_allows_its_kind(desk: Desk) -> None:
    desk.there = False
    verdict = await desk.shell(desk.gate(), "git push")
    assert verdict.reason.startswith(f"not approved: {WHY}, and nobody is there to be asked.")
    assert desk.events == [ApprovalDecided("c", "network", "git push", "denied", "nobody is there to be asked")]
    assert await desk.shell(desk.gate(allowed={"network"}), "git push") == NETWORK
    assert desk.events[-1] == ApprovalDecided("c", "network", "git push", "flag")
    assert await desk.shell(desk.gate(allowed={"network"}), "pip install x") == NETWORK
    assert await desk.shell(desk.gate(allowed={"install"}), "pip install x") == NETWORK
    assert (await desk.shell(desk.gate(allowed={"install"}), "git push")).allowed is False
    assert (await desk.shell(desk.gate(allowed={"network"}), "git push; cat ../other/a")).allowed is False


async def test_all_a_line_takes_is_asked_once_and_granted_together(desk: Desk) -> None:
    desk.answers = [Answer("once")]
    verdict = await desk.shell(desk.gate(), "git push; cat ../other/a")
    path = str(desk.base.resolve() / "other" / "a")
    assert verdict.grant == Grant(network=True, reads=(path,))
    assert len(desk.asked) == 1
    assert f"{path} lies outside the workspace" in desk.asked[0].reason


async def test_with_the_network_on_or_the_lock_off_nobody_is_asked(desk: Desk) -> None:
    assert await desk.shell(desk.gate(network=True), "git push") == FREE
    assert await desk.shell(desk.gate(confined=False), "git push; cat ../other/a") == FREE
    assert desk.events == []


async def test_before_each_change_they_are_asked_where_they_want_to_be_and_not_before_reads(desk: Desk) -> None:
    gate = desk.gate(ask_all=True)
    desk.answers = [Answer("once"), Answer("session"), Answer("once")]
    assert await desk.shell(gate, "ls") == FREE
    assert await desk.shell(gate, "ls") == FREE
    assert await desk.shell(gate, "make") == FREE
    assert [question.kind for question in desk.asked] == ["call", "call"]
    assert not desk.asked[0].lasting
    assert await desk.shell(gate, "git push") == NETWORK
    assert await gate.review_call(ToolCall("r", "read_file", {"path": "a"}), READ, desk.events.append) == FREE
    own = ToolCall("own", "shell", {"command": "make"})
    assert await desk.gate(ask_all=True).review_own(own, SHELL, desk.events.append) == FREE


async def test_calls_side_by_side_are_asked_about_one_after_the_other_and_one_answer_serves_the_next(
    desk: Desk,
) -> None:
    gate = desk.gate()
    desk.answers = [Answer("session")]
    verdicts = await asyncio.gather(desk.shell(gate, "git push a", "1"), desk.shell(gate, "git push b", "2"))
    assert [*verdicts] == [NETWORK, NETWORK]
    assert len(desk.asked) == 1
    assert [type(event).__name__ for event in desk.events] == [
        "ApprovalRequested",
        "ApprovalDecided",
        "ApprovalDecided",
    ]


async def test_a_question_that_is_interrupted_counts_as_a_no(desk: Desk) -> None:
    gate = desk.gate()
    desk.silent = True
    asking = asyncio.ensure_future(desk.shell(gate, "git push"))
    await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert desk.events[-1] == ApprovalDecided("c", "network", "git push", "denied", "interrupted")


async def test_a_command_that_missed_the_network_is_asked_about_when_it_is_run_again(desk: Desk) -> None:
    gate = desk.gate()
    call = ToolCall("c", "shell", {"command": "python fetch.py"})
    assert await desk.shell(gate, "python fetch.py") == FREE
    failed = ToolResult("c", "shell", "gaierror: [Errno -3] Temporary failure in name resolution", is_error=True)
    assert gate.hint(call, failed, NOTHING) == AGAIN
    desk.answers = [Answer("once")]
    assert await desk.shell(gate, "python fetch.py") == NETWORK
    assert desk.asked[0].keys == ()
    assert await desk.shell(gate, "python other.py") == FREE


def test_only_a_failure_for_lack_of_the_network_is_hinted_at(desk: Desk) -> None:
    call = ToolCall("c", "shell", {"command": "x"})
    missing = ToolResult("c", "shell", "Could not resolve host: a", is_error=True)
    assert desk.gate().hint(call, ToolResult("c", "shell", missing.content), NOTHING) == ""
    assert desk.gate().hint(call, ToolResult("c", "shell", "no such file", is_error=True), NOTHING) == ""
    assert desk.gate().hint(call, missing, Grant(network=True)) == ""
    assert desk.gate(network=True).hint(call, missing, NOTHING) == ""
    assert desk.gate(confined=False).hint(call, missing, NOTHING) == ""


async def test_what_can_never_be_granted_is_refused_without_a_question(desk: Desk) -> None:
    (desk.base / "other" / ".ssh").mkdir()
    (desk.base / "other" / ".ssh" / "id").touch()
    call = ToolCall("c", "read_file", {"path": "../other/.ssh/id"})
    verdict = await desk.gate(allowed={"outside"}).review_call(call, READ, desk.events.append)
    assert not verdict.allowed
    assert "holds keys or settings" in verdict.reason
    assert desk.events == []
