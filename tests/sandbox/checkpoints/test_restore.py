"""Taking and restoring, whatever tree there is and whatever a shell does to it; a plain copy of it all is the model."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from py_mono.protocol.errors import SandboxError
from py_mono.protocol.tools import Change
from py_mono.sandbox.checkpoints.checkpoints import Checkpoints
from py_mono.sandbox.checkpoints.settings import CheckpointSettings
from py_mono.sandbox.checkpoints.tree import shown
from tests.sandbox.checkpoints.trees import Undoing, effects, place, run, snapshot

scripts = st.lists(effects, max_size=7)


@pytest.fixture
def room(tmp_path: Path) -> tuple[Checkpoints, Path]:
    workspace = tmp_path / "w"
    workspace.mkdir()
    return Checkpoints(str(tmp_path / "state"), str(workspace)), workspace


def opened(folder: str) -> tuple[Checkpoints, str]:
    workspace = os.path.join(folder, "w")
    os.mkdir(workspace)
    return Checkpoints(os.path.join(folder, "state"), workspace), workspace


@settings(max_examples=25, deadline=None)
@given(scripts, scripts)
def test_restoring_gives_back_what_was_taken_and_can_be_taken_back(earlier: list[str], later: list[str]) -> None:
    with place() as folder:
        checkpoints, workspace = opened(folder)
        run(earlier, workspace)
        taken, old = checkpoints.take(), snapshot(workspace)
        run(later, workspace)
        new = snapshot(workspace)
        restored = checkpoints.restore(taken.id)
        assert snapshot(workspace) == old
        again = Checkpoints(os.path.join(folder, "state"), workspace).restore(restored.before)
        assert snapshot(workspace) == new
        assert (restored.conflicts, restored.not_kept, again.conflicts, again.not_kept) == ((), {}, (), {})
        assert {change.path for change in restored.changes} == {change.path for change in again.changes}


@settings(max_examples=20, deadline=None)
@given(scripts, st.lists(scripts, min_size=1, max_size=3))
def test_undo_after_a_turn_is_the_identity_and_so_is_redo_after_undo(
    earlier: list[str], turns: list[list[str]]
) -> None:
    with place() as folder:
        checkpoints, workspace = opened(folder)
        run(earlier, workspace)
        stack, states = Undoing(checkpoints), []
        for number, turn in enumerate(turns):
            before = checkpoints.take()
            states.append(snapshot(workspace))
            run(turn, workspace)
            stack.committed(number, before.id, checkpoints.take().id)
            if len(stack.done) < len(states):
                states.pop()  # it changed nothing
        states.append(snapshot(workspace))
        for expected in states[-2::-1]:
            stack.undo()
            assert snapshot(workspace) == expected
        for expected in states[1:]:
            stack.redo()
            assert snapshot(workspace) == expected


@settings(max_examples=20, deadline=None)
@given(scripts, scripts, scripts)
def test_undo_touches_nothing_that_somebody_changed_after_the_turn(
    earlier: list[str], turn: list[str], later: list[str]
) -> None:
    with place() as folder:
        checkpoints, workspace = opened(folder)
        run(earlier, workspace)
        before, old = checkpoints.take(), snapshot(workspace)
        run(turn, workspace)
        after, new = checkpoints.take(), snapshot(workspace)
        run(later, workspace)
        now = snapshot(workspace)
        restored = checkpoints.restore(before.id, since=after.id)
        then = snapshot(workspace)
    for path in now.keys() | then.keys() | old.keys() | new.keys():
        if now.get(path) != then.get(path):
            created_above = path not in now and path in old and any(other.startswith(f"{path}/") for other in then)
            assert then.get(path) == old.get(path)
            assert now.get(path) == new.get(path) != old.get(path) or created_above
        elif new.get(path) == now.get(path) != old.get(path):
            above = tuple(f"{conflict}/" for conflict in restored.conflicts)
            assert shown(path) in restored.conflicts or shown(path).startswith(above)


def test_what_a_script_deleted_comes_back_git_and_empty_folders_included(room: tuple[Checkpoints, Path]) -> None:
    checkpoints, workspace = room
    run(["git init -q .", "mkdir -p empty/deep", "echo x > f", "chmod 741 f", "ln -s /etc/passwd link"], str(workspace))
    os.utime(workspace / "f", (1, 1))
    taken, old = checkpoints.take(), snapshot(str(workspace))
    run(["rm -rf .git empty f link"], str(workspace))
    checkpoints.restore(taken.id)
    assert snapshot(str(workspace)) == old
    assert (workspace / "f").stat().st_mtime == 1


def test_what_somebody_changed_since_is_kept_unless_confirmed(room: tuple[Checkpoints, Path]) -> None:
    checkpoints, workspace = room
    stack = Undoing(checkpoints)
    (workspace / "mine").write_text("1")
    (workspace / "theirs").write_text("1")
    before = checkpoints.take()
    (workspace / "mine").write_text("22")
    (workspace / "theirs").write_text("22")
    stack.committed(7, before.id, checkpoints.take().id)
    (workspace / "theirs").write_text("333")
    (workspace / "other").write_text("4")
    turn, restored = stack.undo()
    assert (turn, restored.conflicts, restored.changes) == (7, ("theirs",), (Change("mine", "modified"),))
    assert [(workspace / name).read_text() for name in ("mine", "theirs", "other")] == ["1", "333", "4"]
    stack.redo()
    assert [(workspace / name).read_text() for name in ("mine", "theirs", "other")] == ["22", "333", "4"]
    stack.undo(confirmed=True)
    restored = checkpoints.restore(before.id, only=["theirs"], confirmed=True)
    assert [(workspace / name).read_text() for name in ("mine", "theirs", "other")] == ["1", "1", "4"]


def test_an_undo_that_could_do_nothing_can_be_confirmed(room: tuple[Checkpoints, Path]) -> None:
    checkpoints, workspace = room
    stack = Undoing(checkpoints)
    before = checkpoints.take()
    (workspace / "f").write_text("1")
    stack.committed(1, before.id, checkpoints.take().id)
    (workspace / "f").write_text("22")
    assert stack.undo()[1].conflicts == ("f",)
    assert stack.undo(confirmed=True)[1].conflicts == ()
    assert snapshot(str(workspace)) == {}
    stack.redo()
    assert (workspace / "f").read_text() == "22"


def test_only_the_named_paths_are_restored(room: tuple[Checkpoints, Path]) -> None:
    checkpoints, workspace = room
    run(["mkdir d", "echo 1 > d/a", "echo 1 > d2", "echo 1 > e"], str(workspace))
    taken = checkpoints.take()
    run(["rm -rf d d2 e"], str(workspace))
    restored = checkpoints.restore(taken.id, only=["d/"])
    assert set(snapshot(str(workspace))) == {"d", "d/a"}
    assert restored.changes == (Change("d/a", "added"),)


def test_what_is_not_kept_is_said_and_never_touched(tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    run(
        [
            "mkdir -p w/.venv w/d/node_modules w/__pycache__",
            "head -c 2000 /dev/zero > w/big",
            "mkfifo w/pipe",
            "touch w/d/x",
        ],
        str(tmp_path),
    )
    (workspace / ".keys.enc").write_text("k")
    checkpoints = Checkpoints(str(tmp_path / "state"), str(workspace), CheckpointSettings(max_file_bytes=1000))
    before = checkpoints.take()
    assert before.note == (
        "not kept: .keys.enc (it holds the operator's keys), big (it is larger than 0.001 MB), pipe (it is a pipe); "
        "not looked into: .venv, node_modules"
    )
    assert checkpoints.take() == before
    run(["rm w/big", "mkdir -p w/new/.venv", "touch w/new/y", "head -c 3000 /dev/zero > w/huge"], str(tmp_path))
    after = checkpoints.take()
    restored = checkpoints.restore(before.id, since=after.id)
    assert restored.not_kept == {
        "big": "it is larger than 0.001 MB",
        "huge": "it is larger than 0.001 MB, so it stays",
    }
    assert restored.conflicts == ("new",)
    assert (workspace / "new" / ".venv").is_dir()
    assert not (workspace / "new" / "y").exists()
    assert (workspace / "huge").stat().st_size == 3000


def test_a_link_that_leads_outside_is_never_followed(room: tuple[Checkpoints, Path], tmp_path: Path) -> None:
    checkpoints, workspace = room
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_text("theirs")
    run(["mkdir d", "echo mine > d/f", "echo mine > g"], str(workspace))
    taken = checkpoints.take()
    run(["rm -rf d g", f"ln -s {outside} d", f"ln -s {outside}/f g"], str(workspace))
    checkpoints.restore(taken.id)
    assert (outside / "f").read_text() == "theirs"
    assert os.listdir(outside) == ["f"]
    assert (workspace / "d" / "f").read_text() == "mine\n"
    run(["rm -rf d", f"ln -s {outside} d"], str(workspace))
    now = checkpoints.take()
    assert checkpoints.restore(taken.id, since=now.id, only=["d/f"]).conflicts == ("d/f",)
    assert (outside / "f").read_text() == "theirs"


def test_a_checkpoint_of_nothing_new_is_the_last_one(room: tuple[Checkpoints, Path], tmp_path: Path) -> None:
    checkpoints, workspace = room
    (workspace / "f").write_text("1")
    first, size = checkpoints.take(), checkpoints.stats().bytes
    assert checkpoints.take() == first
    assert Checkpoints(str(tmp_path / "state"), str(workspace)).take() == first
    assert (checkpoints.stats().bytes, checkpoints.stats().checkpoints) == (size, 1)


def test_who_asks_how_much_there_is_makes_nothing(tmp_path: Path) -> None:
    workspace, state = tmp_path / "w", tmp_path / "state"
    workspace.mkdir()
    checkpoints = Checkpoints(str(state), str(workspace))
    assert (checkpoints.stats().bytes, checkpoints.stats().checkpoints, state.exists()) == (0, 0, False)


def test_an_unknown_checkpoint_is_said(room: tuple[Checkpoints, Path]) -> None:
    checkpoints, _ = room
    with pytest.raises(SandboxError, match="no checkpoint 'nope'"):
        checkpoints.restore("nope")


def test_two_sessions_on_one_workspace_keep_apart_what_each_did(tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    workspace.mkdir()
    one, two = (Checkpoints(str(tmp_path / "s"), str(workspace)) for _ in range(2))
    mine, theirs = Undoing(one), Undoing(two)
    start = one.take()
    (workspace / "mine").write_text("1")
    mine.committed(1, start.id, one.take().id)
    middle = two.take()
    (workspace / "theirs").write_text("2")
    theirs.committed(1, middle.id, two.take().id)
    mine.undo()
    assert set(snapshot(str(workspace))) == {"theirs"}
    theirs.undo()
    mine.redo()
    assert set(snapshot(str(workspace))) == {"mine"}


def test_times_alone_are_no_change(room: tuple[Checkpoints, Path]) -> None:
    checkpoints, workspace = room
    (workspace / "f").write_text("1")
    before = checkpoints.take()
    time.sleep(0.02)
    (workspace / "f").write_text("1")
    assert checkpoints.changes(before.id, checkpoints.take().id).changes == ()
