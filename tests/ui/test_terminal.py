import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_mono.ui.terminal import (
    Screen,
    cell_width,
    clip,
    duration,
    first_lines,
    harmless,
    last_lines,
    one_line,
    wrap,
    wrap_words,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;aGk=\x9cclip", "clip"),
        ("\x1bPq#0\x1b\\dcs", "dcs"),
        ("\x1b(0box\x1bcreset", "boxreset"),
        ("\x9b2Jc1", "c1"),
        ("10 %\r20 %\r\n", "10 %\n20 %\n"),
        ("a\b\x7f\x00b", "ab"),
        ("abc\u202etxt.exe", "abctxt.exe"),
        ("e\u0301 文 👩\u200d💻", "e\u0301 文 👩\u200d💻"),
        ("\udcff", "\ufffd"),
        ("cut \x1b", "cut "),
    ],
)
def test_text_loses_what_a_terminal_acts_on_and_nothing_else(text: str, expected: str) -> None:
    assert harmless(text) == expected
    assert harmless(expected) == expected


def test_every_printable_character_is_harmless() -> None:
    printable = "".join(filter(str.isprintable, map(chr, range(sys.maxunicode + 1))))
    assert harmless(printable) == printable
    assert harmless(f"{printable}\n") == f"{printable}\n"


@given(st.text())
def test_one_line_is_one_line(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1


@given(st.text(alphabet="ab文e\u0301"), st.integers(min_value=2, max_value=20))
def test_clipped_and_wrapped_text_fits(text: str, width: int) -> None:
    assert cell_width(clip(text, width)) <= width
    rows = wrap(text, width)
    assert all(cell_width(row) <= width for row in rows)
    assert "".join(rows) == text


@given(st.text(alphabet="ab文 \n"), st.integers(min_value=2, max_value=20))
def test_text_broken_at_words_fits_and_loses_only_blanks(text: str, width: int) -> None:
    folded = wrap_words(text, width)
    assert folded.split() == text.split()
    assert all(cell_width(row) <= width or len(row.split()) == 1 for row in folded.split("\n"))
    assert all(line.rstrip() in folded for line in text.split("\n") if cell_width(line) <= width)


def test_only_a_terminal_gets_text_broken_at_words() -> None:
    screens = [Screen(io.StringIO(), {"TERM": "xterm"}, terminal=terminal, columns=12) for terminal in (True, False)]
    assert [screen.fold("the model reads its prompt") for screen in screens] == [
        "the model\nreads its\nprompt",
        "the model reads its prompt",
    ]


def test_a_clipped_text_says_so() -> None:
    assert [clip("abcdef", width) for width in (7, 6, 5, 1)] == ["abcdef", "abcdef", "abcd…", "…"]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 ms"),
        (0.0034, "3 ms"),
        (0.04, "40 ms"),
        (0.3, "0.3 s"),
        (9.94, "9.9 s"),
        (9.99, "10 s"),
        (59.6, "1 min 0 s"),
        (125, "2 min 5 s"),
    ],
)
def test_a_duration_reads_well(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


def test_first_lines_never_hide_a_single_line() -> None:
    assert first_lines("a\nb\nc\n", 2) == ["a", "b", "c"]
    assert first_lines("a\nb\nc\nd", 2) == ["a", "b", "… 2 more lines"]


def test_the_last_lines_come_after_how_many_stand_before() -> None:
    assert last_lines("1\n2\n3\n4\n", 2) == ["… 2 lines before", "3", "4"]
    assert last_lines("1\n2\n3\n", 2) == ["1", "2", "3"]


def test_a_screen_shows_no_secret() -> None:
    shown = io.StringIO()
    Screen(shown, {}, redact=lambda text: text.replace("secret", "[redacted]")).write("a secret\n")
    assert shown.getvalue() == "a [redacted]\n"


class Broken(io.StringIO):
    """Fails at each write as it was told."""

    def __init__(self, failure: OSError) -> None:
        super().__init__()
        self._failure = failure

    def write(self, _: str, /) -> int:
        raise self._failure


@pytest.mark.parametrize("failure", [OSError(28, "no space left"), BrokenPipeError(32, "the reader has enough")])
def test_a_screen_knows_why_something_was_lost(failure: OSError) -> None:
    screen = Screen(Broken(failure), {})
    screen.write("a\n")
    screen.write("b\n")
    assert screen.failure is failure
