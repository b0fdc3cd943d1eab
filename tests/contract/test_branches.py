"""The contract of both kinds of branch: what they tell, keep, take back and leave alone, whatever the tools do."""

import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from py_mono.protocol.errors import SandboxError
from py_mono.protocol.ports import BranchMode, Changes, Grant
from py_mono.protocol.tools import Change
from py_mono.sandbox.profile import LAYERS
from py_mono.sandbox.scratch import ScratchBranch
from tests.contract.branches import TOOLS, Call, Place

CALLS = st.lists(TOOLS, min_size=1, max_size=5)
QUICK = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
FEWER = settings(QUICK, max_examples=8)
_numbers = itertools.count()


@pytest.fixture(params=["direct", "scratch"])
def mode(request: pytest.FixtureRequest) -> BranchMode:
    found: BranchMode = request.param
    return found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with Place(tmp_path) as place:
        yield place


def fresh(tmp_path: Path) -> Place:
    return Place(tmp_path / f"{next(_numbers)}")


@QUICK
@given(before=CALLS, calls=CALLS)
def test_discard_leaves_the_tree_as_it_was_to_the_byte(
    tmp_path: Path, mode: BranchMode, before: list[Call], calls: list[Call]
) -> None:
    place = fresh(tmp_path)
    try:
        place.begin(before)
        was = place.state
        branch = place.open(mode)
        place.call(branch, calls)
        place.runner.run(branch.discard())
        place.runner.run(branch.close())
        assert place.state == was
    finally:
        place.close()


@QUICK
@given(before=CALLS, calls=CALLS)
def test_undo_after_a_commit_is_the_identity_and_redo_too(
    tmp_path: Path, mode: BranchMode, before: list[Call], calls: list[Call]
) -> None:
    place = fresh(tmp_path)
    try:
        place.begin(before)
        was = place.state
        branch = place.open(mode)
        place.call(branch, calls)
        committed = place.runner.run(branch.commit())
        place.runner.run(branch.close())
        now = place.state
        if committed is None:
            assert {path: each[:2] for path, each in now.items()} == {path: each[:2] for path, each in was.items()}
            return
        restore = place.snapshots.restore
        undone = place.runner.run(restore(committed.before, since=committed.after, confirmed=False))
        assert (place.state, undone.conflicts, undone.not_kept) == (was, (), {})
        place.runner.run(restore(undone.before, since=undone.after, confirmed=False))
        assert place.state == now
    finally:
        place.close()


@FEWER
@given(before=CALLS, calls=CALLS, chance=st.randoms(use_true_random=False))
def test_a_scratch_branch_merges_what_a_direct_one_would_have_done_all_or_by_file(
    tmp_path: Path,
    before: list[Call],
    calls: list[Call],
    chance: "st.Random",  # type: ignore[name-defined]
) -> None:
    left = []
    keep: frozenset[str] | None = None
    kinds: tuple[BranchMode, ...] = ("direct", "scratch")
    for kind in kinds:
        place = fresh(tmp_path)
        try:
            place.begin(before)
            branch = place.open(kind)
            place.call(branch, calls)
            changes = place.runner.run(branch.changes())
            if kind == "direct" and chance.random() < 0.5:
                keep = frozenset(each.path for each in changes.changes if chance.random() < 0.5)
            committed = place.runner.run(branch.commit(keep))
            place.runner.run(branch.close())
            left.append((changes.changes, place.timeless(), committed.conflicts if committed else ()))
        finally:
            place.close()
    assert left[0] == left[1]


def test_what_the_calls_did_is_told_by_path_and_by_line(place: Place, mode: BranchMode) -> None:
    place.begin(
        [("shell", {"command": "mkdir -p .git old .venv/bin; echo ref > .git/HEAD; echo 1 > old/x; echo one > f"})]
    )
    branch = place.open(mode)
    place.shell(branch, "rm -rf .git old; echo two > f; mkdir empty")
    changes = place.runner.run(branch.changes())
    assert changes.changes == (
        Change(".git", "deleted"),
        Change("empty", "added"),
        Change("f", "modified"),
        Change("old/x", "deleted"),
    )
    assert changes.complete
    assert "not looked into: .venv" in changes.note
    files = {file.path: file for file in place.runner.run(branch.diff())}
    assert list(files) == [".git", "empty", "f", "old", "old/x"]
    assert files["f"].text == "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-one\n+two\n"
    assert (files[".git"].kind, files[".git"].note) == ("deleted", "git's own files, 2 of them")


@pytest.mark.parametrize("kept", [frozenset({"f"}), frozenset({"f", ".git"}), frozenset({".git"}), frozenset({"d/x"})])
def test_gits_own_files_are_kept_or_taken_back_as_one(place: Place, mode: BranchMode, kept: frozenset[str]) -> None:
    place.begin([("shell", {"command": "mkdir .git; echo old > .git/HEAD; echo one > f"})])
    branch = place.open(mode)
    place.shell(
        branch, "echo new > .git/HEAD; echo new > .git/index; echo two > f; mkdir d; echo 1 > d/x; echo 1 > d/y"
    )
    place.runner.run(branch.commit(kept))
    place.runner.run(branch.close())
    files = {path: content for path, (mode, content) in place.timeless().items() if stat.S_ISREG(mode)}
    expected = {".git/HEAD": b"old\n", "f": b"one\n"}
    if ".git" in kept:
        expected |= {".git/HEAD": b"new\n", ".git/index": b"new\n"}
    expected |= {"f": b"two\n"} if "f" in kept else {}
    expected |= {"d/x": b"1\n"} if "d/x" in kept else {}
    assert files == expected


def test_where_nothing_is_done_nothing_is_committed_discarded_or_told(place: Place, mode: BranchMode) -> None:
    place.begin([("write_file", {"path": "f", "content": "one\n"})])
    was = place.state
    branch = place.open(mode)
    place.call(branch, [("read_file", {"path": "f"})])
    assert place.runner.run(branch.changes()) == Changes(())
    assert list(place.runner.run(branch.diff())) == []
    assert place.runner.run(branch.commit()) is None
    place.runner.run(branch.discard())
    place.runner.run(branch.close())
    assert place.state == was


def test_what_is_neither_committed_nor_discarded_stands_or_is_thrown_away(place: Place, mode: BranchMode) -> None:
    branch = place.open(mode)
    place.shell(branch, "echo 1 > f")
    place.runner.run(branch.close())
    assert list(place.state) == (["f"] if mode == "direct" else [])


def test_the_absolute_path_is_the_workspaces_own(place: Place, mode: BranchMode) -> None:
    branch = place.open(mode)
    assert place.shell(branch, "pwd") == str(place.workspace)
    place.runner.run(branch.close())


def test_what_somebody_changed_meanwhile_is_a_conflict_and_stays(place: Place) -> None:
    place.begin([("shell", {"command": "for f in mine theirs both; do echo one > $f; done"})])
    branch = place.open("scratch")
    place.shell(branch, "echo two > mine; echo two > both; echo two > new; rm theirs; mkdir d; echo 1 > d/x")
    (place.workspace / "both").write_text("somebody's\n")
    (place.workspace / "theirs").write_text("somebody's\n")
    (place.workspace / "new").write_text("somebody's\n")
    committed = place.runner.run(branch.commit())
    assert committed is not None
    assert committed.conflicts == ("both", "new", "theirs")
    contents = {path: content for path, (_, content) in place.timeless().items()}
    somebody = b"somebody's\n"
    assert contents == {
        "mine": b"two\n",
        "both": somebody,
        "theirs": somebody,
        "new": somebody,
        "d": b"",
        "d/x": b"1\n",
    }
    restored = place.runner.run(place.snapshots.restore(committed.before, since=committed.after, confirmed=False))
    assert restored.conflicts == ()
    assert (place.workspace / "both").read_text() == "somebody's\n"
    assert (place.workspace / "mine").read_text() == "one\n"
    assert not (place.workspace / "d").exists()


def test_what_somebody_changed_after_the_turn_is_not_taken_back_by_a_review(place: Place) -> None:
    place.begin([("shell", {"command": "echo one > a; echo one > b"})])
    branch = place.open("direct")
    place.shell(branch, "echo two > a; echo two > b")
    place.runner.run(branch.changes())
    (place.workspace / "b").write_text("somebody's\n")
    committed = place.runner.run(branch.commit(frozenset()))
    assert committed is not None
    assert committed.conflicts == ("b",)
    assert {path: content for path, (_, content) in place.timeless().items()} == {"a": b"one\n", "b": b"somebody's\n"}


def test_two_sessions_merge_what_each_did_and_neither_loses_anything(tmp_path: Path) -> None:
    with Place(tmp_path) as one, Place(tmp_path) as two:
        one.begin([("shell", {"command": "for f in a b c; do echo 0 > $f; done"})])
        first, second = one.open("scratch"), two.open("scratch")
        one.shell(first, "echo first > a; echo first > c; echo first > new")
        two.shell(second, "echo second > b; echo second > c; rm -f a")
        begun, followed = one.runner.run(first.commit()), two.runner.run(second.commit())
        assert begun is not None
        assert followed is not None
        assert (begun.conflicts, followed.conflicts) == ((), ("a", "c"))
        contents = {path: content for path, (_, content) in one.timeless().items()}
        assert contents == {"a": b"first\n", "b": b"second\n", "c": b"first\n", "new": b"first\n"}
        one.runner.run(one.snapshots.restore(begun.before, since=begun.after, confirmed=False))
        contents = {path: content for path, (_, content) in one.timeless().items()}
        assert contents == {"a": b"0\n", "b": b"second\n", "c": b"0\n"}


def test_where_no_checkpoint_can_be_had_the_calls_run_and_it_is_said(tmp_path: Path) -> None:
    with Place(tmp_path) as place:
        (tmp_path / "state").write_text("in the way")
        branch = place.open("direct")
        assert place.shell(branch, "echo 1 > f; echo done") == "done"
        assert place.runner.run(branch.changes()).changes == (Change("f", "added"),)
        committed = place.runner.run(branch.commit())
        assert committed is not None
        assert committed.before == ""
        assert "The store of checkpoints cannot be used" in committed.note
        for refused in (branch.diff(), branch.discard(), branch.commit(frozenset())):
            with pytest.raises(SandboxError, match="There is no checkpoint"):
                place.runner.run(refused)
        place.runner.run(branch.close())
        with pytest.raises(SandboxError, match="cannot be used"):
            place.open("scratch")


def test_links_owners_and_pipes_are_in_the_copy_and_keys_are_not(place: Place) -> None:
    place.begin(
        [("shell", {"command": "echo 1 > a; ln a hard; ln -s a soft; mkfifo pipe; mkdir -m 2750 d; mkdir empty"})]
    )
    (place.workspace / ".keys.enc").write_text("secret")
    branch = place.open("scratch")
    said = place.shell(branch, "stat -c '%n %h %F %a' hard soft pipe d empty; cat .keys.enc; ls -A | wc -l")
    assert said.splitlines()[:5] == [
        "hard 2 regular file 644", "soft 1 symbolic link 777", "pipe 1 fifo 644", "d 2 directory 2750",
        "empty 2 directory 755",
    ]  # fmt: skip
    assert "secret" not in said
    assert place.runner.run(branch.changes()).changes == ()
    place.shell(branch, "echo mine > .keys.enc")
    assert place.runner.run(branch.commit()) is None
    place.runner.run(branch.close())
    assert (place.workspace / ".keys.enc").read_text() == "secret"


def test_what_a_copy_does_not_hold_can_be_read_in_it_and_not_changed(place: Place) -> None:
    place.begin(
        [
            (
                "shell",
                {
                    "command": "mkdir -p .venv/bin sub/node_modules __pycache__; echo 1 > .venv/bin/x; echo 2 > sub/node_modules/y"
                },
            )
        ]
    )
    with (place.workspace / "large").open("wb") as large:
        large.truncate(150_000_000)
    was = place.state
    branch = place.open("scratch")
    said = place.shell(
        branch,
        "cat .venv/bin/x sub/node_modules/y; stat -c %s large; for f in .venv/new sub/node_modules/y large; do "
        "echo more 2>/dev/null >> $f || echo no $f; done; rm -rf .venv large 2>/dev/null; ls -A",
    )
    assert said.splitlines() == [
        "1", "2", "150000000", "no .venv/new", "no sub/node_modules/y", "no large", ".venv", "large", "sub",
    ]  # fmt: skip
    changes = place.runner.run(branch.changes())
    assert changes.changes == ()
    assert "in the copy .venv, large, sub/node_modules could only be read" in changes.note
    place.shell(branch, "echo 3 > sub/new")
    committed = place.runner.run(branch.commit())
    assert committed is not None
    assert committed.conflicts == ()
    place.runner.run(branch.close())
    (place.workspace / "sub" / "new").unlink()
    assert place.state == was


def test_a_discarded_copy_is_gone_and_takes_no_more_calls(place: Place, tmp_path: Path) -> None:
    branch = place.open("scratch")
    place.shell(branch, "mkdir -m 0 closed; echo 1 > f")
    place.runner.run(branch.discard())
    assert os.listdir(tmp_path / "state" / "scratch") == []
    with pytest.raises(SandboxError, match="thrown away"):
        place.shell(branch, "true")
    place.runner.run(branch.close())


def test_from_a_copy_nothing_outside_is_changed(tmp_path: Path) -> None:
    with Place(tmp_path) as place:
        outside = tmp_path / "outside"
        outside.mkdir()
        branch = place.open("scratch")
        assert "nothing outside it is changed" in place.shell(
            branch, f"touch {outside}/x", Grant(writes=(str(outside),))
        )
        assert os.listdir(outside) == []
        place.runner.run(branch.close())


def test_without_mounts_a_copy_is_worked_on_at_its_own_path_and_that_is_said(tmp_path: Path) -> None:
    with Place(tmp_path, layers=tuple(layer for layer in LAYERS if layer != "namespaces")) as place:
        place.begin([("shell", {"command": "mkdir -p .venv/bin d; echo 1 > .venv/bin/x; echo 1 > d/f; echo 1 > f"})])
        was = place.state
        branch = place.open("scratch")
        said = place.shell(
            branch, "pwd; cat .venv/bin/x; echo 2 > f; rm -r d; (echo > .venv/bin/y) 2>/dev/null || echo no"
        )
        copy, *rest = said.splitlines()
        assert copy.startswith(str(tmp_path / "state" / "scratch"))
        assert isinstance(branch, ScratchBranch)
        lock = place.runner.run(branch.lock())
        assert rest == ["1", "no"] if lock["layers"]["landlock"].startswith("on") else ["1"]
        assert f"The copy of the workspace is at {copy}: no mount namespace can show it at its place." in lock["open"]
        assert place.runner.run(branch.changes()).changes == (Change("d/f", "deleted"), Change("f", "modified"))
        assert {
            path: each for path, each in place.state.items() if path != ".venv/bin/y"
        } == was  # no Landlock, no wall
        place.runner.run(branch.discard())
        place.runner.run(branch.close())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can work for another user")
def test_a_copy_for_another_user_is_theirs(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(0o755)  # this user has to come as far as the workspace
    (tmp_path / "workspace").mkdir()
    os.chown(tmp_path / "workspace", 1000, 1000)
    with Place(tmp_path) as place:
        place.begin([("shell", {"command": "mkdir d; echo 1 > d/f; chmod 700 d; id -u"})])
        branch = place.open("scratch")
        assert place.shell(branch, "id -u; echo 2 > d/f; echo 1 > new; stat -c %u . d d/f").splitlines() == ["1000"] * 4
        place.runner.run(branch.commit())
        place.runner.run(branch.close())
        owners = {path.name: path.lstat().st_uid for path in place.workspace.rglob("*")}
        assert owners == {"d": 1000, "f": 1000, "new": 1000}


def test_what_somebody_beside_the_tools_changes_belongs_to_the_transaction(place: Place) -> None:
    place.begin([("shell", {"command": "echo one > f"})])
    was = place.state
    branch = place.open("direct")
    assert branch.mode == "direct"
    place.runner.run(branch.touch())
    place.runner.run(branch.touch())
    (place.workspace / "f").write_text("two\n")
    assert place.runner.run(branch.changes()).changes == (Change("f", "modified"),)
    (place.workspace / "new").touch()
    place.runner.run(branch.touch())
    assert place.runner.run(branch.changes()).changes == (Change("f", "modified"), Change("new", "added"))
    place.runner.run(branch.discard())
    place.runner.run(branch.close())
    assert place.state == was


def test_the_checkpoint_of_before_is_told_once_also_where_only_somebody_else_acts(place: Place) -> None:
    told: list[str] = []
    branch = place.runner.run(place.sandbox.open("direct", told.append))
    place.runner.run(branch.touch())
    place.shell(branch, "echo 1 > f")
    place.runner.run(branch.touch())
    assert len(told) == 1
    committed = place.runner.run(branch.commit())
    assert committed is not None
    assert committed.before == told[0]
    place.runner.run(branch.close())


def test_touched_and_not_changed_is_nothing(place: Place) -> None:
    branch = place.open("direct")
    place.runner.run(branch.touch())
    assert place.runner.run(branch.commit()) is None
    place.runner.run(branch.close())


def test_on_a_copy_nobody_else_acts(place: Place) -> None:
    branch = place.open("scratch")
    assert branch.mode == "scratch"
    with pytest.raises(SandboxError, match="on which nobody else acts"):
        place.runner.run(branch.touch())
    assert place.runner.run(branch.changes()) == Changes(())
    place.runner.run(branch.close())
