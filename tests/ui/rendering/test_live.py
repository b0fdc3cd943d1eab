"""A whole turn in a real terminal: what stands, what moves, and what a key unfolds."""

import pytest
from inline_snapshot import snapshot

from tests.ui.screens import Start, Terminal


def story(terminal: Terminal) -> list[str]:
    """What was said from the prompt to the turn's end, without what takes another time each time."""
    lines = terminal.lines()
    end = next(at for at, line in enumerate(lines) if line.startswith("done ·"))
    return [line for line in lines[lines.index("> long") + 1 : end] if not line.startswith("thought")]


def played(terminal: Terminal) -> Terminal:
    """A whole turn."""
    terminal.say("long")
    terminal.wait_for("return x")
    terminal.say("go on")
    terminal.wait_for("done · ")
    terminal.wait_input(">")
    return terminal


def test_a_turn_at_eighty_columns(start: Start) -> None:
    assert story(played(start(rows=60))) == snapshot(
        [
            "Two causes",
            "",
            "- the first one, which says why with so many words that it is wrapped",
            "- the second 文字文字文字",
            "> go on",
            "",
            "def f(x):",
            "    return x + 1",
            "",
            "file  why it is looked at again",
            "────  ─────────────────────────",
            "a.py  文字 and é and 👩",
            "",
            "The end.",
            "✓ read_file a.py  20 ms · 9 lines",
            "✓ edit_file a.py  20 ms",
            " 9   same",
            "10 - old",
            "10 + new",
        ]
    )


def test_a_turn_at_forty_columns(start: Start) -> None:
    assert story(played(start(columns=40, rows=60))) == snapshot(
        [
            "Two causes",
            "",
            "- the first one, which says why with so",
            "  many words that it is wrapped",
            "- the second 文字文字文字",
            "> go on",
            "",
            "def f(x):",
            "    return x + 1",
            "",
            "file  why it is looked at again",
            "────  ─────────────────────────",
            "a.py  文字 and é and 👩",
            "",
            "The end.",
            "✓ read_file a.py  20 ms · 9 lines",
            "✓ edit_file a.py  20 ms",
            " 9   same",
            "10 - old",
            "10 + new",
        ]
    )


def test_a_turn_at_two_hundred_columns_is_the_one_at_a_hundred(start: Start) -> None:
    wide, less = played(start(columns=200, rows=60)), played(start(columns=100, rows=60))
    assert story(wide) == story(less)


def test_while_it_streams_the_open_block_stands_above_the_line_and_goes(start: Start) -> None:
    terminal = start(rows=40)
    terminal.say("long")
    terminal.wait_for("    return x")
    terminal.wait_for("writing")
    screen = [line for line in terminal.lines() if line]
    at = screen.index("```python")
    assert screen[at - 1 : at + 3] == ["- the second 文字文字文字", "```python", "def f(x):", "    return x"]
    assert screen[-2:] == ["none", ">"]
    terminal.say("go on")
    terminal.wait_for("The end.")
    assert "```python" not in terminal.text()
    terminal.wait(lambda: "writing" not in terminal.text(), "the spinner's end")


@pytest.mark.parametrize("columns", [30, 132])
def test_a_terminal_that_is_resized_while_a_block_is_open_shows_the_rest_in_its_new_width(
    start: Start, columns: int
) -> None:
    terminal = start(rows=40)
    terminal.say("long")
    terminal.wait_for("    return x")
    terminal.resize(40, columns)
    terminal.say("go on")
    terminal.wait_for("The end.")
    terminal.wait_for("done · ")
    terminal.wait_input(">")
    lines = terminal.lines()
    assert [lines.count(line) for line in ("def f(x):", "    return x + 1", "The end.")] == [1, 1, 1]


def test_the_line_of_numbers_is_there_once_and_goes_with_the_line(start: Start) -> None:
    terminal = played(start())
    numbers = "none · 38% of 33k · 12k in (9k cached) · 678 out · cost unknown"
    assert [line for line in terminal.lines() if line.startswith("none")] == [numbers]
    terminal.type("\x04")
    terminal.status()
    assert not [line for line in terminal.lines() if line.startswith("none")]


def test_a_narrow_terminal_keeps_what_matters_most_of_the_numbers(start: Start) -> None:
    terminal = played(start(columns=24))
    assert [line for line in terminal.lines() if line.startswith("none")] == ["none · 38% of 33k"]


def test_a_key_unfolds_the_last_result_and_then_what_was_folded_before(start: Start) -> None:
    terminal = played(start(rows=60))
    assert "row 8" not in terminal.text()
    assert "let me see" not in terminal.text()
    terminal.type("\x0f")
    terminal.wait_for("row 8")
    terminal.type("\x0f")
    terminal.wait_for("let me see")
    terminal.type("\x0f")
    terminal.wait_for("Nothing more is folded.")
