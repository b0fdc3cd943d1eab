"""The store: cut and damaged at any byte, full, locked, pruned, compared."""

import fcntl
import os
import resource
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from py_mono.protocol.errors import SandboxError
from py_mono.protocol.ports import Changes, FileDiff
from py_mono.protocol.tools import Change
from py_mono.sandbox.checkpoints import store as stores
from py_mono.sandbox.checkpoints.checkpoints import Checkpoints
from py_mono.sandbox.checkpoints.settings import CheckpointSettings
from tests.sandbox.checkpoints.trees import Model, place, run, snapshot


class Room:
    """A workspace with its store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = str(folder / "w")
        os.makedirs(self.path, exist_ok=True)

    def fresh(self, limits: CheckpointSettings | None = None) -> Checkpoints:
        return Checkpoints(str(self.folder / "state"), self.path, limits)

    @property
    def pack(self) -> Path:
        return Path(self.fresh().stats().folder) / "pack"

    def states(self) -> dict[str, Model]:
        """Three checkpoints, and what each is of."""
        found = {}
        for commands in (["echo 1 > f", "mkdir d"], ["echo 2 > f", "seq 100 > d/g"], ["rm f", "ln -s d h"]):
            run(commands, self.path)
            found[self.fresh().take().id] = snapshot(self.path)
        return found


@pytest.fixture
def room() -> Iterator[Room]:
    with place() as folder:
        yield Room(Path(folder))


def test_a_pack_cut_at_any_byte_holds_all_that_was_committed_before(room: Room) -> None:
    states, ends = {}, []
    for commands in (["echo 1 > f", "mkdir d"], ["echo 2 > f", "seq 100 > d/g"], ["rm f", "ln -s d h"]):
        run(commands, room.path)
        states[room.fresh().take().id] = snapshot(room.path)
        ends.append(room.pack.stat().st_size)
    whole, names = room.pack.read_bytes(), list(states)
    for size in range(len(whole)):
        room.pack.write_bytes(whole[:size])
        alive = sum(end <= size for end in ends)
        checkpoints = room.fresh()
        assert checkpoints.stats().checkpoints == alive
        if alive and size % 7 == 0:
            checkpoints.restore(names[alive - 1])
            assert snapshot(room.path) == states[names[alive - 1]]


@pytest.fixture(scope="module")
def kept() -> Iterator[tuple[Room, dict[str, Model], Path, bytes]]:
    """A workspace with three checkpoints, what they are of, and the pack with its bytes."""
    with place() as folder:
        room = Room(Path(folder))
        states = room.states()
        yield room, states, room.pack, room.pack.read_bytes()


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_damage_at_any_byte_is_found_or_does_no_harm(
    kept: tuple[Room, dict[str, Model], Path, bytes], data: st.DataObject
) -> None:
    room, states, pack, whole = kept
    content = bytearray(whole)
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    name = data.draw(st.sampled_from(sorted(states)))
    pack.write_bytes(content)
    before = snapshot(room.path)
    try:
        room.fresh().restore(name)
    except SandboxError:
        assert snapshot(room.path) == before
    else:
        assert snapshot(room.path) == states[name]


def test_noise_in_place_of_the_pack_is_refused_with_a_remedy(room: Room) -> None:
    room.states()
    room.pack.write_bytes(os.urandom(5000))
    with pytest.raises(SandboxError, match="are damaged") as caught:
        room.fresh().take()
    assert "move" in caught.value.remedy


def limited(work: object, size: int) -> str:
    """What a process says that does the work and may write no file larger than ``size``."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        said = ""
        try:
            work()  # type: ignore[operator]  # it is a function
        except SandboxError as error:
            said = f"{error} {error.remedy}"
        finally:
            os.write(writer, said.encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


def test_a_full_disk_while_taking_costs_no_checkpoint(room: Room) -> None:
    states = room.states()
    size = room.pack.stat().st_size
    (Path(room.path) / "large").write_bytes(os.urandom(50_000))
    assert "Make room" in limited(room.fresh().take, size + 1000)
    assert room.pack.stat().st_size == size
    name = list(states)[-1]
    room.fresh().restore(name)
    assert snapshot(room.path) == states[name]


def test_a_full_disk_while_restoring_leaves_the_workspace_as_it_was(room: Room) -> None:
    (Path(room.path) / "large").write_bytes(bytes(500_000))
    run(["echo 1 > a"], room.path)
    first = room.fresh().take()
    run(["rm *", "echo 2 > a"], room.path)
    room.fresh().take()
    before = snapshot(room.path)
    assert "was not touched" in limited(lambda: room.fresh().restore(first.id), 100_000)
    assert snapshot(room.path) == before
    room.fresh().restore(first.id)
    assert set(snapshot(room.path)) == {"a", "large"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_state_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o500)
    with pytest.raises(SandboxError, match="Permission denied") as caught:
        Checkpoints(str(state), str(tmp_path)).take()
    assert str(state) in caught.value.remedy


def test_a_workspace_that_is_gone_is_said(room: Room) -> None:
    room.states()
    shutil.rmtree(room.path)
    with pytest.raises(SandboxError, match="No checkpoint of"):
        room.fresh().take()


def test_a_session_waits_for_the_other_one(room: Room) -> None:
    checkpoints = room.fresh()
    checkpoints.take()
    with open(Path(checkpoints.stats().folder) / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = threading.Thread(target=checkpoints.take)
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
    waiting.join()


def test_a_lock_that_nobody_gives_free_is_said(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_WAIT_S", 0.0)
    room.fresh().take()
    folder = room.fresh().stats().folder
    with open(Path(folder) / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(SandboxError, match="Another session"):
            room.fresh().take()


def test_the_same_content_is_stored_once_and_text_is_compressed(room: Room) -> None:
    text = b"".join(b"line %d\n" % number for number in range(20_000))
    for number in range(5):
        (Path(room.path) / f"copy{number}").write_bytes(text)
    room.fresh().take()
    assert room.fresh().stats().bytes < len(text) / 2


def test_pruning_by_age_keeps_the_last_and_those_that_are_needed(room: Room) -> None:
    states = room.states()
    names = list(states)
    other = room.fresh()
    assert other.prune() == 0
    assert room.fresh(CheckpointSettings(max_age_s=-1)).prune(keep=[names[0]]) == 1
    assert other.stats().checkpoints == 2
    for name in (names[0], names[2]):
        other.restore(name)
        assert snapshot(room.path) == states[name]
    with pytest.raises(SandboxError, match="There is no checkpoint"):
        other.restore(names[1])


def test_pruning_by_size_drops_the_oldest(room: Room) -> None:
    file = Path(room.path) / "f"
    names = []
    for _ in range(4):
        file.write_bytes(os.urandom(10_000))
        names.append(room.fresh().take().id)
    small = CheckpointSettings(max_store_bytes=25_000)
    assert room.fresh(small).prune() == 2
    assert room.fresh().stats().bytes < 25_000
    last = file.read_bytes()
    room.fresh().restore(names[2])
    room.fresh().restore(names[3])
    assert file.read_bytes() == last


def test_many_checkpoints_are_read_back_in_any_order(room: Room) -> None:
    run([f"echo {number} > f{number}" for number in range(40)], room.path)
    states = {}
    for number in range(40):
        (Path(room.path) / f"f{number}").write_text(f"turn {number}")
        time.sleep(0.001)
        states[room.fresh().take().id] = snapshot(room.path)
    names = list(states)
    for name in (names[20], names[3], names[39], names[33]):
        room.fresh().restore(name)
        assert snapshot(room.path) == states[name]


def test_what_differs_is_told_by_path_and_by_line(room: Room) -> None:
    run(["printf 'one\\ntwo\\n' > f", "printf '\\0' > b", "ln -s f l", "echo x > gone", "echo > m"], room.path)
    before = room.fresh().take().id
    run(
        ["printf 'one\\nzwei' > f", "printf '\\0\\0' > b", "ln -sfn b l", "rm gone", "mkdir e", "chmod 755 m"],
        room.path,
    )
    after = room.fresh().take().id
    assert room.fresh().changes(before, after) == Changes(
        (
            Change("b", "modified"),
            Change("e", "added"),
            Change("f", "modified"),
            Change("gone", "deleted"),
            Change("l", "modified"),
            Change("m", "modified"),
        )
    )
    lines = "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n one\n-two\n+zwei\n\\ No newline at end of file\n"
    gone = "--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
    assert room.fresh().diff(before, after) == [
        FileDiff("b", "modified", "", "binary"),
        FileDiff("e", "added", "", "a folder"),
        FileDiff("f", "modified", lines, ""),
        FileDiff("gone", "deleted", gone, ""),
        FileDiff("l", "modified", "", "link to f; link to b"),
        FileDiff("m", "modified", "", "a file 644 became a file 755"),
    ]
    assert [each.path for each in room.fresh().diff(before, after, only=["gone"])] == ["gone"]
