"""What a script is made of once it is read."""

from typing import Literal

from msgspec import Struct, field

from py_mono.protocol.errors import (
    AccessDenied,
    BadResponse,
    ContextTooLong,
    ModelNotFound,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)
from py_mono.protocol.messages import StopReason, Usage
from py_mono.protocol.tools import ToolCall

FAULTS: dict[str, type[ProviderError]] = {
    "provider": ProviderError,
    "unavailable": ProviderUnavailable,
    "rate_limited": RateLimited,
    "access_denied": AccessDenied,
    "model_not_found": ModelNotFound,
    "context_too_long": ContextTooLong,
    "bad_response": BadResponse,
}
"""The kinds of ``fault:``."""


class Expectation(Struct, frozen=True):
    """A text that a place of the request must hold (or, ``absent``, must not)."""

    line: int
    place: str
    text: str
    absent: bool


class Say(Struct, frozen=True):
    """A piece of text, or of reasoning."""

    text: str
    reasoning: bool


Phase = Literal["connecting", "loading", "first_token"]


class Wait(Struct, frozen=True):
    """Nothing happens for so many seconds; ``phase`` is shown meanwhile where there is one."""

    seconds: float
    phase: Phase | None = None


class Cut(Struct, frozen=True):
    """The stream breaks and the request is sent again: what the reply held so far is void."""

    reason: str


class Fault(Struct, frozen=True):
    """The request fails."""

    kind: str
    message: str
    remedy: str = ""


Step = Say | Wait | Cut | Fault | ToolCall


class Reply(Struct):
    """One block of a script.

    Attributes:
        line: Where it begins, from 1.
        expectations: Checked against the request before anything is played.
        steps: Played in order.
        usage: What the reply says it took, or the request that failed.
        stop: Its stop reason; None derives it from the calls.
        repeat: How many requests it answers.
    """

    line: int
    expectations: list[Expectation] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    usage: Usage = Usage(cost_usd=0.0)
    stop: StopReason | None = None
    repeat: int = 1
