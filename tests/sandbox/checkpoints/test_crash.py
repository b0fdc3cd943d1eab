"""Death at any point: before an open, a rename, an unlink, a chmod; the tree is then wholly old or wholly new."""

import errno
import os
import shutil
import stat
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from py_mono.sandbox.checkpoints.checkpoints import Checkpoints
from py_mono.sandbox.checkpoints.folders import Folders
from py_mono.sandbox.checkpoints.journal import RestoreJournal
from py_mono.sandbox.checkpoints.plan import Plan, Spot
from py_mono.sandbox.checkpoints.restore import Restorer, Unfinished
from tests.sandbox.checkpoints.trees import Model, effects, place, run, snapshot

_DEAD = 77
_CUT = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.symlink", "os.utime", "os.chmod", "os.truncate")


def dies(work: Callable[[], object], at: int) -> bool:
    """Do the work in a process that dies before its ``at``-th change of a file; whether it came that far."""
    child = os.fork()
    if child == 0:
        count = 0

        def hook(event: str, _: object) -> None:
            nonlocal count
            if event in _CUT:
                count += 1
                if count > at:
                    os._exit(_DEAD)

        sys.addaudithook(hook)
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == _DEAD


def fresh(folder: str) -> Checkpoints:
    return Checkpoints(os.path.join(folder, "state"), os.path.join(folder, "w"))


def prepared(folder: str, earlier: list[str], later: list[str]) -> tuple[str, Model, Model]:
    workspace = os.path.join(folder, "w")
    os.mkdir(workspace)
    run(earlier, workspace)
    taken, old = fresh(folder).take(), snapshot(workspace)
    run(later, workspace)
    fresh(folder).take()
    return taken.id, old, snapshot(workspace)


EARLIER = [
    "mkdir -p d/e empty",
    "echo 1 > d/a",
    "echo 2 > d/e/b",
    "ln -s x link",
    "ln d/a twin",
    "ln d/a d/e/twin",
    "chmod 500 d/e",
    "echo 3 > was_file",
]
LATER = [
    "chmod 755 d/e",
    "rm -r d empty link was_file twin",
    "echo new > d",
    "mkdir was_file",
    "echo y > was_file/in",
    "echo > n",
]


def test_a_restore_killed_at_any_point_is_undone_or_finished_on_the_next_start() -> None:
    outcomes = set()
    with place() as folder, place() as beginning:
        name, old, new = prepared(folder, EARLIER, LATER)
        shutil.copytree(folder, beginning, symlinks=True, dirs_exist_ok=True)
        for at in range(500):
            died = dies(partial(fresh(folder).restore, name), at)
            fresh(folder).heal()
            found = snapshot(os.path.join(folder, "w"))
            assert found in (old, new)
            outcomes.add(found == old)
            if at % 4 == 0 or found == old:
                assert fresh(folder).restore(name).conflicts == ()
                assert snapshot(os.path.join(folder, "w")) == old
            if not died:
                break
            shutil.rmtree(folder)
            shutil.copytree(beginning, folder, symlinks=True)
    assert not died
    assert outcomes == {True, False}


@settings(max_examples=20, deadline=None)
@given(st.lists(effects, max_size=6), st.lists(effects, min_size=1, max_size=6), st.integers(5, 60), st.integers(0, 40))
def test_a_death_while_healing_is_healed_too(earlier: list[str], later: list[str], first: int, second: int) -> None:
    with place() as folder:
        name, old, new = prepared(folder, earlier, later)
        dies(lambda: fresh(folder).restore(name), first)
        dies(lambda: fresh(folder).heal(), second)
        fresh(folder).heal()
        assert snapshot(os.path.join(folder, "w")) in (old, new)
        fresh(folder).restore(name)
        assert snapshot(os.path.join(folder, "w")) == old


def test_what_somebody_writes_after_the_death_is_kept() -> None:
    with place() as folder:
        workspace = os.path.join(folder, "w")
        files = [f"echo {number} > f{number}" for number in range(9)]
        name, old, new = prepared(folder, files, ["for f in f*; do echo other > $f; done"])
        half = next(at for at in range(0, 500, 3) if not in_one_piece(folder, name, at, old, new))
        assert half
        for number in range(9):
            run([f"echo theirs > f{number}"], workspace)
        fresh(folder).heal()
        assert {content for _, content in snapshot(workspace).values()} == {b"theirs\n"}


def in_one_piece(folder: str, name: str, at: int, old: Model, new: Model) -> bool:
    """Whether a restore that dies there leaves the tree as it was or as it should be."""
    fresh(folder).heal()
    for number in range(9):
        run([f"echo other > f{number}"], os.path.join(folder, "w"))
    dies(lambda: fresh(folder).restore(name), at)
    found = {path: it for path, it in snapshot(os.path.join(folder, "w")).items() if not path.startswith(".py-mono")}
    return found in (old, new)


@pytest.mark.parametrize("at", range(0, 16, 3))
def test_a_take_killed_at_any_point_leaves_the_older_checkpoints(at: int) -> None:
    with place() as folder:
        workspace = os.path.join(folder, "w")
        os.mkdir(workspace)
        run(["echo 1 > f"], workspace)
        first = fresh(folder).take()
        run(["echo 2 > g", "echo 3 > h"], workspace)
        dies(lambda: fresh(folder).take(), at)
        fresh(folder).restore(first.id)
        assert set(snapshot(workspace)) == {"f"}


def test_a_restore_that_is_left_unfinished_leaves_no_file_open_and_can_be_finished(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    journal = RestoreJournal(str(tmp_path))
    twin = Spot(b"f", None, None, stat.S_IFREG | 0o644, 0, b"", twin=b"gone")  # the one kind that is not laid ready
    plan = Plan([], [], [], [twin], [], [], [])

    def broken(_: bytes) -> bytes:
        raise OSError(errno.EIO, "broken")

    with Folders(str(tmp_path / "workspace")) as folders:
        before = os.listdir("/proc/self/fd")
        with pytest.raises(Unfinished) as caught:
            Restorer(folders, journal, broken).run(plan, "x")
        assert (caught.value.args[0], os.listdir("/proc/self/fd")) == ({"f": "broken"}, before)
        intent = journal.read()
        assert intent is not None
        Restorer(folders, journal, lambda _: b"whole").finish(intent)
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "workspace").iterdir()] == [("f", b"whole")]
    assert journal.read() is None
