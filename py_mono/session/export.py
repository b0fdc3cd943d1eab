"""A session for others to read: its transcript as Markdown, or its facts as JSON lines, both without secrets.

Everything that a model, a tool or a person said stands in a fence or a code span that is longer than any in it
(CommonMark 0.31.2, 4.5 and 6.1): no HTML, picture or link of theirs is one in the transcript.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from py_mono.protocol.announcing import ToolsAnnounced
from py_mono.protocol.approvals import ApprovalDecided
from py_mono.protocol.attempts import AttemptFailed, ModelFellBack
from py_mono.protocol.changes import ChangesDiscarded, ChangesStaged, ChangesUndone
from py_mono.protocol.codec import decode_envelope, encode
from py_mono.protocol.commands import CommandRun
from py_mono.protocol.events import (
    Envelope,
    HistoryCleared,
    MessageFinished,
    MessageSteered,
    ModelBound,
    SessionStarted,
    ToolFinished,
    TurnFinished,
    TurnStarted,
)
from py_mono.protocol.jobs import JobEnded, JobStarted
from py_mono.protocol.ports import Redact
from py_mono.protocol.spending import Spending, Spent
from py_mono.utils.text import clip

_LONGEST = 6_000
"""So many characters are shown of what was not said in a conversation, such as results; how many are left out is said."""

_PATHS = 50


def json_lines(envelopes: Iterable[Envelope], redact: Redact) -> Iterator[str]:
    """The facts as a journal has them, one line each."""
    for envelope in envelopes:
        yield redact(encode(envelope).decode()) + "\n"


def markdown(envelopes: Iterable[Envelope], redact: Redact, harmless: Callable[[str], str]) -> Iterator[str]:
    """The transcript, block by block; ``harmless`` takes out of a text what a terminal acts on."""
    transcript = _Transcript(lambda text: redact(harmless(text)))
    for line in json_lines(envelopes, redact):  # so that nothing is shortened before it is redacted
        envelope = decode_envelope(line.encode())
        if envelope is not None:
            yield from (f"{block}\n\n" for block in transcript.blocks(envelope))
    yield from (f"{block}\n" for block in transcript.costs())


def fence(text: str, language: str = "text") -> str:
    """A block that shows ``text`` as it is, whatever it is."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    marks = "`" * max(3, longest + 1)
    return f"{marks}{language}\n{text.removesuffix(chr(10))}\n{marks}"


def code(text: str) -> str:
    """``text`` in one line, as it is."""
    line = " ".join(text.split()) or "-"
    marks = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    return f"{marks} {line} {marks}" if line.startswith("`") or line.endswith("`") else f"{marks}{line}{marks}"


class _Transcript:
    """Makes blocks of facts, and adds up what they cost."""

    def __init__(self, shown: Callable[[str], str]) -> None:
        self._shown = shown
        self._session, self._turn = Spending(), Spending()

    def blocks(self, envelope: Envelope) -> Iterator[str]:
        event = envelope.event
        if isinstance(event, TurnStarted):
            self._turn = Spending()
            yield f"## Turn {event.turn}, {_when(envelope.at)}"
        self._session.apply(event)
        self._turn.apply(event)
        if isinstance(event, TurnFinished):
            yield from self._end(event)
        elif isinstance(event, SessionStarted):
            yield from self._begin(event, envelope.at)
        elif (tell := _TELL.get(type(event))) is not None:
            yield from tell(event, self._fenced, self._inline)

    def costs(self) -> Iterator[str]:
        """A table by model."""
        models = self._session.models
        yield "## Tokens and cost\n"
        if not models:
            yield "Nothing was asked."
            return
        yield "| model | requests | failed | in | cached | out | cost |"
        yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
        for model, spent in models.items():
            yield _row(self._inline(model or "the model").replace("|", "\\|"), spent)
        yield _row("in all", self._session.total)

    def _fenced(self, text: str, language: str = "text", *, whole: bool = False) -> str:
        shown = self._shown(text)
        return fence(shown if whole else clip(shown, _LONGEST), language)

    def _inline(self, text: str) -> str:
        return code(self._shown(text))

    def _begin(self, event: SessionStarted, at: float) -> Iterator[str]:
        lines = [f"- begun: {_when(at)}", f"- workspace: {self._inline(event.workspace)}"]
        lines += [f"- py-mono: {self._inline(event.version)}"]
        lines += [f"- a copy of: {self._inline(event.parent)}"] if event.parent else []
        yield f"# Session {self._inline(event.session_id)}"
        yield "\n".join(lines)

    def _end(self, event: TurnFinished) -> Iterator[str]:
        usage = event.usage
        cost = f", {self._inline(self._turn.cost)}" if self._turn.total.requests else ""
        tokens = f"{usage.input_tokens:,} tokens in ({usage.cached_tokens:,} cached), {usage.output_tokens:,} out"
        steps = "1 step" if event.steps == 1 else f"{event.steps} steps"
        yield f"*The turn ended: {event.stop_reason}; {steps}, {tokens}{cost}.*"
        if event.error is not None:
            yield self._fenced(f"{event.error.message}\n{event.error.remedy}")


_Fenced = Callable[..., str]
_Inline = Callable[[str], str]


def _said(event: TurnStarted, fenced: _Fenced, _: _Inline) -> Iterator[str]:
    yield "**User:**"
    yield fenced(event.message.text, whole=True)


def _steered(event: MessageSteered, fenced: _Fenced, _: _Inline) -> Iterator[str]:
    yield "**User, meanwhile:**" if event.origin == "user" else "**Note to the model:**"
    yield fenced(event.message.text, whole=True)


def _announced(event: ToolsAnnounced, fenced: _Fenced, _: _Inline) -> Iterator[str]:
    yield "**Note to the model:**"
    yield fenced(event.message.text, whole=True)


def _replied(event: MessageFinished, fenced: _Fenced, inline: _Inline) -> Iterator[str]:
    message = event.message
    yield f"**Model** {inline(message.model or 'unnamed')}:"
    if message.reasoning.strip():
        yield "Thinking:"
        yield fenced(message.reasoning, whole=True)
    if message.text.strip():
        yield "Text:"
        yield fenced(message.text, whole=True)
    for call in message.tool_calls:
        yield f"Call of {inline(call.name)}:"
        if call.malformed:
            yield fenced(call.malformed)
        else:
            arguments = msgspec.json.format(encode(call.arguments), indent=2).decode()
            yield fenced(arguments, "json")


def _answered(event: ToolFinished, fenced: _Fenced, inline: _Inline) -> Iterator[str]:
    result = event.result
    yield f"Result of {inline(result.name)}{', failed' if result.is_error else ''} ({event.duration_ms:,} ms):"
    yield fenced(result.content)
    diff = result.details.get("diff")
    if isinstance(diff, str) and diff:
        yield fenced(diff, "diff")


def _ran(event: CommandRun, fenced: _Fenced, _: _Inline) -> Iterator[str]:
    yield f"## Turn {event.turn}, a command of the user's{', failed' if event.failed else ''}"
    yield fenced(event.message.text if event.message else event.command)


def _changed(event: ChangesStaged, _: _Fenced, inline: _Inline) -> Iterator[str]:
    lines = [f"- {change.kind}: {inline(change.path)}" for change in event.changes[:_PATHS]]
    lines += [f"- and {len(event.changes) - _PATHS:,} more"] if len(event.changes) > _PATHS else []
    if lines:
        yield "\n".join(["Files:", "", *lines])


def _line(event: Any, _: _Fenced, inline: _Inline) -> Iterator[str]:  # noqa: ANN401 - any of those below
    match event:
        case ModelBound(provider=provider, model=model, once=once):
            text = f"{inline(model)} of {inline(provider)} answers{' this once' if once else ''}"
        case AttemptFailed(model=model, attempt=attempt, reason=reason):
            text = f"attempt {attempt} at {inline(model)} brought no reply: {inline(reason)}"
        case ModelFellBack(model=model, to_model=to_model, reason=reason):
            text = f"{inline(to_model)} is asked instead of {inline(model)}: {inline(reason)}"
        case HistoryCleared():
            text = "the conversation was cleared: the model sees nothing of what stands above"
        case ApprovalDecided(kind=kind, what=what, decision=decision):
            text = f"asked about ({kind}): {inline(what)}: {decision}"
        case ChangesUndone(turn=turn, redone=redone):
            text = f"what turn {turn} did to the files was {'brought back' if redone else 'taken back'}"
        case ChangesDiscarded(turn=turn, reason=reason, changes=changes):
            text = f"of what turn {turn} did, {len(changes)} files were not kept ({reason})"
        case JobStarted(job=job, command=command):
            text = f"job {job} runs in the background: {inline(command)}"
        case JobEnded(job=job, reason=reason):
            text = f"job {job} is over: {reason}"
    yield f"*{text[0].upper()}{text[1:]}.*"


_TELL: dict[type, Callable[[Any, _Fenced, _Inline], Iterator[str]]] = {
    TurnStarted: _said,
    MessageSteered: _steered,
    ToolsAnnounced: _announced,
    MessageFinished: _replied,
    ToolFinished: _answered,
    CommandRun: _ran,
    ChangesStaged: _changed,
    **dict.fromkeys(
        (ModelBound, AttemptFailed, ModelFellBack, HistoryCleared, ApprovalDecided, ChangesUndone, ChangesDiscarded),
        _line,
    ),
    JobStarted: _line,
    JobEnded: _line,
}


def _row(name: str, spent: Spent) -> str:
    usage = spent.usage
    counts = (spent.requests, spent.failed, usage.input_tokens, usage.cached_tokens, usage.output_tokens)
    return f"| {name} | {' | '.join(f'{count:,}' for count in counts)} | {spent.short_cost} |"


def _when(at: float) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))
    except (ValueError, OverflowError, OSError):
        return "at an unknown time"
