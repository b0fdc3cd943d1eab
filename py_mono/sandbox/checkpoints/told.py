"""HOST. What became of one checkpoint, as a turn's changes are told."""

from collections.abc import Iterable

from py_mono.protocol.ports import Changes
from py_mono.sandbox.checkpoints.settings import CACHES
from py_mono.sandbox.checkpoints.tree import Tree, kinds, named, shown, slashes

_GIT = ".git"
_MAX_NAMED = 5


def told(before: Tree, after: Tree) -> Changes:
    """Sorted by path; of what git keeps for itself only that it came or went. What was not looked at is said.

    It is not complete where something changed that could not be looked at, or in a folder that is left out (no cache).
    """
    unseen = sorted(before.unseen | after.unseen)
    blind = frozenset(unseen)
    git = {path for tree in (before, after) for path in tree.entries if named_git(path) and tree.folder(path)}
    found = {
        path: kind
        for path, kind in kinds(before, after).items()
        if path not in git and not (below(path, git) or path in blind or below(path, blind))
    }
    for path in git:
        if (path in before.entries) != (path in after.entries):
            found[path] = "added" if path in after.entries else "deleted"
    notes = []
    if unseen:
        more = f" and {len(unseen) - _MAX_NAMED} more" if len(unseen) > _MAX_NAMED else ""
        notes.append("could not be looked at: " + ", ".join(map(shown, unseen[:_MAX_NAMED])) + more)
    changed = sorted({path for path, _ in before.left_out.items() ^ after.left_out.items() if _matters(path)})
    if changed:
        more = f" and {len(changed) - _MAX_NAMED} more" if len(changed) > _MAX_NAMED else ""
        notes.append("changed, and not kept: " + ", ".join(map(shown, changed[:_MAX_NAMED])) + more)
    same = {*before.left_out, *after.left_out}.difference(changed)
    names = {path.rpartition("/")[2] for path in same}
    if names:
        notes.append("not looked into: " + ", ".join(sorted(map(shown, names))))
    return Changes(named(dict(sorted(found.items()))), not (unseen or changed), "; ".join(notes))


def _matters(path: str) -> bool:
    return path.rpartition("/")[2] not in CACHES


def git_folder(path: str, *trees: Tree) -> str:
    """The folder of git's own files that a path is in, or is; empty where it is in none."""
    for end in (*slashes(path), len(path)):
        above = path[:end]
        if named_git(above) and any(tree.folder(above) for tree in trees):
            return above
    return ""


def below(path: str, folders: Iterable[str]) -> bool:
    """Whether a path is below one of the folders."""
    return bool(folders) and any(path[:end] in folders for end in slashes(path))


def named_git(path: str) -> bool:
    """Whether a path is named as git names the folder of its own files."""
    return path == _GIT or path.endswith(f"/{_GIT}")
