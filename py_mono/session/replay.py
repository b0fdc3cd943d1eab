"""A session played once more, offline: what was said, what tools answered, and whether the same was asked."""

from collections.abc import Iterable

from msgspec import Struct

from py_mono.protocol.announcing import ToolsAnnounced
from py_mono.protocol.changes import ChangesDiscarded, ChangesUndone
from py_mono.protocol.commands import CommandRun
from py_mono.protocol.events import (
    Envelope,
    Event,
    HistoryCleared,
    MessageFinished,
    MessageSteered,
    ModelBound,
    PromptFrozen,
    StepStarted,
    ToolFinished,
    TurnFinished,
    TurnStarted,
    TurnStop,
)
from py_mono.protocol.jobs import JobEnded, JobStarted
from py_mono.protocol.messages import AssistantMessage, UserMessage
from py_mono.protocol.tools import ToolCall, ToolResult

Between = CommandRun | ChangesUndone | ChangesDiscarded
"""What comes between two turns."""


class RecordedStep(Struct):
    """One request of a recording.

    Attributes:
        steered: What was put in before it, typed by the person or said by a guard (``origin`` says which).
        digest: Of the request.
        reply: None where none came.
        jobs: What background commands did since the request before it, or the turn's start.
        announced: The tools that the model was told of before it.
    """

    steered: tuple[MessageSteered, ...]
    model: str
    digest: str
    reply: AssistantMessage | None = None
    jobs: tuple[JobStarted | JobEnded, ...] = ()
    announced: ToolsAnnounced | None = None


class RecordedTurn(Struct):
    """One turn of a recording.

    Attributes:
        cleared: The conversation was cleared before it.
        bound: The provider and model that answered, where recorded.
        prompt: The front of its requests; None where there was none yet when it ended.
        late: What was put in after its last request.
        stop_reason: None where the recording ends before the turn does.
        ran: What the person did since the turn before it, or since the conversation was cleared, and the model is told.
        jobs: What background commands did since the last request before it.
        announced: The tools that the model was told of for a request that was not made any more.
    """

    message: UserMessage
    cleared: bool = False
    bound: ModelBound | None = None
    prompt: PromptFrozen | None = None
    steps: list[RecordedStep] = []
    late: tuple[MessageSteered, ...] = ()
    stop_reason: TurnStop | None = None
    ran: tuple[Between, ...] = ()
    jobs: tuple[JobStarted | JobEnded, ...] = ()
    announced: ToolsAnnounced | None = None

    def jobs_after(self, step: int) -> tuple[JobStarted | JobEnded, ...]:
        """What background commands did between step number ``step`` (0 is the turn's start) and the next one, if any."""
        return self.steps[step].jobs if step < len(self.steps) else ()

    def steered_after(self, step: int) -> tuple[MessageSteered, ...]:
        """What was put in between step number ``step`` (from 1) and the next one, or the turn's end."""
        return self.steps[step].steered if step < len(self.steps) else self.late


class _Between:
    """What came since the last turn, or the last request, and belongs to the next."""

    def __init__(self) -> None:
        self._cleared = False
        self._ran: tuple[Between, ...] = ()
        self._bound: ModelBound | None = None
        self._prompt: PromptFrozen | None = None
        self._jobs: tuple[JobStarted | JobEnded, ...] = ()

    def apply(self, event: Event) -> None:
        match event:
            case ModelBound():
                self._bound = event
            case PromptFrozen():
                self._prompt = event
            case CommandRun() | ChangesUndone() | ChangesDiscarded():
                self._ran += (event,)
            case JobStarted() | JobEnded():
                self._jobs += (event,)
            case HistoryCleared():
                self._cleared, self._prompt, self._ran = True, None, ()
                self._jobs = tuple(
                    fact for fact in self._jobs if isinstance(fact, JobStarted)
                )  # nobody is told the ends
            case _:
                pass

    def turn(self, message: UserMessage) -> RecordedTurn:
        turn = RecordedTurn(message, self._cleared, self._bound, self._prompt, ran=self._ran, jobs=self.take_jobs())
        self._cleared, self._ran = False, ()
        return turn

    def take_jobs(self) -> tuple[JobStarted | JobEnded, ...]:
        jobs, self._jobs = self._jobs, ()
        return jobs


def turns_of(envelopes: Iterable[Envelope]) -> list[RecordedTurn]:
    """A recording, turn by turn."""
    turns: list[RecordedTurn] = []
    between = _Between()
    for envelope in envelopes:
        event = envelope.event
        between.apply(event)
        if isinstance(event, TurnStarted):
            turns.append(between.turn(event.message))
        elif isinstance(event, StepStarted) and turns:
            turn = turns[-1]
            step = RecordedStep(turn.late, event.model, event.request_digest, None, between.take_jobs(), turn.announced)
            turn.steps.append(step)
            turn.late, turn.announced = (), None
        elif turns:
            _within_turn(turns[-1], event)
    return turns


def _within_turn(turn: RecordedTurn, event: Event) -> None:
    match event:
        case MessageSteered():
            turn.late += (event,)
        case ToolsAnnounced():
            turn.announced = event
        case PromptFrozen() if turn.stop_reason is None:
            turn.prompt = event
        case MessageFinished(message=message) if turn.steps:
            turn.steps[-1].reply = message
        case TurnFinished(stop_reason=reason):
            turn.stop_reason = reason
        case _:
            pass


class RecordedTools:
    """Answers each call with the result the recording has for it, and runs nothing.

    By the call's id; where ids repeat, in the order of the recording. A call it has no result for gets an error that
    says so, which the next request's digest then shows.
    """

    def __init__(self, envelopes: Iterable[Envelope]) -> None:
        self._results: dict[str, list[ToolResult]] = {}
        for envelope in envelopes:
            if isinstance(envelope.event, ToolFinished):
                result = envelope.event.result
                self._results.setdefault(result.call_id, []).append(result)

    def answer(self, call: ToolCall) -> ToolResult:
        """What the recording says this call came to."""
        results = self._results.get(call.id)
        if results:
            return results.pop(0)
        return ToolResult(call.id, call.name, "the recording has no result for this call", is_error=True)


class ReplayedStep(Struct, frozen=True):
    """One request, as recorded and as made again; a digest is empty where there was no such request."""

    turn: int
    step: int
    recorded: str
    replayed: str

    @property
    def equal(self) -> bool:
        """Whether the same was asked."""
        return self.recorded == self.replayed


class ReplayReport(Struct, frozen=True):
    """How a replay compares, request by request."""

    steps: tuple[ReplayedStep, ...]

    @property
    def equal(self) -> bool:
        """Whether every request was the recorded one."""
        return all(step.equal for step in self.steps)

    @property
    def first_difference(self) -> ReplayedStep | None:
        """The first request that was not."""
        return next((step for step in self.steps if not step.equal), None)


def compare(recorded: Iterable[Envelope], replayed: Iterable[Envelope]) -> ReplayReport:
    """The requests of a recording beside those that its replay made, paired by their place: turn and step."""
    left, right = _digests(recorded), _digests(replayed)
    places = sorted(left.keys() | right.keys())
    return ReplayReport(tuple(ReplayedStep(*place, left.get(place, ""), right.get(place, "")) for place in places))


def _digests(envelopes: Iterable[Envelope]) -> dict[tuple[int, int], str]:
    found: dict[tuple[int, int], str] = {}
    turn = 0
    for envelope in envelopes:
        event = envelope.event
        if isinstance(event, TurnStarted):
            turn = event.turn
        elif isinstance(event, StepStarted):
            found[turn, event.step] = event.request_digest
    return found
