"""Workspaces for these tests: the plain copy that is the model, and what a shell does to them."""

import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import strategies as st

from py_mono.protocol.changes import ChangesCommitted, ChangesUndone
from py_mono.protocol.ports import Restored
from py_mono.protocol.undo import Step, UndoStack
from py_mono.sandbox.checkpoints.checkpoints import Checkpoints

Model = dict[str, tuple[int, bytes]]

_MEMORY = "/dev/shm"

_LONG = "n" * 240
_names = st.sampled_from(
    ["a", "b", "d/a", "d/b", "d/e/a", "$'\\xff\\n'", "'two words'", "d/ünï", f"d/{_LONG}", ".git/HEAD"]
)
_folders = st.sampled_from(["d", "d/e", "new/empty", ".git", "d/e/f/g/h"])

# What follows a link must not: some lead to / and to the folder of all examples.
effects = st.one_of(
    st.builds("mkdir -p $(dirname {0}) && printf {1} > {0}".format, _names, st.sampled_from(["1", "22", "''"])),
    st.builds("printf {1} >> {0}".format, _names, st.just("x")),
    st.builds("rm -rf {}".format, st.one_of(_names, _folders)),
    st.builds("mv -T {0} {1}".format, _names, _names),
    st.builds("mv -T {0} {1}".format, _folders, _names),
    st.builds("ln -sfn {0} {1}".format, st.sampled_from(["/", "a", "nowhere", "../..", "$'\\xfe'"]), _names),
    st.builds("mkdir -p {}".format, _folders),
    st.builds("rm -rf {0}; mkdir -p {0}".format, _names),
    st.builds(
        "[ -L {0} ] || chmod {1} {0}".format,
        st.one_of(_names, _folders),
        st.sampled_from(["600", "755", "4711", "500"]),
    ),
    st.builds("ln -f {0} {1}".format, _names, _names),
    st.builds("[ -L {0} ] || touch {0}".format, _names),
)


@contextmanager
def place() -> Iterator[str]:
    """A folder for one example; in memory where there is such a file system, for hundreds are made."""
    memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield folder


def snapshot(workspace: str) -> Model:
    """Every path with its mode and content."""
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


def run(commands: list[str], workspace: str) -> None:
    """Have a shell do them, each whatever became of the ones before it."""
    if commands:
        subprocess.run(["bash", "-c", "; ".join(commands)], cwd=workspace, check=False, stderr=subprocess.DEVNULL)


class Undoing:
    """A session that undoes and redoes, as the agent does it."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints
        self.stack = UndoStack()

    @property
    def done(self) -> list[Step]:
        return self.stack.done

    def committed(self, turn: int, before: str, after: str) -> None:
        if before != after:
            self.stack.apply(ChangesCommitted(turn, before, after))

    def undo(self, *, redo: bool = False, confirmed: bool = False) -> tuple[int, Restored]:
        step = (self.stack.undone if redo else self.stack.done)[-1]
        restored = self._checkpoints.restore(step.before, since=step.after, confirmed=confirmed)
        if not restored.conflicts or restored.before != restored.after:
            self.stack.apply(ChangesUndone(step.turn, restored.before, restored.after, redo))
        return step.turn, restored

    def redo(self) -> tuple[int, Restored]:
        return self.undo(redo=True)
