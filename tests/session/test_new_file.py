"""A file that is there whole or not at all, and never in place of another one."""

import errno
import os
import resource
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from py_mono.protocol.errors import SessionError
from py_mono.session.new_file import write_new


def test_a_new_file_is_its_owners_alone_and_takes_nothings_place(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    write_new(str(path), ["one\n", "zwei ü\udcff\n"])
    assert path.read_text(encoding="utf-8") == "one\nzwei ü?\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(SessionError, match="is there already"):
        write_new(str(path), ["other"])
    (tmp_path / "link.md").symlink_to("nowhere")
    with pytest.raises(SessionError, match="is there already"):
        write_new(str(tmp_path / "link.md"), ["other"])
    assert path.read_text(encoding="utf-8") == "one\nzwei ü?\n"
    assert sorted(os.listdir(tmp_path)) == ["a.md", "link.md"]


def test_what_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    def damaged() -> Iterator[str]:
        yield "half"
        raise SessionError("the journal is damaged")

    with pytest.raises(SessionError, match="damaged"):
        write_new(str(tmp_path / "a.md"), damaged())
    assert os.listdir(tmp_path) == []
    with pytest.raises(SessionError, match="cannot be written: No such file or directory"):
        write_new(str(tmp_path / "none" / "a.md"), ["x"])


def test_a_file_that_comes_while_it_is_written_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.md"

    def pieces() -> Iterator[str]:
        path.write_text("theirs", encoding="utf-8")
        yield "ours"

    with pytest.raises(SessionError, match="is there already"):
        write_new(str(path), pieces())
    assert path.read_text(encoding="utf-8") == "theirs"
    assert os.listdir(tmp_path) == ["a.md"]


def test_where_the_file_system_knows_no_hard_links_the_name_is_taken_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "a.md"
    write_new(str(path), ["one"])
    assert (path.read_text(encoding="utf-8"), stat.S_IMODE(path.stat().st_mode)) == ("one", 0o600)

    def theirs() -> Iterator[str]:
        (tmp_path / "b.md").write_text("theirs", encoding="utf-8")
        yield "ours"

    with pytest.raises(SessionError, match="is there already"):
        write_new(str(tmp_path / "b.md"), theirs())
    assert {each.name: each.read_text(encoding="utf-8") for each in tmp_path.iterdir()} == {
        "a.md": "one",
        "b.md": "theirs",
    }


def test_a_disk_that_is_full_leaves_nothing(tmp_path: Path) -> None:
    limits, before = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(SessionError, match="cannot be written: File too large"):
            write_new(str(tmp_path / "a.md"), ["x" * 1_000_000])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert os.listdir(tmp_path) == []
