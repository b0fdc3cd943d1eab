"""What user, model and tools say; the conversation is a list of these."""

from typing import Any, Literal

from msgspec import Struct, field
from msgspec.structs import force_setattr

from py_mono.protocol.tools import ToolCall, ToolResult
from py_mono.utils.money import exact

StopReason = Literal["end", "tool_use", "length"]
"""Why a reply ended: it was complete, it asks for tools, or the output limit cut it."""


_MOST = 1 << 53
"""Tokens: of larger numbers JSON is not sure."""


class Usage(Struct, frozen=True):
    """What a request (or a turn: the sum) took, in tokens.

    Attributes:
        input_tokens: Tokens of the prompt, cached ones included.
        output_tokens: Tokens the model produced, reasoning included.
        cached_tokens: Those of the prompt that the server took from its cache, where it says so.
        cost_usd: US dollars (``utils.money.exact``); None where the price is not known. A local model costs 0.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float | None = None

    def __post_init__(self) -> None:
        """Whoever gives them, a sum or a server that lies included: a price is an amount, or not known, and counts are counts."""
        if self.cost_usd:
            force_setattr(self, "cost_usd", exact(self.cost_usd))
        if not (
            0 <= self.input_tokens <= _MOST and 0 <= self.output_tokens <= _MOST and 0 <= self.cached_tokens <= _MOST
        ):
            for name in ("input_tokens", "output_tokens", "cached_tokens"):
                force_setattr(self, name, min(max(getattr(self, name), 0), _MOST))

    def __add__(self, other: "Usage") -> "Usage":
        """The sum; the cost is unknown as soon as one side's is."""
        known = self.cost_usd is not None and other.cost_usd is not None
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
            (self.cost_usd or 0.0) + (other.cost_usd or 0.0) if known else None,
        )


class UserMessage(Struct, frozen=True, tag="user", tag_field="role"):
    """What the person (or the agent on their behalf, as a note) says."""

    text: str


class AssistantMessage(Struct, frozen=True, tag="assistant", tag_field="role"):
    """A whole reply of the model.

    Attributes:
        text: What it says to the person.
        reasoning: Its thinking; a channel of its own, never an answer.
        tool_calls: What it asks for, in order.
        model: The model that replied.
        usage: What the request took.
        stop_reason: Why the reply ended.
        provider_data: Signatures and the like; opaque to all but the provider that made them.
    """

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    model: str = ""
    usage: Usage = field(default_factory=Usage)
    stop_reason: StopReason = "end"
    provider_data: dict[str, Any] = field(default_factory=dict)


class ToolMessage(Struct, frozen=True, tag="tool", tag_field="role"):
    """The result of one call, as it stands in the conversation."""

    result: ToolResult


Message = UserMessage | AssistantMessage | ToolMessage
