"""HOST. The workspace at one moment, and in what two moments differ."""

import os
import stat
from typing import TYPE_CHECKING

from py_mono.protocol.tools import Change, ChangeKind

if TYPE_CHECKING:
    from py_mono.sandbox.manifest import Entry

UNSETTLED = -1
"""A ctime that no file has: the entry is looked at again the next time."""

UNSEEN = "it cannot be looked into"
"""Why the content of such a folder is not kept."""


class Tree:
    """What there was.

    Attributes:
        entries: By path (``os.fsdecode``): what ``manifest.scan`` says of it.
        contents: By path: the digest of a file's bytes, or the target of a link; missing for folders and what is not kept.
        unkept: By path: why the content of what is there is not kept.
        left_out: Folders that were not looked into, by path: when they last changed, as ``installed.stamps`` tells.
    """

    __slots__ = ("contents", "entries", "left_out", "unkept")

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.contents: dict[str, bytes] = {}
        self.unkept: dict[str, str] = {}
        self.left_out: dict[str, int] = {}

    def copy(self) -> "Tree":
        """Another that can be changed without this one."""
        other = Tree()
        other.entries, other.contents = dict(self.entries), dict(self.contents)
        other.unkept, other.left_out = dict(self.unkept), self.left_out
        return other

    @property
    def unseen(self) -> set[str]:
        """The folders of which nothing is known."""
        return {path for path, reason in self.unkept.items() if reason == UNSEEN}

    def folder(self, path: str) -> bool:
        """Whether a folder stands there."""
        entry = self.entries.get(path)
        return entry is not None and stat.S_ISDIR(entry[0])

    def restorable(self, path: str) -> bool:
        """Whether what stands there could be made again."""
        return path in self.contents or self.folder(path)

    def same(self, other: "Tree", path: str) -> bool:
        """Whether both have the same there, times apart; where the content is not kept, times are all there is to go by."""
        mine, theirs = self.entries.get(path), other.entries.get(path)
        if mine == theirs:
            return self.contents.get(path) == other.contents.get(path)
        if mine is None or theirs is None or mine[0] != theirs[0] or owner(mine) != owner(theirs):
            return False
        content = self.contents.get(path)
        return content is not None and content == other.contents.get(path)


def differing(one: Tree, two: Tree) -> list[str]:
    """The paths at which the two are not the same, sorted."""
    first, second = one.entries, two.entries
    if first == second:
        suspects = one.contents.keys() ^ two.contents.keys()
    else:
        suspects = {path for path, entry in first.items() if second.get(path) != entry} | (second.keys() - first.keys())
    return sorted(path for path in suspects if not one.same(two, path))


def kinds(before: Tree, after: Tree) -> dict[str, ChangeKind]:
    """What became of each path, sorted; a folder is named only where nothing below it is."""
    found: dict[str, ChangeKind] = {}
    paths = differing(before, after)
    parents = {path[:end] for path in paths for end in slashes(path)}
    for path in paths:
        kind: ChangeKind = "modified"
        if path not in before.entries:
            kind = "added"
        elif path not in after.entries:
            kind = "deleted"
        side = after if kind == "added" else before
        if kind == "modified" or path not in parents or not side.folder(path):
            found[path] = kind
    return found


def named(found: dict[str, ChangeKind]) -> tuple[Change, ...]:
    """The same as a person or a model reads it."""
    return tuple(Change(shown(path), kind) for path, kind in found.items())


def slashes(path: str) -> list[int]:
    """Where the folders above a path end."""
    return [index for index, letter in enumerate(path) if letter == "/"]


def owner(entry: "Entry") -> tuple[int, int]:
    """The owner's and the group's number."""
    return entry[-2], entry[-1]


def parent(path: str) -> str:
    """The folder a path is in; empty for the workspace itself."""
    return path.rpartition("/")[0]


def shown(path: str) -> str:
    """A path as text that can be shown and sent."""
    return os.fsencode(path).decode("utf-8", "replace")
