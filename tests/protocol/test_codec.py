"""JSON in and out."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_mono.protocol.codec import decode_envelope, encode, is_fact
from py_mono.protocol.events import SIGNALS, Envelope, Event, Fact, ModelRetried, Signal, TurnStarted
from py_mono.protocol.history import History
from py_mono.protocol.messages import AssistantMessage, Usage, UserMessage
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
objects = st.dictionaries(st.text(max_size=5), json_values, max_size=3)
texts = st.text(max_size=10)
counts = st.integers(0, 10**9)
amounts = st.floats(0, 100)

st.register_type_strategy(ToolSpec, st.builds(ToolSpec, texts, texts, objects))
st.register_type_strategy(ToolCall, st.builds(ToolCall, texts, texts, objects, texts))
st.register_type_strategy(ToolResult, st.builds(ToolResult, texts, texts, texts, st.booleans(), objects))
st.register_type_strategy(Usage, st.builds(Usage, counts, counts, counts, st.none() | amounts))
st.register_type_strategy(ModelRetried, st.builds(ModelRetried, counts, amounts, texts))
st.register_type_strategy(
    AssistantMessage,
    st.builds(
        AssistantMessage, text=texts, tool_calls=st.lists(st.from_type(ToolCall)).map(tuple), provider_data=objects
    ),
)
envelopes = st.builds(Envelope, st.integers(1, 10**9), st.floats(0, 4e9), st.from_type(Event))  # type: ignore[arg-type]


@given(envelopes)
def test_every_event_survives_the_way_to_a_line_and_back(envelope: Envelope) -> None:
    line = encode(envelope)
    assert b"\n" not in line
    assert decode_envelope(line) == envelope
    assert encode(decode_envelope(line)) == line


def test_facts_of_a_newer_version_are_skipped() -> None:
    assert decode_envelope(b'{"seq": 3, "at": 1.5, "event": {"type": "moon_landed", "crew": 3}}') is None


@pytest.mark.parametrize(
    "line",
    [
        b"", b"{", b"null", b"[]", b'{"seq": 1}', b'{"seq": 1, "at": 2, "event": {}}', b"\xff",
        b'{"seq": 1, "at": 2, "event": {"type": "turn_started"}}',
        b'{"seq": "x", "at": 2, "event": {"type": "moon_landed"}}',
    ],
)  # fmt: skip
def test_what_is_no_envelope_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_envelope(line)


def test_every_event_is_a_fact_or_a_signal() -> None:
    facts, signals = set(get_args(Fact)), set(get_args(Signal))
    assert set(get_args(Event)) == facts | signals
    assert not facts & signals
    assert set(SIGNALS) == signals
    assert all(kind.__doc__ for kind in facts | signals)


@given(st.lists(envelopes, max_size=12))
def test_folding_needs_facts_only(stream: list[Any]) -> None:
    every, facts = History(), History()
    for envelope in stream:
        every.apply(envelope.event)
        if is_fact(envelope.event):
            facts.apply(envelope.event)
    assert every.messages == facts.messages
    assert (every.prompt, every.session, every.model, every.turns) == (
        facts.prompt, facts.session, facts.model, facts.turns,
    )  # fmt: skip


def test_a_message_keeps_what_only_its_provider_understands() -> None:
    message = AssistantMessage(text="a", provider_data={"signature": "b", "n": [1, None]})
    assert encode(message) == encode(AssistantMessage(text="a", provider_data={"signature": "b", "n": [1, None]}))
    assert encode(UserMessage("ä\u2028")) == '{"role":"user","text":"ä\u2028"}'.encode()


def test_names_that_are_not_utf8_can_be_written() -> None:
    event = Envelope(1, 1.0, TurnStarted(1, UserMessage("list caf\udce9 \U0001f600")))
    assert decode_envelope(encode(event)) == Envelope(1, 1.0, TurnStarted(1, UserMessage("list caf\ufffd \U0001f600")))
