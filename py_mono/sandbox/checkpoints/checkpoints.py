"""HOST. The checkpoints of a workspace, as the agent uses them; all of it blocks, so it is called in a thread."""

import os
from collections.abc import Callable, Collection

import msgspec

from py_mono.protocol.errors import SandboxError
from py_mono.protocol.ports import Changes, FileDiff, Restored, Taken
from py_mono.sandbox.checkpoints.copies import Copier, Copy, gather_copy
from py_mono.sandbox.checkpoints.diff import diffs
from py_mono.sandbox.checkpoints.faults import damaged, failed
from py_mono.sandbox.checkpoints.folders import Folders
from py_mono.sandbox.checkpoints.journal import RestoreJournal
from py_mono.sandbox.checkpoints.plan import Planner
from py_mono.sandbox.checkpoints.prune import prune
from py_mono.sandbox.checkpoints.restore import Restorer, Unfinished
from py_mono.sandbox.checkpoints.settings import CheckpointSettings
from py_mono.sandbox.checkpoints.store import Store
from py_mono.sandbox.checkpoints.take import note
from py_mono.sandbox.checkpoints.told import named_git, told
from py_mono.sandbox.checkpoints.tree import differing, kinds, named, shown, slashes
from py_mono.utils.ids import new_id

_DISOWNED = "it is back, but yours: you may not give it to its owner and group,"


class Stats(msgspec.Struct, frozen=True):
    """For the doctor: where the store is, its size in bytes, its checkpoints, the oldest (s since 1970, or 0)."""

    folder: str
    bytes: int
    checkpoints: int
    oldest: float


class Checkpoints:
    """Snapshots of one workspace. Every method raises SandboxError where the store, or the workspace, cannot be used."""

    def __init__(self, state_folder: str, workspace: str, settings: CheckpointSettings | None = None) -> None:
        self._store = Store(state_folder, workspace, settings or CheckpointSettings())
        self._journal = RestoreJournal(self._store.folder)

    def take(self, stop: Callable[[], bool] = lambda: False) -> Taken:
        """Look at the workspace and keep it as it stands; where nothing changed since the last one, that is named again.

        ``stop`` is asked now and then: once it says so, this is given up.
        """
        with self._store.locked():
            self._heal()
            name, tree = self._store.take(stop)
            return Taken(name, note(tree))

    def changes(self, before: str, after: str) -> Changes:
        """What became of ``before``. A file that was written with the content it had is no change."""
        with self._store.locked():
            return told(self._store.tree(before), self._store.tree(after))

    def differ(self, before: str, after: str) -> bool:
        """Whether there is anything that a restore would take back, git's own files included."""
        if before == after:
            return False
        with self._store.locked():
            return bool(differing(self._store.tree(before), self._store.tree(after)))

    def diff(self, before: str, after: str, only: Collection[str] = ()) -> list[FileDiff]:
        """The same by lines; ``only`` these paths and what is below them, where any are given."""
        with self._store.locked():
            one, two = self._store.tree(before), self._store.tree(after)
            return diffs(one, two, self._store.pack.object, _chosen(only))

    def restore(
        self,
        target: str,
        *,
        since: str = "",
        only: Collection[str] = (),
        but: Collection[str] = (),
        confirmed: bool = False,
    ) -> Restored:
        """Bring back what ``target`` holds where ``since`` holds something else, and touch nothing else.

        Args:
            target: What is wanted.
            since: What is to be taken back; where it is empty, everything that is not as in ``target``.
            only: These paths and what is below them; empty for all.
            but: Not these; both as ``changes`` and ``diff`` name them.
            confirmed: Whether what somebody changed after ``since`` may be overwritten. It can be had back from ``before``.
        """
        store = self._store
        with store.locked():
            self._heal()
            before, now = store.take()
            wanted = store.tree(target)
            planner = Planner(wanted, store.tree(since) if since else now, now)
            plan = planner.plan(_restored(only, but), confirmed=confirmed)
            kept, not_kept = planner.conflicts, planner.not_kept
            if not plan.empty():
                restorer = self._work(lambda restorer: restorer.run(plan, new_id()))
                kept = kept.union(restorer.kept)
                not_kept |= {path: f"{_DISOWNED} {owner[0]}:{owner[1]}" for path, owner in restorer.disowned.items()}
            after, then = store.take() if not plan.empty() else (before, now)
            return Restored(
                before,
                after,
                named(kinds(now, then)),
                tuple(map(shown, sorted(kept))),
                {shown(path): reason for path, reason in not_kept.items()},
                note(then),
            )

    def copy(self, name: str, folder: str) -> Copy:
        """Copy a checkpoint into an empty folder, from the workspace as far as that still holds the same."""
        with self._store.locked():
            tree = self._store.tree(name)
        copier = Copier(tree, self._store.workspace, folder, self._store.settings)
        try:
            copier.run()
            with self._store.locked():
                copier.complete(self._store.pack.object)
            return copier.made(name)
        except OSError as error:
            raise failed("The copy of the workspace could not be made", folder, error) from error

    def take_copy(self, copy: Copy) -> Taken:
        """Keep what the workspace would be, had all that was done to the copy been done to it."""
        with self._store.locked():
            base = self._store.tree(copy.base)
            name, tree = self._store.keep(lambda writer: gather_copy(writer, base, copy, self._store.settings))
            return Taken(name, note(tree))

    def heal(self) -> bool:
        """Finish or undo a restore in which a process died; whether there was one."""
        if not os.path.exists(self._journal.path):
            return False
        with self._store.locked():
            return self._heal()

    def prune(self, keep: Collection[str] = ()) -> int:
        """Drop what is older or more than the settings allow, but never the last and those of ``keep``; how many went."""
        with self._store.locked():
            self._heal()  # it may need what would go
            return prune(self._store, frozenset(keep))

    def stats(self) -> Stats:
        """What there is; where nothing is kept yet, nothing is made."""
        pack = self._store.pack
        if not os.path.exists(pack.path):
            return Stats(self._store.folder, 0, 0, 0)
        with self._store.locked():
            times = [commit.at for commit in pack.commits]
            return Stats(self._store.folder, pack.size, len(times), min(times, default=0))

    def _heal(self) -> bool:
        try:
            intent = self._journal.read()
        except OSError as error:
            raise failed("What a restore left undone cannot be read", self._journal.path, error) from error
        except msgspec.MsgspecError as error:
            raise damaged(self._journal.path, str(error)) from error
        if intent is None:
            return False
        self._work(lambda restorer: restorer.finish(intent))
        return True

    def _work(self, work: Callable[[Restorer], None]) -> Restorer:
        """Let a restorer work; it says what it left as it is. Raises SandboxError."""
        store = self._store
        try:
            with Folders(store.workspace) as folders:
                restorer = Restorer(folders, self._journal, store.pack.object)
                work(restorer)
                return restorer
        except Unfinished as unfinished:
            named_ = [f"{shown(path)} ({reason})" for path, reason in list(unfinished.args[0].items())[:5]]
            raise SandboxError(
                f"Not all could be brought back: {', '.join(named_)}.",
                remedy="Mend that, and the next checkpoint or restore tries once more before it leaves them as they are.",
            ) from unfinished
        except OSError as error:
            raise failed(
                "The workspace could not be brought back, and was not touched", store.workspace, error
            ) from error


def _chosen(only: Collection[str]) -> Callable[[str], bool]:
    wanted = {path.rstrip("/") for path in only}
    return lambda path: not wanted or not wanted.isdisjoint(_ways(path))


def _restored(only: Collection[str], but: Collection[str]) -> Callable[[str], bool]:
    """Which paths a restore may touch: a folder stays with what stays in it."""
    chosen, spared = _chosen(only), {*but, *(name[:end] for name in but for end in slashes(name))}

    def touched(path: str) -> bool:
        name = shown(path)
        if name in spared or any(way in but for way in _ways(path) if named_git(way)):
            return False
        return chosen(path)

    return touched


def _ways(path: str) -> list[str]:
    """The names of a path and of the folders above it."""
    return [*(shown(path[:end]) for end in slashes(path)), shown(path)]
