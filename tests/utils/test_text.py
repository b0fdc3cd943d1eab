import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from py_mono.utils.text import HeadTail, LineSettler, TerminalDecoder, clip, plain, settle_line, strip_escapes

HOSTILE = st.text(alphabet="\x1b[]PX^_\\\x07\x90\x9b\x9c\x9d\x9f;?0mHKab\n\r\b é", max_size=60)


@pytest.mark.parametrize(
    ("raw", "left"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;QQ==\x9cx", "x"),
        ("\x1bPq#0;1\x1b\\x", "x"),
        ("\x9b31mx\x9dt\x9cy", "xy"),
        ("\x1b(Bx\x1b7y\x1bc", "xy"),
        ("\x1b\x1b[31m[0m", "[0m"),
        ("\x1b]0;never ends", "]0;never ends"),
        ("tab\tkept\x00\x0e", "tab\tkept"),
    ],
)
def test_terminal_sequences_leave_no_trace(raw: str, left: str) -> None:
    assert strip_escapes(raw) == left


@settings(deadline=None)  # the machine may be busy
@given(HOSTILE)
def test_nothing_a_terminal_acts_on_is_ever_left(text: str) -> None:
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", plain(text))


@pytest.mark.parametrize(
    ("raw", "left"),
    [("10%\r20%\r100%\n", "100%\n"), ("done\r\n", "done\n"), ("abc\b\bX", "aX"), ("a\r", "a"), ("x\ny", "x\ny")],
)
def test_overwritten_progress_counts_once(raw: str, left: str) -> None:
    assert plain(raw) == left


@settings(deadline=None)  # the machine may be busy
@given(HOSTILE, st.lists(st.integers(0, 80), max_size=6))
def test_pieces_come_to_the_same_as_the_whole(text: str, cuts: list[int]) -> None:
    data = text.encode()
    decoder, lines = TerminalDecoder(), LineSettler()
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    parts = [data[a:b] for a, b in pairwise(places)]
    out = "".join(lines.feed(decoder.feed(part)) for part in parts)
    out += lines.feed(decoder.feed(b"", final=True), final=True)
    assert out == plain(text)


def test_invalid_utf_8_is_replaced() -> None:
    assert TerminalDecoder().feed(b"a\xff\xfeb", final=True) == "a\ufffd\ufffdb"


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.text(max_size=30), max_size=20), st.integers(1, 40))
def test_head_and_tail_hold_what_fits_and_count_the_rest(pieces: list[str], limit: int) -> None:
    kept, whole = HeadTail(limit), "".join(pieces)
    for piece in pieces:
        kept.add(piece)
    if len(whole) <= limit:
        assert (kept.text(), kept.truncated) == (whole, False)
    else:
        head, tail = whole[: limit // 3], whole[len(whole) - (limit - limit // 3) :]
        middle = whole[len(head) : len(whole) - len(tail)]
        notice = f"\n[… {len(middle):,} characters, {middle.count(chr(10)):,} lines left out …]\n"
        assert (kept.text(), kept.truncated) == (head + notice + tail, True)


def test_a_short_text_is_not_clipped() -> None:
    assert clip("abc", 3) == "abc"
    assert clip("abcdef", 3) == "a\n[… 3 characters, 0 lines left out …]\nef"


@given(st.text("ab\b", max_size=60))
def test_each_backspace_takes_what_stands_before_it(line: str) -> None:
    left = line
    while "\b" in left:
        left = re.sub(r"[^\b]\x08|^\x08+", "", left)
    assert settle_line(line) == left


@pytest.mark.parametrize("piece", ["a\b", "\b", "\x9d", "\x90a", "\x1b]", "\x9d\x1bP", "\x9b0", "\x1b "])
def test_a_flood_is_read_once_not_once_for_each_of_its_characters(piece: str) -> None:
    """Half a million of them: what looked at the rest of the text for each one did not end within this test's time."""
    flood = piece * 500_000
    assert not re.search(r"[\x00-\x07\x1b\x7f-\x9f]", plain(flood))
    assert plain("a" * 300_000 + "\b" * 300_000) == ""
    decoder = TerminalDecoder()
    decoded = decoder.feed(flood.encode()) + decoder.feed(b"", final=True)
    assert not re.search(r"[\x00-\x07\x1b\x7f-\x9f]", decoded)
