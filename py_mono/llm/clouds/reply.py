"""A reply as LiteLLM hands it on, chunk by chunk, put together to one message."""

from collections.abc import Iterator
from typing import Any

import msgspec

from py_mono.llm.call_arguments import call_with
from py_mono.llm.call_cut import call_cut
from py_mono.llm.call_ids import sent_twice, with_unique_ids
from py_mono.llm.clouds import errors
from py_mono.llm.clouds.models import Model
from py_mono.llm.clouds.wire import SIGNATURES, THINKING
from py_mono.protocol.events import ReasoningDelta, TextDelta
from py_mono.protocol.messages import AssistantMessage, Message, Usage
from py_mono.protocol.tools import ToolCall

_MADE_UP_IDS = frozenset(("gemini", "ollama_chat", "vertex_ai"))
"""Whose calls have no ids of their own: LiteLLM draws random ones."""


class _Growing:
    """A tool call whose pieces are still coming."""

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []
        self.signature = ""

    def is_another(self, id_: str, name: str, arguments: str) -> bool:
        """Whether a piece that came under the same number belongs to a further call.

        Some servers number all calls alike, and some give no ids; one that repeats the name says no more than that.
        """
        if id_ and self.id:
            return id_ != self.id
        return bool(name and self.name) and arguments.lstrip().startswith("{") and _is_object("".join(self.arguments))


class Reply:
    """One reply."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[_Growing] = []
        self._open: dict[int, _Growing] = {}
        self._thinking: list[dict[str, Any]] = []
        self._finish = ""
        self._usage: Any = None

    def take(self, chunk: Any) -> Iterator[TextDelta | ReasoningDelta]:  # noqa: ANN401 - LiteLLM's
        """Add a chunk; what it says, as deltas."""
        self._usage = getattr(chunk, "usage", None) or self._usage
        for choice in (getattr(chunk, "choices", None) or ())[:1]:
            self._finish = choice.finish_reason or self._finish
            delta = choice.delta
            for block in getattr(delta, "thinking_blocks", None) or ():
                self._take_thinking(block)
            for piece in getattr(delta, "tool_calls", None) or ():
                self._take_call(piece)
            if reasoning := getattr(delta, "reasoning_content", None):
                self._reasoning.append(reasoning)
                yield ReasoningDelta(reasoning)
            if text := getattr(delta, "content", None):
                self._text.append(text)
                yield TextDelta(text)

    def _take_call(self, piece: Any) -> None:  # noqa: ANN401 - LiteLLM's
        index = piece.index or 0
        id_, name, arguments = piece.id or "", piece.function.name or "", piece.function.arguments or ""
        call = self._open.get(index)
        if call is None or call.is_another(id_, name, arguments):
            call = self._open[index] = _Growing()
            self._calls.append(call)
        call.id = call.id or id_
        call.name = call.name or name
        call.arguments.append(arguments)
        fields = getattr(piece, "provider_specific_fields", None) or {}
        call.signature = fields.get("thought_signature") or call.signature

    def _take_thinking(self, block: dict[str, Any]) -> None:
        """Pieces of a block come one by one, its signature last."""
        last = self._thinking[-1] if self._thinking else {}
        if block.get("type") != "thinking":
            self._thinking.append(dict(block))
        elif last.get("type") != "thinking" or last["signature"]:
            self._thinking.append(
                {"type": "thinking", "thinking": block.get("thinking") or "", "signature": block.get("signature") or ""}
            )
        else:
            last["thinking"] += block.get("thinking") or ""
            last["signature"] = block.get("signature") or ""

    def message(self, earlier: tuple[Message, ...], *, counted: bool, priced: bool, limited: bool) -> AssistantMessage:
        """The whole reply.

        Args:
            earlier: The conversation before it.
            counted: Whether the server counted tokens.
            priced: Whether it is known what they cost.
            limited: Whether the output limit cut it, whatever LiteLLM says.

        Raises:
            Failure: It says nothing.
            ProviderError: It was cut in a tool call, or held back, and says nothing else.
        """
        text, reasoning = "".join(self._text), "".join(self._reasoning)
        cut = limited or self._finish == "length"
        growing = [] if cut else self._calls
        if not growing and not text.strip():
            if self._calls:
                raise call_cut(who=self._model.provider)
            if self._finish == "content_filter":
                raise errors.refused_to_say(self._model)
            raise errors.empty(self._model, cut_short=cut, thought=bool(reasoning.strip()))
        own_ids = self._model.provider not in _MADE_UP_IDS
        made = [call_with("".join(one.arguments), name=one.name, id_=one.id if own_ids else "") for one in growing]
        growing = [one for at, one in enumerate(growing) if not sent_twice(made[at], made[:at])]
        calls = with_unique_ids(made, earlier)
        return AssistantMessage(
            text=text,
            reasoning=reasoning,
            tool_calls=calls,
            model=self._model.name,
            usage=self.used(counted=counted, priced=priced),
            stop_reason="length" if cut else "tool_use" if calls else "end",
            provider_data=self._kept(growing, calls),
        )

    def _kept(self, growing: list[_Growing], calls: tuple[ToolCall, ...]) -> dict[str, Any]:
        """What the provider wants to see again."""
        pairs = zip(growing, calls, strict=True)
        signatures = {call.id: one.signature for one, call in pairs if one.signature}
        blocks = [block for block in self._thinking if block["type"] != "thinking" or block["signature"]]
        return ({THINKING: blocks} if blocks else {}) | ({SIGNATURES: signatures} if signatures else {})

    def used(self, *, counted: bool, priced: bool) -> Usage:
        """What it took as far as the server counted it by now; see ``message`` for the arguments."""
        if not counted:
            return Usage(cost_usd=self._cost(priced=False))
        usage = self._usage
        details = getattr(usage, "prompt_tokens_details", None)
        return Usage(
            _count(usage, "prompt_tokens"),
            _count(usage, "completion_tokens"),
            _count(details, "cached_tokens") or _count(usage, "cache_read_input_tokens"),
            self._cost(priced=priced),
        )

    def _cost(self, *, priced: bool) -> float | None:
        """US dollars: what the server says, else what LiteLLM's table makes of the tokens; None where neither knows."""
        if self._model.provider == "ollama_chat":
            return 0.0
        cost = getattr(self._usage, "cost", None)
        if isinstance(cost, bool) or not isinstance(cost, int | float):
            return None
        return cost if priced or self._model.provider == "openrouter" else None


def _count(usage: object, name: str) -> int:
    value = getattr(usage, name, None)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _is_object(text: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except (ValueError, RecursionError):
        return False
