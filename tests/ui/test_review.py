"""What an answer to a review means, and what is shown to whom."""

import io
from typing import TYPE_CHECKING

import pytest

from py_mono.protocol.ports import FileDiff
from py_mono.ui.review import Reviewer, chosen, without_folders
from py_mono.ui.terminal import Screen, Style

if TYPE_CHECKING:
    from collections.abc import Iterator

PATHS = ["a.py", "d/b", "3", "y"]
FILES = [
    FileDiff("a.py", "modified", "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-one\n+two\x1b[2J\n", ""),
    FileDiff("d", "added", "", "a folder"),
    FileDiff("d/b", "added", "", "binary"),
    FileDiff("gone", "deleted", "", "a folder"),
]


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("y", set(PATHS)),
        (" YES ", set(PATHS)),
        ("n", set()),
        ("none", set()),
        ("1", {"a.py"}),
        ("1, 2", {"a.py", "d/b"}),
        ("1-2 4", {"a.py", "d/b", "y"}),
        ("d/b a.py", {"d/b", "a.py"}),
        ("3", {"3"}),  # a path before a number
    ],
)
def test_an_answer_is_all_none_numbers_or_paths(answer: str, kept: set[str]) -> None:
    assert chosen(answer, PATHS) == frozenset(kept)


@pytest.mark.parametrize(
    "answer", ["", "what?", "0", "5", "1-9", "2-1", "-1", "1-", "a", "1 y?", "99999999999999999999", "²"]
)
def test_anything_else_is_no_answer(answer: str) -> None:
    assert chosen(answer, PATHS) is None


def test_a_folder_goes_with_what_is_in_it() -> None:
    assert [file.path for file in without_folders(FILES)] == ["a.py", "d/b", "gone"]


class Desk:
    """A screen, and somebody who types these lines."""

    def __init__(self, *lines: str) -> None:
        self.shown: list[str] = []
        self.marks: list[tuple[str, bool]] = []
        self._lines: Iterator[str] = iter(lines)
        self.reviewer = Reviewer(Screen(io.StringIO(), {}, columns=200), self._line, self._read)

    def _line(self, text: str, style: "Style | None") -> None:
        del style
        self.shown.append(text)

    async def _read(self, mark: str, goes_on: bool) -> str:  # noqa: FBT001 - a callback's plain form
        self.marks.append((mark, goes_on))
        return next(self._lines)


async def test_what_was_done_is_shown_harmlessly_and_asked_about_until_there_is_an_answer() -> None:
    desk = Desk("hm", "1-2")
    assert await desk.reviewer(FILES) == {"a.py", "d/b", "d"}
    assert [line for line in desk.shown if line[:1].isdigit()] == [
        "1  M a.py", "2  A d/b (binary)", "3  D gone (a folder)",
    ]  # fmt: skip
    assert "\x1b" not in "".join(desk.shown)
    assert "none of the answers" in "".join(desk.shown)
    assert [goes_on for _, goes_on in desk.marks] == [False, True]


async def test_file_by_file_each_is_asked_about() -> None:
    desk = Desk("f", "n", "maybe", "y", "n")
    assert await desk.reviewer(FILES) == {"d/b", "d"}
    assert [mark for mark, _ in desk.marks[1:]] == [
        "keep a.py? y, n", "keep d/b? y, n", "keep d/b? y, n", "keep gone? y, n",
    ]  # fmt: skip
