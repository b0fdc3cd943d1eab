"""What a file is beside its bytes: its names, its owner, its holes."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from py_mono.sandbox.checkpoints.checkpoints import Checkpoints
from tests.sandbox.checkpoints.trees import place, run, snapshot

Room = tuple[Checkpoints, Path]


@pytest.fixture
def room() -> Iterator[Room]:
    with place() as folder:
        workspace = Path(folder, "w")
        workspace.mkdir()
        yield Checkpoints(os.path.join(folder, "state"), str(workspace)), workspace


def files(workspace: Path) -> dict[str, int]:
    """Each file's path, and how many names it has."""
    return {str(path.relative_to(workspace)): path.stat().st_nlink for path in workspace.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "change",
    [
        "rm a d/b",
        "rm -r a d c",
        "echo new > a",
        "echo x > new && mv new d/b",
        "rm a && mkdir a && rm -r d && echo > d",
        "ln -f other a && rm d/b",
        "chmod 600 c",
    ],
)
def test_names_of_one_file_are_names_of_one_file_again(room: Room, change: str) -> None:
    checkpoints, workspace = room
    run(["mkdir d", "echo old > a", "ln a d/b", "ln a c", "echo other > other"], str(workspace))
    taken, old = checkpoints.take(), snapshot(str(workspace))
    run([change], str(workspace))
    new, names = snapshot(str(workspace)), files(workspace)
    assert new != old
    restored = checkpoints.restore(taken.id)
    assert snapshot(str(workspace)) == old
    assert files(workspace) == {"a": 3, "c": 3, "d/b": 3, "other": 1}
    assert (restored.conflicts, restored.not_kept) == ((), {})
    checkpoints.restore(restored.before)
    assert snapshot(str(workspace)) == new
    assert files(workspace) == names


def test_a_name_that_somebody_else_gave_to_another_file_is_no_name_of_it(room: Room) -> None:
    checkpoints, workspace = room
    run(["echo old > a", "ln a b"], str(workspace))
    before = checkpoints.take()
    run(["echo turn > b"], str(workspace))
    after = checkpoints.take()
    run(["rm a", "echo theirs > a"], str(workspace))
    assert checkpoints.restore(before.id, since=after.id).conflicts == ("a",)
    assert [(workspace / name).read_text() for name in "ab"] == ["theirs\n", "old\n"]
    assert files(workspace) == {"a": 1, "b": 1}


def test_holes_stay_holes(room: Room) -> None:
    checkpoints, workspace = room
    file = workspace / "disk"
    with file.open("wb") as stream:
        stream.write(b"begin")
        stream.seek(5_000_003)
        stream.write(b"middle")
        stream.truncate(9_000_000)
    content = file.read_bytes()
    taken = checkpoints.take()
    file.unlink()
    checkpoints.restore(taken.id)
    assert file.read_bytes() == content
    assert file.stat().st_blocks * 512 < 1_000_000


root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")


def owners(workspace: Path) -> dict[str, tuple[int, int]]:
    found = {str(path.relative_to(workspace)): path.lstat() for path in workspace.rglob("*")}
    return {path: (seen.st_uid, seen.st_gid) for path, seen in found.items()}


@root
def test_owners_come_back_and_so_do_modes_that_a_change_of_owner_clears(room: Room) -> None:
    checkpoints, workspace = room
    run(["mkdir -p d/e", "echo 1 > d/f", "echo 2 > g", "echo 3 > h", "ln -s f d/link"], str(workspace))
    run(["chown -h 1234:4321 d d/f d/link h", "chown 1234 d/e", "chmod 4751 d/f h"], str(workspace))
    taken, old, whose = checkpoints.take(), snapshot(str(workspace)), owners(workspace)
    run(["rm -r d", "echo 3 > new && mv new h", "chown 77 g"], str(workspace))
    restored = checkpoints.restore(taken.id)
    assert (snapshot(str(workspace)), owners(workspace)) == (old, whose)
    assert restored.not_kept == {}
    checkpoints.restore(restored.before)
    assert owners(workspace) == {"g": (77, 0), "h": (0, 0)}


@root
def test_an_owner_that_may_not_be_set_is_said() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        workspace = Path(folder, "w")
        workspace.mkdir()
        (workspace / "f").write_text("theirs")
        os.chown(workspace, 1234, 1234)
        os.chown(workspace / "f", 77, 77)
        reader, writer = os.pipe()
        if os.fork() == 0:
            try:
                os.setgroups([])
                os.setresgid(1234, 1234, 1234)
                os.setresuid(1234, 1234, 1234)
                checkpoints = Checkpoints(os.path.join(folder, "state"), str(workspace))
                taken = checkpoints.take()
                (workspace / "f").unlink()
                os.write(writer, str(checkpoints.restore(taken.id).not_kept).encode())
            except BaseException as error:  # noqa: BLE001 - it is read and compared
                os.write(writer, repr(error).encode())
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            assert pipe.read() == "{'f': 'it is back, but yours: you may not give it to its owner and group, 77:77'}"
        os.wait()
        assert (workspace / "f").read_text() == "theirs"
