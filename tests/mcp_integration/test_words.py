"""Texts of servers, made fit to be shown."""

import pytest

from py_mono.mcp_integration.words import cleaned, hidden, line


def test_what_acts_or_hides_is_left_out_and_newline_and_tab_stay() -> None:
    text = "a\tb\r\nc\rd\x1b[31mred\x1b[0m\x1b]0;title\x07\u202eback\u200bzero\U000e0041tag\ufeff\x00\x9b2J\u2028e"
    assert cleaned(text, 1000) == "a\tb\nc\ndredbackzerotag2J\ne"


def test_joiners_stay_in_texts_and_not_in_lines() -> None:
    assert cleaned("👩\u200d💻", 10) == "👩\u200d💻"
    assert line("a\u200db", 10) == "ab"


def test_a_line_is_one_line_and_no_longer() -> None:
    assert line("  a\n\n b\t c ", 10) == "a b c"
    assert line("x" * 50, 10) == "x" * 9 + "…"


def test_a_long_text_keeps_both_ends() -> None:
    text = cleaned("start " + "x" * 10_000_000 + " end", 1000)
    assert text.startswith("start")
    assert text.endswith(" end")
    assert len(text) < 1200


@pytest.mark.parametrize(
    "text", ["\x9d" * 1_000_000, "\x1b]" * 500_000, "a\b" * 500_000, "a" * 500_000 + "\b" * 500_000]
)
def test_texts_made_to_be_slow_are_not(text: str) -> None:
    assert len(cleaned(text, 100_000)) <= 100_100  # the time limit of the suite is what fails


def test_hidden_tells_what_cleaned_leaves_out() -> None:
    assert hidden("a\u200b")
    assert hidden("a\x1b[0m")
    assert not hidden("äöü — 漢字")
