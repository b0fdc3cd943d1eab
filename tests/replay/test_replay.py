"""A recorded session is played once more, offline."""

from py_mono.protocol.announcing import ToolsAnnounced
from py_mono.protocol.codec import is_fact
from py_mono.protocol.events import (
    Envelope,
    Event,
    HistoryCleared,
    MessageSteered,
    ModelBound,
    PromptFrozen,
    StepStarted,
    TurnFinished,
    TurnStarted,
)
from py_mono.protocol.jobs import JobEnded, JobStarted
from py_mono.protocol.messages import AssistantMessage, Usage, UserMessage
from py_mono.protocol.tools import ToolCall, ToolResult
from py_mono.security.redact import Redactor
from py_mono.session.replay import (
    RecordedStep,
    RecordedTools,
    RecordedTurn,
    ReplayedStep,
    ReplayReport,
    compare,
    turns_of,
)
from tests.session.facts import ONE, SECRET, TOOLS, TWO, conversation

redact = Redactor([SECRET])
LIVE = [envelope for envelope in conversation(redact) if is_fact(envelope.event)]
STEPS = [fact.event for fact in LIVE if isinstance(fact.event, StepStarted)]
REPLIES = [
    fact.event.message
    for fact in LIVE
    if hasattr(fact.event, "message") and isinstance(fact.event.message, AssistantMessage)
]


def test_a_recording_is_told_turn_by_turn() -> None:
    bound, frozen = ModelBound("scripted", "m1"), PromptFrozen("You work.", TOOLS)
    steered = MessageSteered(UserMessage("faster"))
    digests = [step.request_digest for step in STEPS]
    assert turns_of(LIVE) == [
        RecordedTurn(
            UserMessage(f"do it with {SECRET}, ü"),
            bound=bound,
            prompt=frozen,
            steps=[
                RecordedStep((), "m1", digests[0], REPLIES[0]),
                RecordedStep((steered,), "m1", digests[1], REPLIES[1]),
            ],
            stop_reason="end",
        ),
        RecordedTurn(
            UserMessage("thanks"),
            bound=bound,
            prompt=frozen,
            steps=[RecordedStep((), "m1", digests[2], REPLIES[2])],
            stop_reason="end",
        ),
    ]


def test_what_background_commands_did_belongs_to_the_request_after_it() -> None:
    begun, other = JobStarted(1, "serve", "/o"), JobStarted(2, "watch", "/o")
    ended, lost = JobEnded(1, "exited"), JobEnded(2, "lost")
    turn = TurnFinished("end", Usage(), 2)
    events: list[Event] = [
        TurnStarted(1, UserMessage("go")), begun, StepStarted(1, "m", "a"), ended, StepStarted(2, "m", "b"), other, turn, lost,
        TurnStarted(2, UserMessage("on")), StepStarted(1, "m", "c"),
        HistoryCleared(), TurnStarted(3, UserMessage("anew")),
    ]  # fmt: skip
    first, second, third = turns_of(Envelope(number, 1.0, event) for number, event in enumerate(events))
    assert (first.jobs, first.jobs_after(0), first.jobs_after(1), first.jobs_after(2)) == ((), (begun,), (ended,), ())
    assert (second.jobs, second.jobs_after(0), third.jobs) == ((other, lost), (), ())


def test_what_was_announced_belongs_to_the_request_after_it() -> None:
    one, two = (ToolsAnnounced((name,), UserMessage(name)) for name in ("one", "two"))
    events: list[Event] = [
        TurnStarted(1, UserMessage("go")), one, StepStarted(1, "m", "a"), StepStarted(2, "m", "b"), two,
        TurnFinished("cancelled", Usage(), 2),
        TurnStarted(2, UserMessage("on")), StepStarted(1, "m", "c"),
    ]  # fmt: skip
    first, second = turns_of(Envelope(number, 1.0, event) for number, event in enumerate(events))
    assert [step.announced for step in (*first.steps, *second.steps)] == [one, None, None]
    assert (first.announced, second.announced) == (two, None)


def test_the_end_of_a_background_command_that_was_cleared_away_is_told_to_nobody() -> None:
    events: list[Event] = [
        JobStarted(1, "serve", "/o"),
        JobEnded(1, "lost"),
        HistoryCleared(),
        TurnStarted(1, UserMessage("anew")),
    ]
    (turn,) = turns_of(Envelope(number, 1.0, event) for number, event in enumerate(events))
    assert turn.jobs == (JobStarted(1, "serve", "/o"),)


def test_a_recording_cut_short_has_a_step_without_reply() -> None:
    turns = turns_of(LIVE[:5])
    assert (turns[0].steps[0].reply, turns[0].stop_reason) == (None, None)


def test_tools_answer_from_the_recording() -> None:
    tools = RecordedTools(LIVE)
    assert tools.answer(TWO) == ToolResult("b", "shell", "ä", details={"exit_code": 0})
    assert tools.answer(ONE) == ToolResult("a", "shell", f"{SECRET}\nline\n")


def test_a_call_that_was_not_recorded_gets_an_error() -> None:
    tools = RecordedTools(LIVE)
    tools.answer(ONE)
    for call in (ONE, ToolCall("c", "shell", {})):
        expected = ToolResult(call.id, call.name, "the recording has no result for this call", is_error=True)
        assert tools.answer(call) == expected


def test_two_runs_are_compared_request_by_request() -> None:
    assert compare(LIVE, LIVE).equal
    other = [
        Envelope(1, 1.5, TurnStarted(1, UserMessage("x"))),
        Envelope(2, 1.5, StepStarted(1, "m1", STEPS[0].request_digest)),
        Envelope(3, 1.5, StepStarted(2, "m1", "0000")),
        Envelope(4, 1.5, StepStarted(3, "m1", "1111")),
    ]
    assert compare(LIVE, other) == ReplayReport(
        (
            ReplayedStep(1, 1, STEPS[0].request_digest, STEPS[0].request_digest),
            ReplayedStep(1, 2, STEPS[1].request_digest, "0000"),
            ReplayedStep(1, 3, "", "1111"),
            ReplayedStep(2, 1, STEPS[2].request_digest, ""),
        )
    )
