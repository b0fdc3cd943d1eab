"""HOST. The checkpoints of one workspace on the disk: locked, looked up, taken."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256

import msgspec

from py_mono.protocol.errors import SandboxError
from py_mono.sandbox import manifest
from py_mono.sandbox.checkpoints import take
from py_mono.sandbox.checkpoints.faults import damaged, failed
from py_mono.sandbox.checkpoints.folders import Folders
from py_mono.sandbox.checkpoints.installed import stamps
from py_mono.sandbox.checkpoints.pack import TREE, Commit, Pack
from py_mono.sandbox.checkpoints.settings import CheckpointSettings
from py_mono.sandbox.checkpoints.tree import Tree
from py_mono.sandbox.checkpoints.writer import Writer
from py_mono.utils.ids import new_id
from py_mono.utils.locks import locked_within

_WAIT_S = 30.0
_SQUEEZE = 8_000_000
_MAX_DEPTH = 32
_CACHED = 4


class Store:
    """What is kept of one workspace, in a folder of its own: the pack, a lock, the workspace's path.

    All but ``locked`` is called with the lock held.

    Attributes:
        folder: Where it is.
        pack: The file of it all.
    """

    def __init__(self, state_folder: str, workspace: str, settings: CheckpointSettings) -> None:
        self.workspace = os.path.realpath(workspace)
        self.settings = settings
        self.folder = os.path.join(state_folder, "checkpoints", _digest(self.workspace))
        self.pack = Pack(os.path.join(self.folder, "pack"))
        self._trees: dict[str, Tree] = {}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the store alone, among all processes and threads, and see what the others wrote. Raises SandboxError."""
        try:
            os.makedirs(
                os.path.dirname(self.folder), 0o700, exist_ok=True
            )  # of several new folders only the last gets the mode
            os.makedirs(self.folder, 0o700, exist_ok=True)
            lock = os.open(os.path.join(self.folder, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise failed("The store of checkpoints cannot be used", self.folder, error) from error
        try:
            self._wait(lock)
            try:
                if self.pack.refresh():
                    self._trees.clear()
            except OSError as error:
                raise failed("The checkpoints cannot be read", self.folder, error) from error
            except msgspec.MsgspecError as error:
                raise damaged(self.folder, str(error)) from error
            yield
        finally:
            os.close(lock)

    def _wait(self, lock: int) -> None:
        if not locked_within(lock, fcntl.LOCK_EX, _WAIT_S):
            raise SandboxError(
                f"Another session has been busy with the checkpoints of {self.workspace} for {_WAIT_S:.0f} s.",
                remedy="Wait until it is done, or end it, then try again.",
            )

    def take(self, stop: Callable[[], bool] = lambda: False) -> tuple[str, Tree]:
        """The workspace as it stands, and its name; the last one's where nothing changed since. Raises SandboxError."""
        settings = self.settings
        found = manifest.scan_settled(self.workspace, stop, settings.max_entries, settings.left_out)
        take.give_up(stop)
        if "" in found.unseen:
            raise SandboxError(
                f"No checkpoint of {self.workspace} can be taken: {found.unseen['']}.",
                remedy="Undo is not to be had here. A folder of less, or more names to leave out, would mend it.",
            )
        last = self.pack.commits[-1] if self.pack.commits else None
        before = self.tree(last.id) if last else Tree()
        left_out = stamps(self.workspace, found.left_out_paths)
        if last and take.unchanged(before, found, left_out):
            return last.id, before

        def gather(writer: Writer) -> Tree:
            with Folders(self.workspace) as folders:
                tree = take.gather(writer, folders, before, found, settings, stop=stop)
            tree.left_out = left_out
            return tree

        return self.keep(gather)

    def keep(self, gather: Callable[[Writer], Tree]) -> tuple[str, Tree]:
        """Keep what ``gather`` finds, as a checkpoint; its name, or the last one's where it is the same. Raises SandboxError."""
        last = self.pack.commits[-1] if self.pack.commits else None
        before = self.tree(last.id) if last else Tree()
        writer = Writer(self.pack, _SQUEEZE)
        try:
            tree = gather(writer)
            if last and _equal(before, tree):
                return last.id, before
            commit = append(writer, self.pack, (new_id(), time.time()), before if last else None, tree)
        except OSError as error:
            self._abandon(writer)
            raise failed("The checkpoint could not be written", self.folder, error) from error
        except BaseException:
            self._abandon(writer)
            raise
        with suppress(OSError):
            _note_workspace(self.folder, self.workspace)
        self._remember(commit.id, tree)
        return commit.id, tree

    def _abandon(self, writer: Writer) -> None:
        with suppress(OSError):  # the next refresh cuts it off
            writer.abandon()

    def tree(self, name: str) -> Tree:
        """What the checkpoint of this name holds. Raises SandboxError where there is none, or it is damaged."""
        commits = self.pack.commits
        index = next((index for index in reversed(range(len(commits))) if commits[index].id == name), -1)
        if index < 0:
            raise SandboxError(
                f"There is no checkpoint {name!r} any more.",
                remedy="It was pruned by age or size, or belongs to another workspace.",
            )
        wanted: list[Commit] = []
        base = Tree()
        for commit in reversed(commits[: index + 1]):
            if commit.id in self._trees:
                base = self._trees[commit.id]
                break
            wanted.append(commit)
            if commit.whole:
                break
        for commit in reversed(wanted):
            try:
                base = take.applied(base, self.pack.payload(commit.tree, TREE))
            except msgspec.MsgspecError as error:
                raise damaged(self.folder, str(error)) from error
        self._remember(name, base)
        return base

    def reopen(self) -> None:
        """The pack was replaced. Raises OSError, SandboxError."""
        self._trees.clear()
        self.pack.refresh()

    def _remember(self, name: str, tree: Tree) -> None:
        self._trees[name] = tree
        while len(self._trees) > _CACHED:
            del self._trees[next(iter(self._trees))]


def append(writer: Writer, pack: Pack, named: tuple[str, float], before: Tree | None, tree: Tree) -> Commit:
    """Write a tree down: what differs from ``before``, the last one in the pack, or all where that is no longer.

    ``named`` is the checkpoint's name and time. Raises OSError.
    """
    said = take.difference(before or Tree(), tree)
    whole = before is None or pack.commits[-1].depth >= _MAX_DEPTH
    if not whole and len(said.nodes) + len(said.gone) > len(tree.entries) // 2:
        whole = True
    if whole and before is not None:
        said = take.difference(Tree(), tree)
    return writer.commit(*named, take.encode(said), whole=whole, entries=len(tree.entries))


def _equal(one: Tree, two: Tree) -> bool:
    return (one.entries, one.contents, one.unkept, one.left_out) == (
        two.entries, two.contents, two.unkept, two.left_out,
    )  # fmt: skip


def _digest(workspace: str) -> str:
    return sha256(os.fsencode(workspace)).hexdigest()[:24]


def _note_workspace(folder: str, workspace: str) -> None:
    """For a person who looks into the state folder."""
    path = os.path.join(folder, "workspace")
    if not os.path.exists(path):
        with open(path, "wb") as file:
            file.write(os.fsencode(workspace) + b"\n")
