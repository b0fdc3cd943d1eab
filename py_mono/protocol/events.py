"""Everything the agent lets out: facts, which are kept, and signals, which may be lost.

Order, which subscribers may rely on:

* facts reach the journal before any other subscriber;
* each ``TurnStarted`` has exactly one ``TurnFinished``;
* within a turn, each ``StepStarted`` is followed by one ``MessageFinished`` or by the turn's end; between them stand an
  ``AttemptFailed`` for each request that brought no reply, and a ``ModelFellBack`` where another model is asked instead;
* each ``ToolStarted`` has one ``ToolFinished`` before the next ``StepStarted`` or ``TurnFinished``;
* ``CommandRun`` stands between turns, and what its command did to the workspace right after it;
* ``ToolFinished`` come in the order of the calls, also where the calls ran side by side;
* each ``JobStarted`` comes before the ``ToolFinished`` of its call, and has one ``JobEnded``: at any time, also between
  turns, and at the latest when the session is closed or, after a crash, resumed;
* a session is its facts: folding them gives the conversation.
"""

from typing import Literal

from msgspec import Struct

from py_mono.protocol.announcing import ToolsAnnounced
from py_mono.protocol.approvals import ApprovalDecided, ApprovalRequested
from py_mono.protocol.attempts import AttemptFailed, ModelFellBack
from py_mono.protocol.changes import ChangesCommitted, ChangesDiscarded, ChangesStaged, ChangesUndone, CheckpointTaken
from py_mono.protocol.commands import CommandRun
from py_mono.protocol.event_base import TaggedEvent
from py_mono.protocol.jobs import JobEnded, JobStarted
from py_mono.protocol.messages import AssistantMessage, Usage, UserMessage
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec

TurnStop = Literal["end", "cancelled", "max_steps", "max_tokens", "max_budget", "repeated_calls", "length", "error"]
"""Why a turn ended. ``end`` is the only one that means done."""


# --- facts -------------------------------------------------------------------------------------


class SessionStarted(TaggedEvent, frozen=True):
    """The first fact of a session.

    Attributes:
        session_id: What ``-r`` takes.
        workspace: Its absolute path.
        version: Of py-mono.
        parent: The session it was forked from, or empty.
    """

    session_id: str
    workspace: str
    version: str
    parent: str = ""


class ModelBound(TaggedEvent, frozen=True, omit_defaults=True):
    """From here on this model answers.

    Attributes:
        provider: The registry's name for whose it is.
        model: As the provider calls it.
        once: For this turn alone; before its end the one before is bound again.
    """

    provider: str
    model: str
    once: bool = False


class PromptFrozen(TaggedEvent, frozen=True):
    """The front of every request from here on; emitted before the first step that uses it."""

    system: str
    tools: tuple[ToolSpec, ...]


class TurnStarted(TaggedEvent, frozen=True):
    """A person's message starts a turn; ``turn`` counts from 1 in a session."""

    turn: int
    message: UserMessage


class MessageSteered(TaggedEvent, frozen=True):
    """A message put into the running turn between two steps: typed by the person, or a note.

    One on background commands that ended since the last request may also come right before ``TurnStarted``.

    Attributes:
        message: What is said.
        origin: Who says it: the person, a guard, or whoever tells of the end of a background command.
    """

    message: UserMessage
    origin: Literal["user", "guard", "job"] = "user"


class StepStarted(TaggedEvent, frozen=True):
    """A request is about to go to the model.

    Attributes:
        step: Counts from 1 in a turn.
        model: The model asked.
        request_digest: BLAKE2b-128, hex, over the redacted request (``digest.PrefixDigest``).
    """

    step: int
    model: str
    request_digest: str


class PrefixBroken(TaggedEvent, frozen=True):
    """A request does not extend the one before it, so that the server's cache of it is lost from here on.

    Attributes:
        part: Which part differs first.
        index: Of the first message that differs; -1 for system prompt, tools and model.
        cause: In words.
    """

    part: Literal["system", "tools", "model", "message"]
    index: int
    cause: str


class ContextChecked(TaggedEvent, frozen=True):
    """What a server's own numbers say about whether the model saw the whole prompt; before the reply's ``MessageFinished``.

    Where they prove that it did not, there is no such event and no reply: the turn ends with ``context_truncated``.

    Attributes:
        verdict: ``seen``, or ``unverified`` where the numbers are low or missing and prove nothing.
        sent_tokens: What was sent, by our own estimate.
        counted_tokens: What the server counted, cached tokens included; 0 where it gave no number.
        window: The context window that was asked for, in tokens; 0 where unknown.
        reason: Why it is not verified, in words; else empty.
    """

    verdict: Literal["seen", "unverified"]
    sent_tokens: int
    counted_tokens: int
    window: int
    reason: str = ""


class MessageFinished(TaggedEvent, frozen=True):
    """The model's whole reply. A reply that was cut is never one."""

    message: AssistantMessage


class ToolStarted(TaggedEvent, frozen=True):
    """A call is about to run (or to be refused)."""

    call: ToolCall


class ToolFinished(TaggedEvent, frozen=True):
    """A call's result; ``duration_ms`` is wall time, 0 for calls that did not run."""

    result: ToolResult
    duration_ms: int


class HistoryCleared(TaggedEvent, frozen=True):
    """The conversation starts afresh; what stood before it is no longer shown to the model."""


class ErrorInfo(Struct, frozen=True):
    """An exception as an event tells it: ``PyMonoError.kind``, message, remedy."""

    kind: str
    message: str
    remedy: str = ""


class TurnFinished(TaggedEvent, frozen=True):
    """The turn is over, whatever happened in it.

    Attributes:
        stop_reason: Why.
        usage: The sum over its requests, those that brought no reply included.
        steps: How many requests it made.
        error: What went wrong (``error``) or which limit was reached, in words; else None.
    """

    stop_reason: TurnStop
    usage: Usage
    steps: int
    error: ErrorInfo | None = None


# --- signals -----------------------------------------------------------------------------------


class TextDelta(TaggedEvent, frozen=True):
    """A piece of the reply's text."""

    text: str


class ReasoningDelta(TaggedEvent, frozen=True):
    """A piece of the model's thinking."""

    text: str


class ToolOutput(TaggedEvent, frozen=True):
    """A piece of a running tool's output, terminal escapes removed."""

    call_id: str
    text: str


class ModelWaiting(TaggedEvent, frozen=True):
    """What a request waits for."""

    phase: Literal["connecting", "loading", "first_token"]


class ModelRetried(TaggedEvent, frozen=True):
    """A request failed and is sent again; pieces of the reply shown so far are void.

    Attributes:
        attempt: The one that failed, from 1.
        wait_s: Seconds until the next.
        reason: In words.
    """

    attempt: int
    wait_s: float
    reason: str


class Notice(TaggedEvent, frozen=True):
    """Something the person should know and nothing depends on."""

    text: str


Fact = (
    SessionStarted
    | ModelBound
    | PromptFrozen
    | TurnStarted
    | MessageSteered
    | ToolsAnnounced
    | StepStarted
    | PrefixBroken
    | ContextChecked
    | AttemptFailed
    | ModelFellBack
    | MessageFinished
    | ToolStarted
    | ApprovalDecided
    | ToolFinished
    | HistoryCleared
    | CommandRun
    | JobStarted
    | JobEnded
    | CheckpointTaken
    | ChangesStaged
    | ChangesCommitted
    | ChangesDiscarded
    | ChangesUndone
    | TurnFinished
)
Signal = TextDelta | ReasoningDelta | ToolOutput | ApprovalRequested | ModelWaiting | ModelRetried | Notice
Event = Fact | Signal

SIGNALS: tuple[type, ...] = (
    TextDelta,
    ReasoningDelta,
    ToolOutput,
    ApprovalRequested,
    ModelWaiting,
    ModelRetried,
    Notice,
)
"""The classes that a journal leaves out."""


class Envelope(Struct, frozen=True):
    """An event with its number in the session (from 1) and its time (seconds since 1970, UTC)."""

    seq: int
    at: float
    event: Event
