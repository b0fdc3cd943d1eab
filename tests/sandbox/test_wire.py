"""The frames: what goes in comes out, and whatever else comes in is refused with a reason."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_mono.sandbox.wire import FIELDS, FrameReader, WireError, decode, encode

SAMPLES: list[dict[str, Any]] = [
    {"frame": "hello", "tools": [{"name": "shell"}], "lock": {"layers": {}}, "error": "", "remedy": ""},
    {"frame": "call", "id": "1", "tool": "shell", "arguments": {"command": "echo 'ü\n'"}},
    {"frame": "output", "id": "1", "text": "a\u2028b\x00c"},
    {"frame": "result", "id": "1", "content": "x" * 100, "is_error": False, "details": {"exit_code": 0}},
    {"frame": "cancel", "id": "1"},
    {"frame": "job_started", "job": 1, "command": "sleep 9", "output": "/tmp/job-1.log"},
    {"frame": "job_ended", "job": 1, "status": 0, "reason": "exited", "size": 7, "tail": "served"},
    {"frame": "count_jobs", "last": 7},
    {"frame": "ask_job", "id": "job 1", "job": 1, "action": "kill"},
]

_values = {
    int: st.integers(),
    str: st.text(),
    bool: st.booleans(),
    list: st.lists(st.integers() | st.text()),
    dict: st.dictionaries(st.text(), st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.text()),
}


def line(frame: dict[str, Any]) -> bytes:
    return encode(frame["frame"], **{name: value for name, value in frame.items() if name != "frame"})


@given(st.sampled_from(sorted(FIELDS)).flatmap(lambda kind: st.fixed_dictionaries(
    {"frame": st.just(kind)} | {name: _values[wanted] for name, wanted in FIELDS[kind].items()}
)))  # fmt: skip
def test_a_frame_survives_the_way(frame: dict[str, Any]) -> None:
    sent = line(frame)
    assert sent.count(b"\n") == 1
    assert decode(sent[:-1]) == frame


@given(st.lists(st.integers(1, 40), max_size=60))
def test_pieces_of_any_size_make_the_same_frames(cuts: list[int]) -> None:
    stream, reader, found = b"".join(map(line, SAMPLES)), FrameReader(), []
    for cut in cuts:
        found += list(reader.feed(stream[:cut]))
        stream = stream[cut:]
    assert [*found, *reader.feed(stream)] == SAMPLES


def test_ten_thousand_broken_streams_give_frames_or_a_reason() -> None:
    chance = random.Random(7)
    stream = b"".join(map(line, SAMPLES))
    refused = 0
    for _ in range(10_000):
        broken = bytearray(stream)
        for _ in range(chance.randint(1, 5)):
            position = chance.randrange(len(broken))
            match chance.randrange(4):
                case 0:
                    broken[position] = chance.randrange(256)
                case 1:
                    del broken[position : position + chance.randint(1, 50)]
                case 2:
                    broken[position:position] = chance.randbytes(chance.randint(1, 50))
                case _:
                    broken[position:position] = chance.choice(
                        [b"\n", b"{", b"[" * 3000, b"9" * 5000, b'"\\ud800"', b"NaN"]
                    )
        reader = FrameReader()
        try:
            for frame in reader.feed(bytes(broken)):
                assert frame["frame"] in FIELDS
        except WireError:
            refused += 1
    assert refused > 5000


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "not a line of JSON"),
        (b"\xff", "not a line of JSON"),
        (b"[" * 100_000, "not a line of JSON"),
        (b"[]", "a JSON object, not list"),
        (b'{"frame":"fly"}', "unknown frame 'fly'; there are hello, call"),
        (b'{"frame":["call"]}', "unknown frame"),
        (b'{"frame":"cancel"}', "cancel.id must be str, not NoneType"),
        (b'{"frame":"cancel","id":1}', "cancel.id must be str, not int"),
        (
            b'{"frame":"result","id":"1","content":"","is_error":0,"details":{}}',
            "result.is_error must be bool, not int",
        ),
        (b'{"frame":"call","id":"1","tool":"x","arguments":{"a":NaN}}', "NaN"),
    ],
)
def test_what_is_no_frame_is_refused_with_the_reason(sent: bytes, reason: str) -> None:
    with pytest.raises(WireError, match=reason):
        decode(sent)


def test_half_a_surrogate_pair_becomes_a_question_mark_on_both_ends() -> None:
    assert decode(line({"frame": "cancel", "id": "a\ud800b"})[:-1])["id"] == "a?b"
    assert decode(b'{"frame":"cancel","id":"a\\ud800b"}')["id"] == "a?b"
    assert decode(b'{"frame":"cancel","id":"\\ud83d\\ude00"}')["id"] == "\U0001f600"


def test_a_line_without_end_is_refused_before_it_fills_the_memory() -> None:
    reader = FrameReader(max_line=1000)
    assert list(reader.feed(b"x" * 999)) == []
    with pytest.raises(WireError, match="longer than 1000 bytes"):
        list(reader.feed(b"x"))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}])
def test_what_json_cannot_hold_is_not_sent(value: object) -> None:
    with pytest.raises(WireError, match="a result frame cannot be written as JSON"):
        encode("result", id="1", content="", is_error=False, details={"value": value})
