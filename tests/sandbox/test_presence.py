"""The mark of a process that has workers in a workspace."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from py_mono.protocol.errors import SandboxError
from py_mono.sandbox import presence
from py_mono.sandbox.keys import KEYS, KeyFile
from py_mono.sandbox.presence import Presence
from tests.sandbox.locking import REPOSITORY

_HOLDER = """
import sys; sys.path.insert(0, sys.argv[1])
from py_mono.sandbox.presence import Presence
held = Presence(sys.argv[2]); held.show(); print("held", flush=True); sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "keys" / "one.sessions"


def alone(path: Path) -> bool:
    """Whether somebody who makes the key file would have the lock to themselves."""
    with path.open("rb+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_many_share_it_and_whoever_wants_it_alone_waits_for_the_last(path: Path) -> None:
    first, second = Presence(str(path)), Presence(str(path))
    first.show()
    first.show()
    second.show()
    assert [stat.st_mode & 0o777 for stat in (path.stat(), path.parent.stat(), path.parent.parent.stat())] == [
        0o600, 0o700, 0o700,
    ]  # fmt: skip
    first.hide()
    assert not alone(path)
    second.hide()
    second.hide()
    assert alone(path)


def test_it_ends_with_its_process_and_no_child_keeps_it(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(REPOSITORY), str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        assert not alone(path)
        holder.kill()
    assert alone(path)
    own = Presence(str(path))
    own.show()
    child = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    forked = os.fork()
    if not forked:
        os.execv("/bin/sleep", ["sleep", "60"])
    try:
        own.hide()
        assert alone(path)
    finally:
        for pid in (child, forked):
            os.kill(pid, 9)
            os.waitpid(pid, 0)


@pytest.mark.parametrize("folder", ["file/keys", "link"])
def test_where_it_cannot_be_kept_nothing_is_held_and_nothing_fails(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "one.sessions").symlink_to(tmp_path / "elsewhere")
    held = Presence(str(tmp_path / folder / "one.sessions"))
    held.show()
    held.hide()
    assert not (tmp_path / "elsewhere").exists()


def test_who_finds_a_key_file_being_made_waits_and_says_so_in_the_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "_WAIT_S", 0.05)
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(SandboxError, match="key file of this workspace"):
            Presence(str(path)).show()
    held = Presence(str(path))
    held.show()
    assert not alone(path)
    held.hide()


def test_the_file_that_was_there_is_the_operators_and_no_other_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / KEYS
    path.write_text("sealed")
    keys = KeyFile(str(tmp_path))
    assert not keys.is_covered
    keys.look()
    assert keys.is_covered
    assert keys.clear() == ""
    path.write_text("rewritten in place")
    assert keys.is_covered
    path.write_text("")
    assert not keys.is_covered
    assert keys.clear() == ""
    path.unlink()
    assert not keys.is_covered
    for _ in range(40):  # a file system gives a free inode to the next file at once
        path.touch()
        assert not keys.is_covered
        assert "was removed" in keys.clear()
    keys.close()


@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "missing"])
def test_what_is_no_file_is_left_where_it_was_there_and_covered_never(tmp_path: Path, kind: str) -> None:
    path = tmp_path / KEYS
    {"link": lambda: path.symlink_to("x"), "folder": path.mkdir, "pipe": lambda: os.mkfifo(path)}.get(kind, bool)()
    keys = KeyFile(str(tmp_path))
    keys.look()
    assert not keys.is_covered
    assert keys.clear() == ""
    keys.look()
    assert os.path.lexists(path) == (kind != "missing")
    keys.close()


def test_what_may_be_somebodys_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / KEYS
    keys = KeyFile(str(tmp_path))
    keys.look()
    path.write_text("from a backup")
    assert "was renamed to .keys.enc.removed-" in keys.clear()
    (aside,) = tmp_path.iterdir()
    assert aside.read_text() == "from a backup"
