"""A journal that a crash cut short becomes a conversation that can go on."""

from py_mono.protocol.attempts import AttemptFailed
from py_mono.protocol.codec import decode_envelope, encode, is_fact
from py_mono.protocol.events import (
    Envelope,
    Event,
    HistoryCleared,
    MessageFinished,
    StepStarted,
    ToolFinished,
    ToolStarted,
    TurnFinished,
    TurnStarted,
)
from py_mono.protocol.history import History
from py_mono.protocol.jobs import JobEnded, JobStarted
from py_mono.protocol.messages import AssistantMessage, Usage, UserMessage
from py_mono.protocol.tools import ToolCall, ToolResult
from py_mono.session.heal import INTERRUPTED, healing
from tests.session.facts import ONE, TWO, conversation

FACTS = [envelope for envelope in conversation(str) if is_fact(envelope.event)]


def healed(facts: list[Envelope]) -> list[Envelope]:
    return [*facts, *healing(facts, next_seq=len(facts) + 1, at=9.5)]


def interrupted(call: ToolCall) -> ToolFinished:
    return ToolFinished(ToolResult(call.id, call.name, INTERRUPTED, is_error=True), 0)


def upto(kind: type, number: int = 1) -> list[Envelope]:
    """The facts up to the ``number``-th of a kind."""
    places = [index for index, fact in enumerate(FACTS) if isinstance(fact.event, kind)]
    return FACTS[: places[number - 1] + 1]


def fold(facts: list[Envelope]) -> History:
    history = History()
    for fact in facts:
        history.apply(fact.event)
    return history


def test_a_whole_session_needs_no_healing() -> None:
    assert healing(FACTS, next_seq=99, at=1.5) == []
    assert healing([], next_seq=1, at=1.5) == []


def test_a_call_that_had_started_and_one_that_had_not_are_both_closed_in_order() -> None:
    facts = upto(ToolStarted, 1)
    assert healing(facts, next_seq=42, at=9.5) == [
        Envelope(42, 9.5, interrupted(ONE)),
        Envelope(43, 9.5, ToolStarted(TWO)),
        Envelope(44, 9.5, interrupted(TWO)),
        Envelope(45, 9.5, TurnFinished("cancelled", Usage(10, 5, cost_usd=None), 1)),
    ]


def test_a_background_command_without_its_end_is_lost_and_the_model_will_be_told() -> None:
    started: list[Event] = [
        JobStarted(1, "serve", "/tmp/job-1.log"),
        JobStarted(2, "watch", "/tmp/job-2.log"),
        JobEnded(1, "exited"),
    ]
    facts = [*FACTS, *(Envelope(50 + index, 1.0, event) for index, event in enumerate(started))]
    closing = healing(facts, next_seq=60, at=9.5)
    assert closing == [Envelope(60, 9.5, JobEnded(2, "lost"))]
    assert "[job 2 (watch) is gone: the sandbox it ran in ended]" in fold([*facts, *closing]).jobs.note()
    assert healing([*facts, *closing], next_seq=61, at=9.5) == []


def test_a_turn_cut_before_its_reply_is_cancelled() -> None:
    events = [fact.event for fact in healing(upto(StepStarted), next_seq=1, at=9.5)]
    assert events == [TurnFinished("cancelled", Usage(cost_usd=0.0), 1)]


def test_what_a_request_took_that_brought_no_reply_is_in_the_cancelled_turns_sum() -> None:
    lost = Envelope(9, 1.0, AttemptFailed("p", "m1", 1, "provider_unavailable", "gone", Usage(7, 0, 0, 0.5)))
    events = [fact.event for fact in healing([*upto(StepStarted), lost], next_seq=1, at=9.5)]
    assert events == [TurnFinished("cancelled", Usage(7, 0, 0, 0.5), 1)]


def test_a_call_that_has_its_result_keeps_it() -> None:
    events = [fact.event for fact in healing(upto(ToolFinished), next_seq=1, at=9.5)]
    assert events == [interrupted(TWO), TurnFinished("cancelled", Usage(10, 5), 1)]


def test_wherever_a_session_ends_healing_leaves_no_call_open_and_each_turn_ended() -> None:
    for end in range(len(FACTS) + 1):
        facts = healed(FACTS[:end])
        events = [fact.event for fact in facts]
        assert fold(facts).open_calls() == ()
        assert sum(isinstance(event, TurnStarted) for event in events) == sum(
            isinstance(event, TurnFinished) for event in events
        )
        started = [event.call.id for event in events if isinstance(event, ToolStarted)]
        assert started == [event.result.call_id for event in events if isinstance(event, ToolFinished)]
        assert [fact.seq for fact in facts[end:]] == list(range(end + 1, len(facts) + 1))


def test_healing_cut_short_is_healed_again() -> None:
    for end in range(len(FACTS) + 1):
        facts = healed(FACTS[:end])
        assert healing(facts, next_seq=99, at=1.5) == []
        for again in range(end, len(facts)):
            assert fold(healed(facts[:again])).messages == fold(facts).messages


def test_folding_what_was_healed_and_written_gives_the_same() -> None:
    for end in range(len(FACTS) + 1):
        facts = healed(FACTS[:end])
        back = [decode_envelope(encode(fact)) for fact in facts]
        assert back == facts


def test_calls_of_a_cleared_conversation_are_not_answered() -> None:
    facts = [
        Envelope(1, 1.5, TurnStarted(1, UserMessage("x"))),
        Envelope(2, 1.5, MessageFinished(AssistantMessage(tool_calls=(ONE,)))),
        Envelope(3, 1.5, HistoryCleared()),
    ]
    assert [fact.event for fact in healing(facts, next_seq=4, at=1.5)] == [TurnFinished("cancelled", Usage(), 0)]
