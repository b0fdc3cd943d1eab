from collections.abc import Iterator

import pytest

from py_mono.llm.call_parser.families import MARKS, NAMES
from py_mono.llm.call_parser.parse import Parsed, parse
from py_mono.llm.call_parser.stream import CallStream
from py_mono.protocol.events import TextDelta
from tests.llm.call_parser.samples import SAMPLES, TOOLS, Sample


def named(sample: Sample) -> str:
    return f"{sample.family}: {sample.printed[:30]!r}"


@pytest.mark.parametrize("sample", SAMPLES, ids=named)
def test_each_format_is_read_whole(sample: Sample) -> None:
    assert parse(sample.printed, TOOLS) == Parsed(
        sample.text, sample.reasoning, sample.calls, cut=False, broken_name=""
    )


@pytest.mark.parametrize("sample", SAMPLES, ids=named)
def test_each_format_is_read_under_its_own_name(sample: Sample) -> None:
    assert parse(sample.printed, TOOLS, form=sample.family).calls == sample.calls


def test_every_named_format_has_a_sample() -> None:
    assert {"auto"} | {sample.family for sample in SAMPLES} == set(NAMES)


def test_no_mark_begins_another() -> None:
    assert [(one, two) for one in MARKS for two in MARKS if one != two and two.startswith(one)] == []


def pieces(text: str, size: int) -> Iterator[str]:
    return (text[at : at + size] for at in range(0, len(text), size))


def streamed(text: str, size: int) -> tuple[list[str], list[str], Parsed]:
    stream = CallStream(TOOLS)
    deltas = [delta for piece in pieces(text, size) for delta in stream.feed(piece)]
    rest, parsed = stream.finish()
    shown = [delta.text for delta in [*deltas, *rest] if isinstance(delta, TextDelta)]
    thought = [delta.text for delta in [*deltas, *rest] if not isinstance(delta, TextDelta)]
    return shown, thought, parsed


@pytest.mark.parametrize("size", [1, 2, 4, 7, 64, 100_000])
@pytest.mark.parametrize("sample", SAMPLES, ids=named)
def test_each_format_is_read_as_it_streams(sample: Sample, size: int) -> None:
    shown, thought, parsed = streamed(sample.printed, size)
    assert parsed.calls == sample.calls
    assert not parsed.cut
    assert ("".join(shown), "".join(thought)) == (parsed.text, parsed.reasoning)
    assert not any("write_file" in text for text in shown)


@pytest.mark.parametrize("sample", SAMPLES, ids=named)
@pytest.mark.parametrize("cut", [False, True])
def test_a_reply_cut_at_any_character_holds_whole_calls_only(sample: Sample, *, cut: bool) -> None:
    for end in range(len(sample.printed)):
        calls = [call for call in parse(sample.printed[:end], TOOLS, cut=cut).calls if not call.malformed]
        assert calls == list(sample.calls[: len(calls)]), sample.printed[:end]
