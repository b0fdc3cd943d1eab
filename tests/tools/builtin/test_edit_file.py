import os
import stat
import tempfile
from pathlib import Path
from threading import Event

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from py_mono.tools.builtin import edit_file, read_file
from py_mono.tools.builtin.context import Context, ToolFailure
from py_mono.tools.builtin.matching import find
from py_mono.tools.builtin.reads import ReadLog


class NoCommands:
    run = start_background = None


def edit(context: Context, before: bytes, old: str, new: str, **more: bool) -> bytes:
    path = Path(context.workspace, "file.txt")
    path.write_bytes(before)
    edit_file.run(context, path="file.txt", old_content=old, new_content=new, **more)
    return path.read_bytes()


def refusal(context: Context, before: bytes, old: str, new: str) -> str:
    path = Path(context.workspace, "file.txt")
    path.write_bytes(before)
    with pytest.raises(ToolFailure) as refused:
        edit_file.run(context, path="file.txt", old_content=old, new_content=new)
    assert path.read_bytes() == before
    assert os.listdir(context.workspace) == ["file.txt"]
    return str(refused.value)


@pytest.mark.parametrize(
    ("before", "old", "new", "after"),
    [
        (b"a\nb\nc\n", "b\n", "x\ny\n", b"a\nx\ny\nc\n"),
        (b"a\r\nb\r\nc\r\n", "a\nb\n", "a\nx\ny\n", b"a\r\nx\r\ny\r\nc\r\n"),
        (b"a\r\nb\nc\r\n", "a\nb\nc\n", "a\nx\nc\n", b"a\r\nx\nc\r\n"),
        (b"a\r\nb\nc\r\n", "a\nb\nc\n", "A\nB\nC\n", b"A\r\nB\nC\r\n"),
        (b"a\nb\n", "a\r\nb\r\n", "x\r\nb\r\n", b"x\nb\n"),
        (b"one  \ntwo\t\nthree\n", "one\ntwo\n", "one\n2\n", b"one  \n2\nthree\n"),
        (b"if x:\n    a()\n    b()\n", "if x:\n  a()\n  b()\n", "if x:\n  a()\n  c()\n", b"if x:\n    a()\n    c()\n"),
        (b"\tif x:\n\t\ta()\n", "    if x:\n        a()\n", "    if x:\n        b()\n", b"\tif x:\n\t\tb()\n"),
        ("say “hi” \u2013 now\nkeep “this”\n".encode(), 'say "hi" - now', "bye", "bye\nkeep “this”\n".encode()),
        (b"\xef\xbb\xbfa\nb\n", "a\n", "x\n", b"\xef\xbb\xbfx\nb\n"),
        (b"a\n\x0c\nb\n", "b\n", "c\n", b"a\n\x0c\nc\n"),
        (b"a\nlast", "last\n", "end\n", b"a\nend"),
        (b"caf\xe9 au lait, the best of the town\n", "lait", "th\xe9", b"caf\xe9 au th\xe9, the best of the town\n"),
        ("\ufeffa\nb\n".encode("utf-16-le"), "b", "x", "\ufeffa\nx\n".encode("utf-16-le")),
        (b"a b a", "b", "", b"a  a"),
    ],
)
def test_the_match_is_replaced_and_nothing_else(
    context: Context, before: bytes, old: str, new: str, after: bytes
) -> None:
    assert edit(context, before, old, new) == after


@pytest.mark.parametrize(
    ("before", "old", "new", "said"),
    [
        (b"a\n", "", "x", "old_content is empty"),
        (b"a\n", "a", "a", "are the same"),
        (b"a\0b", "a", "x", "binary file"),
        (b"x = total\n", "x = totl", "y", "Nearest is line 1:\nx = total\n"),
        (b"t = 31\n", "t = 30", "y", "Nearest is line 1:\nt = 31\n"),
        (b"\n\nfoo\nfoo\n", "foo", "bar", "occurs 2 times in file.txt, at lines 3, 4; line 3 is:\nfoo"),
        (b"aaa\n", "aa", "b", "occurs 2 times"),
        (b"a\r\nb\r\n--\na\nb\n", "a\nb\n", "x\n", "at lines 1, 4"),
        (b"a\r\n", "a\r\n", "a\n", "nothing would change"),
        (b"  a\n    b\n", "a\nb\n", "x\n", "Nearest is line 1"),
        ("f(x\u201310)\n".encode(), "f(x-1", "y", "Nearest is line 1"),
        (b"caf\xe9 au lait, the best of the town\n", "lait", "\u20ac", "latin-1, which cannot hold"),
        (b"", "a", "b", "nothing like it"),
        (b"a\n", "a", "\0", "binary"),
    ],
)
def test_what_is_not_sure_is_refused_and_changes_nothing(
    context: Context, before: bytes, old: str, new: str, said: str
) -> None:
    assert said in refusal(context, before, old, new)


def test_the_first_line_that_differs_is_named(context: Context) -> None:
    said = refusal(context, b"def f():\n    a = 1\n    b = 2\n", "def f():\n    a = 1\n    b = 3\n", "x")
    assert "line 3:\n    b = 2\nwhere old_content has:\n    b = 3\n" in said


def test_replace_all_keeps_each_place_s_line_ends(context: Context) -> None:
    assert edit(context, b"a\r\nz\na\n", "a\n", "b\nc\n", replace_all=True) == b"b\r\nc\r\nz\nb\nc\n"


def test_the_mode_is_kept_and_the_diff_shown(context: Context, workspace: Path) -> None:
    path = workspace / "run.sh"
    path.write_bytes(b"echo a\n")
    path.chmod(0o751)
    output = edit_file.run(context, path="run.sh", old_content="a", new_content="b")
    assert (output.content, output.is_error, output.details) == (
        "edited run.sh: line 1",
        False,
        {"diff": "--- a/run.sh\n+++ b/run.sh\n@@ -1 +1 @@\n-echo a\n+echo b\n", "replacements": 1},
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o751


def test_a_file_changed_since_it_was_read_is_refused_once_with_the_change(context: Context, workspace: Path) -> None:
    path = workspace / "a.py"
    path.write_text("x = 1\ny = 2\n")
    read_file.run(context, path="a.py")
    path.write_text("x = 1\ny = 5\n")
    with pytest.raises(ToolFailure, match=r"(?s)a.py changed since you last read it.*-y = 2\n\+y = 5\n"):
        edit_file.run(context, path="a.py", old_content="x = 1", new_content="x = 0")
    assert path.read_text() == "x = 1\ny = 5\n"
    edit_file.run(context, path="a.py", old_content="x = 1", new_content="x = 0")
    assert path.read_text() == "x = 0\ny = 5\n"


def test_a_missing_file_brings_the_near_names(context: Context, workspace: Path) -> None:
    (workspace / "settings.py").write_text("a")
    with pytest.raises(ToolFailure, match=r"^setings.py does not exist; did you mean settings.py\?$"):
        edit_file.run(context, path="setings.py", old_content="a", new_content="b")


LINES = st.lists(st.sampled_from(["a", "b", "  c", "\td", "e ", "“f”", "g\x0c", ""]), max_size=8)
ENDS = st.lists(st.sampled_from(["\n", "\r\n"]), min_size=8, max_size=8)


@settings(deadline=None)  # the machine may be busy
@given(LINES, ENDS, st.lists(st.text(alphabet="abcdef \t\n\"'", min_size=1, max_size=8), min_size=2, max_size=2))
def test_bytes_outside_the_match_never_change(lines: list[str], ends: list[str], texts: list[str]) -> None:
    source = "".join(line + end for line, end in zip(lines, ends, strict=False))
    old, new = texts
    assume(old != new)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(os.path.realpath(folder), "f")
        path.write_bytes(source.encode())
        context = Context(
            workspace=os.path.realpath(folder), commands=NoCommands(), reads=ReadLog(),  # type: ignore[arg-type]
            emit=print, cancelled=Event(), private_tmp=os.path.realpath(folder),
        )  # fmt: skip
        matches, _ = find(source, old)
        try:
            edit_file.run(context, path="f", old_content=old, new_content=new)
        except ToolFailure:
            assert path.read_bytes() == source.encode()
            return
        after = path.read_bytes().decode()
        assert len(matches) == 1
        head, tail = source[: matches[0].start], source[matches[0].end :]
        assert after.startswith(head)
        assert after.endswith(tail)
        assert len(after) >= len(head) + len(tail)


@pytest.mark.parametrize("half", [chr(0xD800), chr(0xDCFF)], ids=["high", "escaped byte"])
def test_half_a_surrogate_pair_is_refused_and_nothing_written(context: Context, half: str) -> None:
    path = Path(context.workspace, "f")
    data = "ééééééééé x\n".encode() + b"\xff\n"  # text with a byte that is none, which Python holds as \udcff
    path.write_bytes(data)
    for old, new, name in (("x", f"a{half}", "new_content"), (f"\n{half}", "y", "old_content")):
        with pytest.raises(ToolFailure, match=f"^{name} holds half a surrogate pair at character 1; give whole"):
            edit_file.run(context, path="f", old_content=old, new_content=new)
    assert path.read_bytes() == data
    Path(context.workspace, "bad\udcff").write_text("x")
    edit_file.run(context, path="bad\udcff", old_content="x", new_content="y")
    assert Path(context.workspace, "bad\udcff").read_text() == "y"
