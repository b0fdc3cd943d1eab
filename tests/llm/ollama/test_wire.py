import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_mono.llm.ollama.reply import Lines
from py_mono.llm.ollama.wire import ModelFacts, RequestEncoder, body_error, decode_chunk, decode_show, decode_tags
from py_mono.protocol.errors import BadResponse
from py_mono.protocol.messages import AssistantMessage, Message, ToolMessage, UserMessage
from py_mono.protocol.ports import ModelRequest
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
MESSAGE: st.SearchStrategy[Message] = st.one_of(
    st.builds(UserMessage, TEXT),
    st.builds(
        AssistantMessage,
        TEXT,
        TEXT,
        st.lists(st.builds(ToolCall, TEXT, TEXT, st.dictionaries(TEXT, TEXT, max_size=2)), max_size=2).map(tuple),
    ),
    st.builds(ToolMessage, st.builds(ToolResult, TEXT, TEXT, TEXT)),
)
TOOLS = (ToolSpec("t", "d", {"type": "object"}),)


def encoder() -> RequestEncoder:
    return RequestEncoder("m", num_ctx=4096, keep_alive="30m")


@given(st.lists(MESSAGE, max_size=8), st.integers(0, 8), st.lists(MESSAGE, max_size=3))
def test_bytes_depend_on_the_request_alone_and_grow_only_at_the_end(
    messages: list[Message], kept: int, others: list[Message]
) -> None:
    used = encoder()
    whole = used.encode(ModelRequest("s", tuple(messages), TOOLS), None)
    shorter = ModelRequest("s", tuple(messages[:kept]), TOOLS)
    assert whole.startswith(used.encode(shorter, None).removesuffix(b"]}"))
    edited = ModelRequest("s", (*messages[:kept], *others), TOOLS)
    assert used.encode(edited, None) == encoder().encode(edited, None)
    assert json.loads(whole)["messages"][0] == {"role": "system", "content": "s"}


@pytest.mark.parametrize(("text", "sent"), [("30m", "30m"), ("-1", -1), ("0", 0)])
def test_keep_alive_is_a_number_where_ollama_wants_one(text: str, sent: object) -> None:
    body = RequestEncoder("m", num_ctx=1, keep_alive=text).encode(ModelRequest("s", (), ()), think=True)
    assert json.loads(body) == {
        "model": "m",
        "stream": True,
        "keep_alive": sent,
        "truncate": False,
        "shift": False,
        "options": {"num_ctx": 1},
        "think": True,
        "messages": [{"role": "system", "content": "s"}],
    }


@given(st.binary(max_size=60))
def test_any_bytes_are_a_chunk_or_a_value_error(data: bytes) -> None:
    for decode in (decode_chunk, decode_show, decode_tags):
        try:
            decode(data)
        except ValueError:
            continue
    assert isinstance(body_error(data), str)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["message", "done", "done_reason", "error", "prompt_eval_count", "models", "model_info"])


@given(st.dictionaries(NAMES, JSON))
def test_any_types_are_a_chunk_or_a_value_error(members: dict[str, object]) -> None:
    data = msgspec.json.encode(members)
    for decode in (decode_chunk, decode_show, decode_tags):
        try:
            decode(data)
        except ValueError:
            continue
    assert isinstance(body_error(data), str)


def test_facts_are_read_from_any_architecture() -> None:
    shown = {"model_info": {"a.context_length": 4096, "b.context_length": True, "x": 1}, "capabilities": ["tools"]}
    assert decode_show(json.dumps(shown).encode()) == ModelFacts(4096, frozenset({"tools"}))
    assert decode_show(b'{"model_info": {"b.context_length": true}}') == ModelFacts()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"error": "plain"}', "plain"),
        (b'{"error": {"message": "nested"}}', "nested"),
        (b'{"error": 7}', ""),
        (b"404 page\nnot found", "404 page not found"),
        (b"", ""),
    ],
)
def test_the_words_of_an_error_are_found(body: bytes, text: str) -> None:
    assert body_error(body) == text


@given(st.lists(st.binary(max_size=12)))
def test_lines_are_the_same_however_the_bytes_arrive(pieces: list[bytes]) -> None:
    lines = Lines(1 << 20)
    found = [line for piece in pieces for line in lines.feed(piece)] + list(lines.end())
    assert found == [line for line in b"".join(pieces).split(b"\n") if line.strip()]


def test_a_line_that_never_ends_is_given_up_before_it_fills_the_memory() -> None:
    lines = Lines(1 << 20)
    for _ in range(16):
        assert list(lines.feed(b"x" * 65536)) == []
    with pytest.raises(BadResponse, match="longer than 1 MiB"):
        list(lines.feed(b"x"))
