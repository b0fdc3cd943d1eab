"""What differs between two looks at a workspace; the model is a plain copy of everything in it."""

import os
import socket
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from py_mono.protocol.ports import Changes
from py_mono.protocol.tools import Change, ChangeKind
from py_mono.sandbox import manifest
from py_mono.sandbox.manifest import compare, scan, scan_settled

_names = st.sampled_from(["a", "b", "d/a", "d/b", "d/e/a", "$'\\xff'", "'two words'"])
_OUTSIDE = "/proc/self"  # a folder whose mode nobody can change: chmod goes through links
_effects = st.one_of(
    st.builds("mkdir -p $(dirname {0}) && printf {1} > {0}".format, _names, st.sampled_from(["1", "22", "''"])),
    st.builds("printf {1} >> {0}".format, _names, st.just("x")),
    st.builds("rm -rf {}".format, st.sampled_from(["a", "b", "d", "d/e", "d/a"])),
    st.builds("mv -T {0} {1}".format, _names, _names),
    st.builds("ln -sfn {0} {1}".format, st.sampled_from([_OUTSIDE, "a", "nowhere"]), _names),
    st.builds("mkdir -p {}".format, st.sampled_from(["d", "d/e", "new/empty"])),
    st.builds("chmod {1} {0}".format, _names, st.sampled_from(["600", "755"])),
    st.builds("ln -f {0} {1}".format, _names, _names),
    st.just("mkfifo pipe"),
)


def snapshot(workspace: str) -> dict[str, tuple[int, bytes]]:
    """Every path with its mode and content: the model that metadata alone is compared with."""
    found = {}
    for folder, folders, files in os.walk(workspace):
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            content = b""
            if stat.S_ISLNK(mode):
                content = os.fsencode(os.readlink(path))
            elif stat.S_ISREG(mode):
                content = Path(path).read_bytes()
            found[os.path.relpath(path, workspace)] = (mode, content)
    return found


def expected(old: dict[str, tuple[int, bytes]], new: dict[str, tuple[int, bytes]]) -> dict[str, ChangeKind]:
    kinds: dict[str, ChangeKind] = dict.fromkeys(new.keys() - old.keys(), "added")
    kinds |= dict.fromkeys(old.keys() - new.keys(), "deleted")
    kinds |= dict.fromkeys((path for path in old.keys() & new.keys() if old[path] != new[path]), "modified")
    for path in list(kinds):
        side = old if kinds[path] == "deleted" else new
        below = any(other.startswith(path + "/") for other in kinds)
        if kinds[path] != "modified" and stat.S_ISDIR(side[path][0]) and below:
            del kinds[path]
    return kinds


@settings(max_examples=40, deadline=None)
@given(st.lists(_effects, max_size=6), st.lists(_effects, min_size=1, max_size=6))
def test_nothing_a_shell_does_is_missed_and_nothing_is_made_up(earlier: list[str], later: list[str]) -> None:
    with tempfile.TemporaryDirectory() as workspace:
        run("; ".join(earlier), workspace)
        before, old = scan_settled(workspace), snapshot(workspace)
        run("; ".join(later), workspace)
        changes, new = compare(before, scan(workspace)), snapshot(workspace)
    wanted = {manifest._shown(path): kind for path, kind in expected(old, new).items()}
    found = {change.path: change.kind for change in changes.changes}
    touched = found.items() - wanted.items()  # rewritten with the same content: times tell, content does not
    assert wanted.items() <= found.items()
    assert {kind for _, kind in touched} <= {"modified"}
    assert [change.path for change in changes.changes] == sorted(found)
    assert changes.complete


def run(script: str, workspace: str) -> None:
    if script:
        subprocess.run(["bash", "-c", script], cwd=workspace, check=False, stderr=subprocess.DEVNULL)


def test_a_change_right_after_the_first_look_with_equal_size_and_time_is_seen(tmp_path: Path) -> None:
    for round_ in range(20):
        path = tmp_path / "file"
        path.write_text("aa")
        before = scan_settled(str(tmp_path))
        times = path.stat().st_atime_ns, path.stat().st_mtime_ns
        path.write_text("bb")
        os.utime(path, ns=times)
        assert compare(before, scan(str(tmp_path))) == Changes((Change("file", "modified"),)), round_


def test_odd_things_are_looked_at_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "socket"))
        with (tmp_path / "huge").open("wb") as huge:
            huge.truncate(10 << 30)
        (tmp_path / "loop").symlink_to(tmp_path)
        before = manifest.Manifest()
        after = scan(str(tmp_path))
    assert [change.path for change in compare(before, after).changes] == ["huge", "loop", "pipe", "socket"]


def test_folders_of_caches_and_of_git_are_left_out_and_named(tmp_path: Path) -> None:
    before = scan(str(tmp_path))
    for name in (".git", "sub/node_modules", ".venv"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").touch()
    (tmp_path / "sub" / ".git").write_text("gitdir: elsewhere")
    assert compare(before, scan(str(tmp_path))) == Changes(
        (Change("sub/.git", "added"),), note="not looked into: .git, .venv, node_modules"
    )


def test_a_folder_that_turns_into_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    before = scan(str(tmp_path))
    (tmp_path / "folder" / "file").unlink()
    (tmp_path / "folder").rmdir()
    (tmp_path / "folder").symlink_to("/")
    assert compare(before, scan(str(tmp_path))) == Changes(
        (Change("folder", "modified"), Change("folder/file", "deleted"))
    )


def test_what_cannot_be_looked_at_is_told(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(205):
        deep /= "d"
    deep.mkdir(parents=True)
    changes = compare(scan(str(tmp_path)), scan(str(tmp_path)))
    assert not changes.complete
    assert changes.note.startswith("could not be looked at: d/d/")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every folder")
def test_a_closed_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    assert compare(scan(str(tmp_path)), scan(str(tmp_path))) == Changes(
        (), complete=False, note="could not be looked at: closed"
    )


def test_a_workspace_that_is_gone_is_told_and_nothing_is_called_deleted(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "file").touch()
    before = scan(str(tmp_path / "w"))
    (tmp_path / "w" / "file").unlink()
    (tmp_path / "w").rmdir()
    changes = compare(before, scan(str(tmp_path / "w")))
    assert (changes.changes, changes.complete) == ((), False)
    assert "the workspace itself (No such file or directory)" in changes.note


def test_a_huge_workspace_is_given_up_on_and_that_is_told(tmp_path: Path) -> None:
    before = manifest.Manifest()
    for number in range(30):
        (tmp_path / f"{number}").touch()
    changes = compare(before, scan(str(tmp_path), limit=20))
    assert changes == Changes((), complete=False, note="could not be looked at: a workspace of more than 20 entries")
    assert len(compare(before, scan(str(tmp_path), limit=30)).changes) == 30


def test_a_folder_that_only_one_look_saw_into_gives_no_changes(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 201)
    (tmp_path / "f").touch()
    before = scan(str(tmp_path))
    deep.mkdir(parents=True)
    (deep / "file").touch()
    seen = compare(before, scan(str(tmp_path)))
    assert [change.path for change in seen.changes] == ["/".join(["d"] * 201)]
    assert not seen.complete
