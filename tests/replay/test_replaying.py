"""A journal goes through the real loop once more and asks the model the same."""

from pathlib import Path

import pytest

from py_mono.protocol.digest import PrefixDigest
from py_mono.protocol.errors import SessionError
from py_mono.protocol.events import (
    Envelope,
    ErrorInfo,
    Event,
    MessageFinished,
    PromptFrozen,
    SessionStarted,
    StepStarted,
    TurnFinished,
    TurnStarted,
)
from py_mono.protocol.messages import AssistantMessage, Usage, UserMessage
from py_mono.protocol.ports import ModelRequest
from py_mono.session.heal import healing
from py_mono.session.journal import read
from py_mono.ui.replaying import replay
from tests.session.facts import saved


def recorded(folder: Path) -> list[Envelope]:
    return list(read(saved(folder).path))


async def test_a_whole_session_asks_the_same(tmp_path: Path) -> None:
    report = await replay(recorded(tmp_path))
    assert [(step.turn, step.step, step.equal) for step in report.steps] == [
        (1, 1, True), (1, 2, True), (2, 1, True),
    ]  # fmt: skip


async def test_a_session_cut_after_any_fact_and_healed_asks_the_same(tmp_path: Path) -> None:
    facts = recorded(tmp_path)
    for end in range(5, len(facts)):
        healed = [*facts[:end], *healing(facts[:end], next_seq=99, at=1.5)]
        assert isinstance(healed[-1].event, TurnFinished)
        report = await replay(healed)
        assert report.equal, (end, report.first_difference)


def saved_with_another_result(folder: Path) -> Path:
    path = Path(saved(folder).path)
    path.write_text(path.read_text().replace('"exit_code":0', '"exit_code":1'))
    return path


async def test_another_result_is_noticed(tmp_path: Path) -> None:
    report = await replay(list(read(saved_with_another_result(tmp_path))))
    assert [step.equal for step in report.steps] == [True, False, False]


async def test_a_session_without_a_turn_cannot_be_replayed(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="no turn"):
        await replay(recorded(tmp_path)[:2])


async def test_a_turn_that_never_got_its_tools_freezes_no_prompt() -> None:
    asked = ModelRequest("You work.", (UserMessage("one"), UserMessage("two")), ())
    facts: list[Event] = [
        SessionStarted("s", "/w", "0"),
        TurnStarted(1, UserMessage("one")),
        TurnFinished("error", Usage(), 0, ErrorInfo("sandbox", "no lock")),
        TurnStarted(2, UserMessage("two")),
        PromptFrozen(asked.system, asked.tools),
        StepStarted(1, "m", PrefixDigest(str).extend(asked, "m")[0]),
        MessageFinished(AssistantMessage("done")),
        TurnFinished("end", Usage(), 1),
    ]
    report = await replay([Envelope(number, 1.5, fact) for number, fact in enumerate(facts, 1)])
    assert [(step.turn, step.step, step.equal) for step in report.steps] == [(2, 1, True)]
