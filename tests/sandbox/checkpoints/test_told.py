"""What is said of what is not kept."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from py_mono.protocol.ports import Changes
from py_mono.protocol.tools import Change
from py_mono.sandbox.checkpoints.checkpoints import Checkpoints
from py_mono.sandbox.checkpoints.settings import LEFT_OUT, CheckpointSettings
from tests.sandbox.checkpoints.trees import place, run

Room = tuple[Checkpoints, Path]


@pytest.fixture
def room() -> Iterator[Room]:
    with place() as folder:
        workspace = Path(folder, "w")
        workspace.mkdir()
        settings = CheckpointSettings(left_out=LEFT_OUT | {"data"})
        yield Checkpoints(os.path.join(folder, "state"), str(workspace), settings), workspace


BEFORE = [
    "mkdir -p .venv/lib/python3.12/site-packages/one .venv/bin sub/node_modules/a __pycache__ data/deep",
    "touch .venv/lib/python3.12/site-packages/one/x data/table f",
]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("mkdir .venv/lib/python3.12/site-packages/two", ".venv"),
        ("rm -r .venv/lib/python3.12/site-packages/one", ".venv"),
        ("touch .venv/bin/tool", ".venv"),
        ("rm -rf .venv sub/node_modules", ".venv, sub/node_modules"),
        ("mkdir sub/node_modules/b", "sub/node_modules"),
        ("echo more >> data/table", "data"),
        ("python3 -m venv --without-pip other/venv", "other/venv"),
        ("touch __pycache__/f.pyc", ""),
        ("true", ""),
    ],
)
def test_a_folder_that_is_left_out_is_named_where_a_turn_changed_it(room: Room, change: str, named: str) -> None:
    checkpoints, workspace = room
    run(BEFORE, str(workspace))
    time.sleep(0.02)  # a tick of the clock, where the file system counts in ticks
    before = checkpoints.take()
    run([change, "rmdir other 2>/dev/null", "echo 2 > f"], str(workspace))
    told = checkpoints.changes(before.id, checkpoints.take().id)
    assert told.complete == (not named)
    assert Change("f", "modified") in told.changes
    first, _, rest = told.note.partition("; ")
    assert (first if named else "") == (f"changed, and not kept: {named}" if named else "")
    assert (rest or first).startswith("not looked into: ")


def test_what_only_a_left_out_folder_differs_in_has_nothing_to_take_back(room: Room) -> None:
    checkpoints, workspace = room
    run(BEFORE, str(workspace))
    before = checkpoints.take()
    run(["touch .venv/new"], str(workspace))
    after = checkpoints.take()
    note = "changed, and not kept: .venv; not looked into: __pycache__, data, node_modules"
    assert checkpoints.changes(before.id, after.id) == Changes((), complete=False, note=note)
    assert not checkpoints.differ(before.id, after.id)
    restored = checkpoints.restore(before.id, since=after.id)
    assert (restored.changes, restored.conflicts, restored.not_kept) == ((), (), {})
    assert (workspace / ".venv" / "new").exists()
