from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_mono.protocol.events import (
    Envelope,
    Event,
    MessageFinished,
    ReasoningDelta,
    TextDelta,
    ToolFinished,
    ToolOutput,
)
from py_mono.protocol.messages import AssistantMessage
from py_mono.protocol.tools import ToolResult
from py_mono.security.redact import Redactor
from py_mono.ui.secretless import Pieces, Secretless

KNOWN = "correct/horse battery+staple"
GROQ = "gsk_Zk3vQ9xW7hT2mB5nC8pL4rY6"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"


def passed_on(*events: Event) -> list[Event]:
    found: list[Envelope] = []
    secretless = Secretless(found.append, Redactor([KNOWN]))
    for number, event in enumerate(events, 1):
        secretless(Envelope(number, 0.0, event))
    return [envelope.event for envelope in found]


def text_of(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


@pytest.mark.parametrize(
    "secret", [KNOWN, GROQ, JWT, "Authorization: Bearer abc123def456", "https://me:hunter22@host/"]
)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_secret_in_pieces_is_taken_out(secret: str, size: int) -> None:
    text = f"see {secret} and {secret}, there"
    deltas = [TextDelta(text[at : at + size]) for at in range(0, len(text), size)]
    shown = text_of(passed_on(*deltas, MessageFinished(AssistantMessage("done"))))
    assert "[redacted:" in shown
    for begun in (secret[:3], secret[:2], secret[:1]):  # too little to be held back, and no secret
        shown = shown.replace(f" {begun}[redacted:", " [redacted:")
    assert shown == Redactor([KNOWN])(text)


@given(
    st.lists(st.sampled_from([*"gs_-k: eyJ.A\n", "sk-", "gsk_", "earer ", "://", "correct", KNOWN, GROQ]), max_size=30)
)
def test_nothing_else_is_lost_or_changed(pieces: list[str]) -> None:
    text = "".join(pieces)
    if Redactor([KNOWN])(text) == text:
        assert text_of(passed_on(*map(TextDelta, pieces), MessageFinished(AssistantMessage("")))) == text


def test_what_is_no_secret_does_not_wait() -> None:
    pieces = Pieces(Redactor([KNOWN]))
    assert [pieces.feed(word) for word in ("open ", "line", " of", " task")] == ["open ", "line", " of", " task"]


def test_channels_do_not_mix_and_what_is_held_comes_before_what_follows() -> None:
    assert passed_on(
        TextDelta("a gsk_Zk3v"),
        ToolOutput("1", "b gsk_"),
        ToolOutput("2", "c"),
        ReasoningDelta("d"),
        ToolOutput("1", "x"),
    ) == [
        TextDelta("a "),
        ToolOutput("1", "b "),
        ToolOutput("2", "c"),
        TextDelta("gsk_Zk3v"),
        ToolOutput("1", "gsk_"),
        ReasoningDelta("d"),
        ToolOutput("1", "x"),
    ]


def test_whole_events_are_cleaned_before_anybody_cuts_them() -> None:
    result = ToolFinished(ToolResult("1", "shell", f"it is {GROQ}"), 5)
    assert passed_on(result) == [ToolFinished(ToolResult("1", "shell", "it is [redacted:groq-key]"), 5)]
