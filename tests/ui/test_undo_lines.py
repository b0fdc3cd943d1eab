from py_mono.protocol.ports import FileDiff, Restored
from py_mono.protocol.tools import Change
from py_mono.ui.undo_lines import diff_lines, undone_lines


def test_an_undo_tells_what_it_did_and_what_it_left_alone() -> None:
    restored = Restored("a", "b", (Change("new\x1b[2J", "deleted"),), ("theirs",), {"big": "it is too big"}, "")
    assert undone_lines(3, restored, redo=False) == (
        "Turn 3 is undone in part.\nD new\nLeft as they are, for somebody changed them since:\n! theirs\n"
        "/undo anyway overwrites them; that can be undone too.\n"
        "Could not be brought back as they were:\nbig: it is too big"
    )


def test_an_undo_that_could_do_nothing_says_how_to_insist() -> None:
    assert undone_lines(3, Restored("a", "a", (), ("f",), {}, ""), redo=True) == (
        "Turn 3 is not redone.\nLeft as they are, for somebody changed them since:\n! f\n"
        "/redo anyway overwrites them; that can be undone too."
    )


def test_what_git_keeps_for_itself_does_not_hide_the_rest() -> None:
    paths = [".git", ".git/HEAD", ".git/config", "sub/.git/HEAD", "tests/a.py"]
    restored = Restored("a", "b", tuple(Change(path, "added") for path in paths), (), {}, "")
    assert undone_lines(1, restored, redo=False) == (
        "Turn 1 is undone.\nA .git (git's own files, 2 of them)\nM sub/.git (git's own files, 1 of them)\nA tests/a.py"
    )


def test_a_diff_shows_lines_or_says_why_there_are_none() -> None:
    files = [FileDiff("f", "modified", "-1\n+2\x1b]0;x\x07\n", ""), FileDiff("b", "added", "", "binary")]
    assert diff_lines(2, files) == "M f\n-1\n+2\nA b (binary)"
    assert diff_lines(2, []) == "Turn 2 left all files as they were."
