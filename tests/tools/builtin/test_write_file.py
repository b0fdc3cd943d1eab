import os
import resource
import signal
import stat
import sys
from pathlib import Path

import pytest

from py_mono.tools.builtin import read_file, write_file
from py_mono.tools.builtin.context import Context, ToolFailure
from py_mono.tools.builtin.textfile import write_atomic


def test_a_file_is_created_with_its_folders(context: Context, workspace: Path) -> None:
    output = write_file.run(context, path="a/b/c.py", content="x = 1\n")
    assert (workspace / "a/b/c.py").read_bytes() == b"x = 1\n"
    assert (output.content, output.details) == (
        "created a/b/c.py: 1 line, 6 bytes",
        {"diff": "--- a/a/b/c.py\n+++ b/a/b/c.py\n@@ -0,0 +1 @@\n+x = 1\n", "created": True},
    )


def test_an_overwritten_file_keeps_mode_and_crlf(context: Context, workspace: Path) -> None:
    path = workspace / "f"
    path.write_bytes(b"a\r\nb\r\n")
    path.chmod(0o640)
    output = write_file.run(context, path="f", content="a\nc\n")
    assert output.content == "overwrote f: 2 lines, 6 bytes (its CRLF line ends were kept)"
    assert path.read_bytes() == b"a\r\nc\r\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(workspace) == ["f"]


def test_a_link_inside_is_written_through_and_a_hard_link_cut(context: Context, workspace: Path) -> None:
    (workspace / "target").write_text("old")
    (workspace / "other").hardlink_to(workspace / "target")
    (workspace / "link").symlink_to("target")
    write_file.run(context, path="link", content="new")
    assert (workspace / "link").is_symlink()
    assert ((workspace / "target").read_text(), (workspace / "other").read_text()) == ("new", "old")


def test_extended_attributes_are_kept(context: Context, workspace: Path) -> None:
    path = workspace / "f"
    path.write_text("a")
    try:
        os.setxattr(path, "user.mark", b"1")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    write_file.run(context, path="f", content="b")
    assert os.getxattr(path, "user.mark") == b"1"


@pytest.mark.parametrize("path", ["folder", "folder/", ".", "file/x", "readonly", "pipe", "x" * 300])
def test_what_cannot_be_written_is_refused_and_stays(context: Context, workspace: Path, path: str) -> None:
    (workspace / "folder").mkdir()
    (workspace / "file").write_text("a")
    (workspace / "readonly").write_text("a")
    (workspace / "readonly").chmod(0o444)
    os.mkfifo(workspace / "pipe")
    before = sorted(os.listdir(workspace))
    with pytest.raises(ToolFailure):
        write_file.run(context, path=path, content="b")
    assert sorted(os.listdir(workspace)) == before
    assert (workspace / "readonly").read_text() == "a"


def test_half_a_surrogate_pair_is_refused(context: Context, workspace: Path) -> None:
    with pytest.raises(ToolFailure, match="character 1"):
        write_file.run(context, path="f", content="a\ud800")
    assert os.listdir(workspace) == []


def test_a_file_changed_since_it_was_read_is_not_overwritten(context: Context, workspace: Path) -> None:
    (workspace / "f").write_text("a\n")
    read_file.run(context, path="f")
    (workspace / "f").write_text("person's\n")
    with pytest.raises(ToolFailure, match=r"(?s)f changed since.*\+person's"):
        write_file.run(context, path="f", content="mine\n")
    assert (workspace / "f").read_text() == "person's\n"


def test_a_full_disk_leaves_the_old_file_and_nothing_else(workspace: Path) -> None:
    path = workspace / "f"
    path.write_text("old")
    child = os.fork()
    if child == 0:
        # A file size limit stands in for the full disk: both end a write half-way.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            write_atomic(str(path), b"x" * 5000, "f", path.stat())
        except ToolFailure:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert (path.read_text(), os.listdir(workspace)) == ("old", ["f"])
    assert sys.platform == "linux"
