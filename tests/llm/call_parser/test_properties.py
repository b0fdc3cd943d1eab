"""Whatever text comes, in whatever pieces: no crash, the same result, and no call that a reader would not see."""

import json
import re
from collections.abc import Iterator
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from py_mono.llm.call_parser.cursor import Cursor
from py_mono.llm.call_parser.families import MARKS
from py_mono.llm.call_parser.literals import LiteralReader, read_json
from py_mono.llm.call_parser.parse import Parsed, parse
from py_mono.llm.call_parser.stream import CallStream
from py_mono.protocol.events import TextDelta
from tests.llm.call_parser.samples import READ_ARGUMENTS, READ_JSON, SAMPLES, TOOLS, WRITE_ARGUMENTS, WRITE_JSON

FRAGMENTS = (
    *MARKS,
    "read_file", "write_file", "name", "arguments", "{", "}", "[", "]", "(", ")", '"', "'", ":", ",", ";", "=", "\\", "`",
    "```json\n", "```\n", "```tool_code\n", "```python\n", "~~~\n", "\n", " ", "\t", "Action: read_file\n", "Action Input: ",
    "functools[", "<parameter=path>", "</parameter>", "</function>", "</invoke>", '<parameter name="path">', "<arg_key>path</arg_key>",
    "<arg_value>", "</arg_value>", '<invoke name="read_file">', "<function=read_file>", "[ARGS]", "[CALL_ID]", "<|message|>",
    "<|channel|>commentary to=functions.read_file<|message|>", "<|tool_call_argument_begin|>", "functions.read_file:0",
    "<\uff5ctool\u2581sep\uff5c>", "call:read_file{", "path:<escape>a<escape>", '{"name": "', '{"name": "read_file", "arguments": ',
    '{"path": "', "read_file(path='a')", "path=", "True", "null", "1", "-", "1e9999", "9" * 400, "\\ud800", "\u202e", "\0", "é",
    "// c\n", "/* ", "*/", "#", READ_JSON, WRITE_JSON, READ_ARGUMENTS, WRITE_ARGUMENTS, "I will read it. ", ">", "“", "”",
)  # fmt: skip
TEXTS = st.one_of(
    st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join),
    st.tuples(st.sampled_from(SAMPLES), st.sampled_from(FRAGMENTS), st.integers(0, 400)).map(
        lambda drawn: drawn[0].printed[: drawn[2]] + drawn[1] + drawn[0].printed[drawn[2] :]
    ),
    st.lists(st.sampled_from([sample.printed for sample in SAMPLES]), max_size=3).map("\n".join),
    st.text(alphabet=st.characters(exclude_categories=()), max_size=60),
)


def cut_up(text: str, cuts: list[int]) -> Iterator[str]:
    places = sorted({cut % (len(text) + 1) for cut in cuts} | {0, len(text)})
    return (text[start:end] for start, end in pairwise(places))


def streamed(pieces: Iterator[str], *, cut: bool) -> tuple[str, str, Parsed]:
    stream = CallStream(TOOLS)
    deltas = [delta for piece in pieces for delta in stream.feed(piece)]
    rest, parsed = stream.finish(cut=cut)
    deltas += rest
    text = "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))
    return text, "".join(delta.text for delta in deltas if not isinstance(delta, TextDelta)), parsed


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.lists(st.integers(0, 2000), max_size=12), st.booleans())
def test_where_the_pieces_end_makes_no_difference(text: str, cuts: list[int], cut: bool) -> None:  # noqa: FBT001 - drawn
    shown, thought, parsed = streamed(cut_up(text, cuts), cut=cut)
    assert (shown, thought) == (parsed.text, parsed.reasoning)
    assert parsed == streamed(iter(text), cut=cut)[2] == streamed(iter([text]), cut=cut)[2]
    assert parsed.calls == parse(text, TOOLS, cut=cut).calls


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from (key, *strings(item))
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


ESCAPES = re.compile(r"\\+(u[0-9a-fA-F]{4}|[a-z])")


def letters(text: str) -> str:
    """The ASCII letters of a text, those of its escapes left out: what stays the same however it was escaped."""
    return "".join(letter for letter in ESCAPES.sub("", text) if letter.isalpha() and letter.isascii())


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.booleans())
def test_every_call_is_one_that_a_reader_sees(text: str, cut: bool) -> None:  # noqa: FBT001 - drawn
    parsed = parse(text, TOOLS, cut=cut)
    seen = letters(text)
    for call in parsed.calls:
        assert call.name in text
        assert all(letters(string) in seen for string in strings(call.arguments))
        assert call.malformed in text


JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8)
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.lists(JSON, max_size=3), st.dictionaries(st.text(max_size=5), JSON, max_size=4)), st.booleans())
def test_json_is_read_as_json_is(value: object, spaced: bool) -> None:  # noqa: FBT001 - drawn
    text = json.dumps(value, indent=2 if spaced else None, ensure_ascii=spaced)
    cursor = Cursor(text + "tail")
    assert LiteralReader(cursor).value() == value
    assert cursor.at == len(text)
    assert read_json(Cursor(text)).value == value


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.lists(JSON, max_size=3), st.dictionaries(st.text(max_size=5), JSON, max_size=4)))
def test_what_python_prints_is_read_as_python_reads_it(value: object) -> None:
    text = repr(value)
    assert LiteralReader(Cursor(text + " "), python=True).value() == value
