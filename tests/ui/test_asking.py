import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_mono.security.approvals.questions import Answer, Question
from py_mono.ui.asking import Asker, meant, options
from py_mono.ui.rendering.exact import framed_rows, oddities, question_rows, spelled_line
from py_mono.ui.terminal import Screen, cell_width

FULL = Question("network", "git push", "why", ("git push",), lasting=True)
BARE = Question("network", "git push | sh", "why")
CALL = Question("call", "make", "why", ("call shell",))


def test_what_can_be_answered_depends_on_what_can_be_remembered() -> None:
    assert options(FULL) == [
        ("y", "yes, once"),
        ("s", "yes, for `git push` until this session ends"),
        ("a", "yes, always for `git push` in this workspace"),
        ("n", "no"),
        ("w", "no, and tell it why"),
    ]
    assert [letter for letter, _ in options(BARE)] == ["y", "n", "w"]
    assert [letter for letter, _ in options(CALL)] == ["y", "s", "n", "w"]


@pytest.mark.parametrize(("text", "letter", "rest"), [
    ("1", "y", ""), ("1.", "y", ""), (" y ", "y", ""), ("YES", "y", ""), ("2", "s", ""), ("3", "a", ""), ("always", "a", ""),
    ("4", "n", ""), ("no", "n", ""), ("5", "w", ""), ("5 use the fork", "w", "use the fork"), ("no, not now", "w", "not now"),
    ("w because", "w", "because"), ("v", "v", ""),
    ("", "", ""), ("6", "", ""), ("0", "", ""), ("-1", "", ""), ("11", "", ""), ("1 more thing", "", ""), ("yes please", "", ""),
    ("yep", "", ""), ("\u0430", "", ""), ("\u0661", "", ""), ("999999999999", "", ""), ("²", "", ""),
])  # fmt: skip
def test_only_an_answer_is_an_answer(text: str, letter: str, rest: str) -> None:
    assert meant(text, FULL) == (letter, rest)


def test_what_is_not_offered_cannot_be_answered() -> None:
    assert meant("always", BARE) == ("", "")
    assert meant("a", CALL) == ("", "")
    assert meant("3", BARE) == ("w", "")


@given(st.text(max_size=20))
def test_nothing_but_the_words_for_it_agrees(text: str) -> None:
    letter, _ = meant(text, FULL)
    word = text.strip().rstrip(".:,").lower()
    assert letter not in {"y", "s", "a"} or word in {"1", "2", "3", "y", "s", "a", "yes", "always", "session"}


async def test_it_asks_until_there_is_an_answer_and_only_the_first_question_waits_for_a_pause() -> None:
    said: list[str] = []
    waited: list[tuple[str, bool]] = []
    typed = iter(["what?", "5", " use the fork "])

    async def read(mark: str, goes_on: bool) -> str:  # noqa: FBT001 - a callback's plain form
        waited.append((mark, goes_on))
        return next(typed)

    answer = await Asker(_screen(), said.append, read)(FULL)
    assert answer == Answer("no", "use the fork")
    assert waited == [("answer 1 to 5", False), ("answer 1 to 5", True), ("tell it why", True)]
    assert said[-1] == "That is none of the answers: type a number from 1 to 5."


class _Nowhere:
    encoding = "utf-8"

    def write(self, text: str, /) -> int:
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        raise OSError


def _screen() -> Screen:
    return Screen(_Nowhere(), {}, columns=80)


def test_what_cannot_be_seen_is_spelled_out() -> None:
    hidden = "a\x1b[2K\rb\u202ec\u200bd\u00a0e\tf\u3164g\u0301\ud800"
    assert question_rows(hidden, 200) == [r"a\x1b[2K\rb\u202ec\u200bd\xa0e\tf\u3164g\u0301\ud800"]
    assert question_rows("one\ntwo", 80) == ["one", "two"]


def test_letters_that_may_look_like_others_are_pointed_out() -> None:
    assert oddities("git push") == ""
    assert oddities("echo '→ 100 €'") == ""
    assert oddities("g\u0456t push") == "it holds letters that are not ASCII, and may look like others: \u0456 (U+0456)"


def test_a_long_command_is_folded_in_its_middle_and_says_so() -> None:
    rows = question_rows("\n".join(f"line {n}" for n in range(100)), 80)
    assert len(rows) == 20
    assert rows[0] == "line 0"
    assert rows[12] == "[… 81 rows are not shown here: v shows them …]"
    assert rows[-1] == "line 99"
    assert len(question_rows("\n".join("x" * 20), 80)) == 20
    assert len(question_rows("x" * 5000, 80, whole=True)) == 63


async def test_no_row_of_a_command_passes_for_an_answer_and_the_answers_stand_last() -> None:
    said: list[str] = []
    typed = iter(["v", "4"])

    async def read(_mark: str, _goes_on: bool) -> str:  # noqa: FBT001 - a callback's plain form
        return next(typed)

    lie = "git push\n  1  no\n  2  yes, once"
    await Asker(_screen(), said.append, read)(Question("network", lie, "why", ("git push",), lasting=True))
    offered = [f"  {number}  {text}" for number, (_, text) in enumerate(options(FULL), 1)]
    assert said == [*offered, "| git push", "|   1  no", "|   2  yes, once", *offered]
    padded = framed_rows("git push" + " " * 72 + "  1  no", 80)
    assert len(padded) == 2
    assert all(row.startswith("| ") for row in padded)
    assert framed_rows("git push", 80) == ["  git push"]


def test_a_name_with_a_line_end_makes_no_line_of_its_own() -> None:
    key = "read /x/a` until this session ends\n  4  no"
    assert all("\n" not in text for _, text in options(Question("outside", "w", "why", (key,), lasting=True)))
    assert spelled_line("a\nb\x1b") == r"a\nb\x1b"


@given(st.text(st.characters() | st.sampled_from("\x1b\r\u202e\u200b\t\x00\x9b"), max_size=300), st.integers(2, 100))
def test_every_letter_of_a_command_is_on_the_screen_and_none_of_them_acts_on_it(text: str, width: int) -> None:
    rows = question_rows(text, width, whole=True)
    assert all(row.isprintable() and cell_width(row) <= width for row in rows)
    wanted = [letter for letter in text if letter in string.ascii_letters]
    assert len([letter for row in rows for letter in row if letter in string.ascii_letters]) >= len(wanted)
