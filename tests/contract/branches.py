"""A workspace, a sandbox with checkpoints, and all there is to know of what a transaction left."""

import asyncio
import os
import stat
from pathlib import Path
from typing import Any, Self

from hypothesis import strategies as st

from py_mono.protocol.ports import NOTHING, Branch, BranchMode, Grant
from py_mono.protocol.tools import ToolCall, ToolResult
from py_mono.sandbox.branch import WorkerSandbox
from py_mono.sandbox.launch import Launcher
from py_mono.sandbox.profile import LAYERS, Profile
from py_mono.sandbox.snapshots import ThreadedSnapshots
from py_mono.security.keys.places import KeyPlaces
from py_mono.utils.lazy import load

State = dict[str, tuple[int, bytes, int]]

_names = st.sampled_from(["a", "b", "d/a", "d/b", "d/e/a", "$'\\xff\\n'", "'two words'", "d/ünï", ".git/HEAD"])
_folders = st.sampled_from(["d", "d/e", "new/empty", ".git", "d/e/f/g"])
_modes = st.sampled_from(["600", "755", "4711", "500"])
_targets = st.sampled_from(["a", "nowhere", "d", "$'\\xfe'"])  # nothing outside: chmod follows links

COMMANDS = st.one_of(
    st.builds("mkdir -p $(dirname {0}) && printf {1} > {0}".format, _names, st.sampled_from(["1", "22", "''"])),
    st.builds("printf {1} >> {0}".format, _names, st.just("x")),
    st.builds("rm -rf {}".format, st.one_of(_names, _folders)),
    st.builds("mv -T {0} {1}".format, _names, _names),
    st.builds("mv -T {0} {1}".format, _folders, _folders),
    st.builds("ln -sfn {0} {1}".format, _targets, _names),
    st.builds("mkdir -p {}".format, _folders),
    st.builds("rm -rf {0}; mkdir -p {0}".format, _names),
    st.builds("chmod {1} {0}".format, st.one_of(_names, _folders), _modes),
    st.builds("ln -f {0} {1}".format, _names, _names),
    st.builds("touch {0}".format, _names),
    st.builds("cp -p {0} {1}".format, _names, _names),
    st.just("rm -rf .git d"),
)
TOOLS = st.one_of(
    st.builds(lambda text: ("shell", {"command": text}), COMMANDS),
    st.builds(lambda text: ("shell", {"command": text}), COMMANDS),
    st.builds(
        lambda path, text: ("write_file", {"path": path, "content": text}),
        st.sampled_from(["a", "d/b", "d/new/x"]),
        st.sampled_from(["", "one\n", "two\n"]),
    ),
    st.builds(
        lambda path: ("edit_file", {"path": path, "old_text": "one", "new_text": "two"}), st.sampled_from(["a", "d/b"])
    ),
)
Call = tuple[str, dict[str, Any]]


class Place:
    """A workspace and its sandbox, for code that is not async; what happens in it stays until ``close``."""

    def __init__(
        self, base: Path, *, backend: str = "auto", layers: tuple[str, ...] = LAYERS, one_scratch: bool = False
    ) -> None:
        """``layers`` of the lock."""
        base.mkdir(parents=True, exist_ok=True)
        self.workspace = base / "workspace"
        self.workspace.mkdir(exist_ok=True)
        self.snapshots = ThreadedSnapshots(str(base / "state"), str(self.workspace), load)

        def adjust(profile: Profile) -> Profile:
            profile.layers = layers
            return profile

        self.places = KeyPlaces(str(self.workspace), str(base / "state"))
        launcher = Launcher(str(self.workspace), backend=backend, adjust=adjust, sessions=self.places.sessions)
        self.sandbox = WorkerSandbox(launcher, snapshots=self.snapshots, one_scratch=one_scratch)
        self.runner = asyncio.Runner()

    def open(self, mode: BranchMode) -> Branch:
        return self.runner.run(self.sandbox.open(mode))

    def call(self, branch: Branch, calls: "list[Call]", grant: Grant = NOTHING) -> list[ToolResult]:
        """Make them all, each whatever became of the ones before it."""
        return [
            self.runner.run(branch.call(ToolCall(f"{number}", name, arguments), lambda _: None, grant))
            for number, (name, arguments) in enumerate(calls)
        ]

    def shell(self, branch: Branch, command: str, grant: Grant = NOTHING) -> str:
        return self.call(branch, [("shell", {"command": command})], grant)[0].content

    def begin(self, calls: "list[Call]") -> None:
        """What the workspace holds at first."""
        branch = self.open("direct")
        self.call(branch, calls)
        self.runner.run(branch.close())

    @property
    def state(self) -> State:
        """Each path with its mode, its content, and for what is no folder its time in ns."""
        found: State = {}
        for folder, folders, files in os.walk(os.fsencode(self.workspace)):
            for name in (*folders, *files):
                path = os.path.join(folder, name)
                seen, content = os.lstat(path), b""
                if stat.S_ISLNK(seen.st_mode):
                    content = os.readlink(path)
                elif stat.S_ISREG(seen.st_mode):
                    content = Path(os.fsdecode(path)).read_bytes()
                time = 0 if stat.S_ISDIR(seen.st_mode) else seen.st_mtime_ns
                found[os.fsdecode(os.path.relpath(path, os.fsencode(self.workspace)))] = (seen.st_mode, content, time)
        return found

    def timeless(self) -> dict[str, tuple[int, bytes]]:
        """The same without times."""
        return {path: (mode, content) for path, (mode, content, _) in self.state.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it all; a loop that is left open would fail whichever test comes when it is collected."""
        try:
            self.runner.run(self.sandbox.close())
        finally:
            self.runner.close()
