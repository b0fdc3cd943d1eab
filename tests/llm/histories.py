"""Conversations as the agent makes them: facts folded by ``History``, replies in the shapes of every server, cut anywhere and healed."""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from py_mono.llm.call_ids import with_unique_ids
from py_mono.protocol.changes import ChangesUndone
from py_mono.protocol.commands import CommandRun
from py_mono.protocol.events import (
    Envelope,
    Event,
    HistoryCleared,
    MessageFinished,
    MessageSteered,
    StepStarted,
    ToolFinished,
    ToolStarted,
    TurnFinished,
    TurnStarted,
)
from py_mono.protocol.history import History
from py_mono.protocol.messages import AssistantMessage, Message, StopReason, Usage, UserMessage
from py_mono.protocol.tools import Change, ToolCall, ToolResult
from py_mono.session.heal import healing

MODELS = {
    "lfm2.5-thinking:latest": ("", "call_1"),
    "openai/gpt-5-mini": ("call_PTLP8xhu3uwZk4l3nlnrrJha", "call_2"),
    "anthropic/claude-haiku-4-5": ("toolu_01MGfYUzYRGHiSFpNfAo7RHs", "srvtoolu_01a"),
    "anthropic/claude-sonnet-4-5": ("toolu_01NGSZ6A8jPBzZr8prgLzR7P",),
    "gemini/gemini-2.5-flash": ("",),
    "gemini/gemini-flash-latest": ("",),
    "groq/moonshotai/kimi-k2-instruct": ("functions.shell:0", "functions.shell:1"),
    "mistral/mistral-large-latest": ("D681PevKs", "x1y2z3w4v"),
    "moonshot/kimi-k2.5": ("shell:0",),
    "hosted_vllm/m": ("chatcmpl-tool-5d7ce3a2c3044bd5a0b1bd0a3dc6b3f1", "call_a b/c"),
    "openrouter/x/y": ("call_x__thought__c2ln", "ü" * 90, "fc_0f0e50a1476a6c35006912c58dc9f8819192c25864eb16f07f", " "),
}
"""What answers, and the ids that it gives its calls."""

NAMES = (
    "read_file",
    "shell",
    "gone_since",
    "mcp.files/read file",
    "9lives",
    "-dash",
    "",
    "ü",
    "n" * 300,
    "default_api:shell",
)
_TEXTS = ("", " ", "\n\n", "I look.", "Done. ", "ä\u0000\u2028🙂", "</tool_response>", "x" * 9000)
_SAID = ("go", "", "  ", "and now?\n", "[note]")
_ARGUMENTS: tuple[dict[str, Any], ...] = ({}, {"path": "a"}, {"path": "ä", "n": [1, None, {"x": 1.5}]})


def signature(model: str) -> str:
    """What the model signs with."""
    return f"signed-by-{model}"


def thought(model: str) -> str:
    """What the model thinks."""
    return f"thought-by-{model}"


@dataclass(frozen=True)
class Asked:
    """The conversation at a request."""

    messages: tuple[Message, ...]


class _Maker:
    """Makes facts in the order that ``protocol/events.py`` promises."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.facts: list[Event] = []
        self.history = History()
        self.draw = draw

    def emit(self, fact: Event) -> None:
        self.facts.append(fact)
        self.history.apply(fact)

    def maybe(self) -> bool:
        return self.draw(st.integers(0, 3)) == 0

    def one(self, values: Any) -> Any:
        return self.draw(st.sampled_from(values))

    def turn(self, number: int) -> None:
        if self.maybe():
            self.emit(MessageSteered(UserMessage("[job 1 ended]"), "job"))
        self.emit(TurnStarted(number, UserMessage(self.one(_SAID))))
        for step in range(self.draw(st.integers(0, 3))):
            if not self.step(step):
                break
        self.emit(TurnFinished("end", Usage(), 1))

    def step(self, number: int) -> bool:
        """One request and what comes of it; whether there is another."""
        self.emit(StepStarted(number, "m", "d"))
        if self.maybe():
            return False  # the server failed, or the person left
        message = self.reply()
        self.emit(MessageFinished(message))
        for call in message.tool_calls:
            self.emit(ToolStarted(call))
        for call in message.tool_calls:
            text = self.one(("cancelled", *_TEXTS))
            self.emit(ToolFinished(ToolResult(call.id, call.name, text, is_error=self.maybe()), 1))
        for _ in range(self.draw(st.integers(0, 2)) if self.maybe() else 0):
            self.emit(MessageSteered(UserMessage(self.one(_SAID))))
        return isinstance(self.history.messages[-1], UserMessage) or bool(message.tool_calls)

    def reply(self) -> AssistantMessage:
        model = self.one(sorted(MODELS))
        raw = [self.call(model) for _ in range(self.draw(st.integers(0, 3)))]
        calls = with_unique_ids(raw, self.history.messages)
        text = self.one(_TEXTS) if calls else self.one([text for text in _TEXTS if text.strip()])
        reason: StopReason = "tool_use" if calls else self.one(("end", "length"))
        thinks = not self.maybe()
        return AssistantMessage(
            text=text,
            reasoning=thought(model) if thinks else "",
            tool_calls=calls,
            model=model,
            stop_reason=reason,
            provider_data=_kept(model, calls) if thinks else {},
        )

    def call(self, model: str) -> ToolCall:
        malformed = self.one(("", "", '{"half'))
        arguments = {} if malformed else self.one(_ARGUMENTS)
        return ToolCall(self.one(MODELS[model]), self.one(NAMES), arguments, malformed)

    def between(self, number: int) -> None:
        kind = self.draw(st.integers(0, 5))
        if kind == 0:
            self.emit(CommandRun(number, "ls", failed=False, duration_ms=1, message=UserMessage("[ran ls]")))
        elif kind == 1:
            self.emit(ChangesUndone(number, "a", "b", changes=(Change("x", "added"),)))
        elif kind == 2:
            self.emit(HistoryCleared())


def _kept(model: str, calls: tuple[ToolCall, ...]) -> dict[str, Any]:
    if model.startswith("anthropic/"):
        blocks = [
            {"type": "thinking", "thinking": thought(model), "signature": signature(model)},
            {"type": "redacted_thinking", "data": signature(model)},
        ]
        return {"thinking_blocks": blocks}
    if model.startswith("gemini/") and calls:
        return {"thought_signatures": {calls[0].id: signature(model)}}
    return {}


@st.composite
def sessions(draw: st.DrawFn) -> list[Asked]:
    """The requests of a session, its last one after a crash and a resume."""
    maker = _Maker(draw)
    for number in range(1, draw(st.integers(1, 4)) + 1):
        maker.turn(number)
        if number > 1:
            maker.between(number)
    facts = maker.facts
    cut = draw(st.integers(1, len(facts)))
    kept = [Envelope(seq, 0.0, fact) for seq, fact in enumerate(facts[:cut])]
    kept += healing(kept, next_seq=cut, at=0.0)
    kept.append(Envelope(0, 0.0, TurnStarted(9, UserMessage("go on"))))
    asked = []
    history = History()
    for envelope in kept:
        if isinstance(envelope.event, StepStarted):
            asked.append(Asked(tuple(history.messages)))
        history.apply(envelope.event)
    return [*asked, Asked(tuple(history.messages))]
