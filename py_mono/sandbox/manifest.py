"""HOST. What stands in the workspace, from metadata alone, and what differs between two looks at it."""

import os
import stat
import time
from collections.abc import Callable

from py_mono.protocol.ports import Changes
from py_mono.protocol.tools import Change, ChangeKind

LEFT_OUT = frozenset({".git", ".venv", "node_modules", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"})
"""Folders of these names are not looked into: caches, installed packages, git's own files."""

MAX_ENTRIES = 200_000
_MAX_DEPTH = 200
_MAX_NOTED = 5
_TICK_NS = 12_000_000  # file times move in steps; the longest is 10 ms
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

Entry = tuple[int, ...]
"""Mode; but for folders size, mtime and ctime in ns, inode; the owner's and the group's number.

A change of content cannot hide from the ctime.
"""


class Manifest:
    """The entries by path (``os.fsdecode``), what was left out, and what could not be looked at."""

    __slots__ = ("entries", "latest_ns", "left_out", "left_out_paths", "limit", "names", "stop", "unseen")

    def __init__(
        self,
        stop: Callable[[], bool] = lambda: False,
        limit: int = MAX_ENTRIES,
        names: frozenset[str] = LEFT_OUT,
    ) -> None:
        self.stop = stop
        self.limit = limit
        self.names = names
        self.entries: dict[str, Entry] = {}
        self.left_out: set[str] = set()
        self.left_out_paths: set[str] = set()
        self.unseen: dict[str, str] = {}  # a folder that could not be looked at ("": all of it), and how to say so
        self.latest_ns = 0


class _TooMany(Exception):
    """The workspace has more entries than are looked at."""


def scan(
    workspace: str,
    stop: Callable[[], bool] = lambda: False,
    limit: int = MAX_ENTRIES,
    names: frozenset[str] = LEFT_OUT,
) -> Manifest:
    """Look at everything below ``workspace`` but folders of these ``names``, without following a link or opening a file.

    ``stop`` is asked at each folder; once it says so, what was found so far is returned: nobody will read it.
    """
    found = Manifest(stop, limit, names)
    try:
        root = os.open(workspace, _OPEN)
    except OSError as error:
        found.unseen[""] = f"the workspace itself ({error.strerror})"
        return found
    try:
        _scan_folder(found, root, "", 0)
    except _TooMany:
        found.unseen[""] = f"a workspace of more than {limit} entries"
    return found


def scan_settled(
    workspace: str,
    stop: Callable[[], bool] = lambda: False,
    limit: int = MAX_ENTRIES,
    names: frozenset[str] = LEFT_OUT,
) -> Manifest:
    """As ``scan``, returning late enough that whatever is written from now on has a later time than all that was seen."""
    found = scan(workspace, stop, limit, names)
    age = time.time_ns() - found.latest_ns
    if 0 <= age < _TICK_NS and not stop():
        time.sleep((_TICK_NS - age) / 1e9)
    return found


def _scan_folder(found: Manifest, descriptor: int, prefix: str, depth: int) -> None:
    """Take the entries of an open folder; closes it."""
    folders: list[str] = []
    try:
        with os.scandir(descriptor) as entries:
            for entry in entries:
                _take(found, entry, prefix, folders)
        for name in () if found.stop() else folders:
            if depth >= _MAX_DEPTH:
                found.unseen[prefix + name] = _shown(prefix + name)
                continue
            try:
                below = os.open(name, _OPEN, dir_fd=descriptor)
            except OSError:  # no permission, or no longer a folder
                found.unseen[prefix + name] = _shown(prefix + name)
                continue
            _scan_folder(found, below, f"{prefix}{name}/", depth + 1)
    finally:
        os.close(descriptor)


def _take(found: Manifest, entry: "os.DirEntry[str]", prefix: str, folders: list[str]) -> None:
    try:
        seen = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return
    except OSError:  # a folder that may be listed and not entered
        found.unseen[prefix + entry.name] = _shown(prefix + entry.name)
        return
    if stat.S_ISDIR(seen.st_mode):
        if entry.name in found.names:
            found.left_out.add(entry.name)
            found.left_out_paths.add(prefix + entry.name)
            return
        folders.append(entry.name)
        found.entries[prefix + entry.name] = (seen.st_mode, seen.st_uid, seen.st_gid)
    else:
        found.entries[prefix + entry.name] = (
            seen.st_mode, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino, seen.st_uid, seen.st_gid,
        )  # fmt: skip
    found.latest_ns = max(found.latest_ns, seen.st_ctime_ns)
    if len(found.entries) > found.limit:
        raise _TooMany


def compare(before: Manifest, after: Manifest) -> Changes:
    """What became of ``before``: sorted by path; a folder is named only where nothing below it is."""
    old, new = before.entries, after.entries
    kinds: dict[str, ChangeKind] = dict.fromkeys(new.keys() - old.keys(), "added")
    kinds |= dict.fromkeys(old.keys() - new.keys(), "deleted")
    kinds |= dict.fromkeys((path for path in old.keys() & new.keys() if old[path] != new[path]), "modified")
    missed = before.unseen | after.unseen
    unknown = before.unseen.keys() - old.keys() | after.unseen.keys() - new.keys()  # themselves, not only what is below
    for path in [path for path in kinds if path in unknown or _below(path, missed)]:
        del kinds[path]  # that only one of the two looks saw it says nothing
    parents = {path[:end] for path in kinds for end in _slashes(path)}
    changes = [
        Change(_shown(path), kind)
        for path, kind in kinds.items()
        if kind == "modified" or path not in parents or not stat.S_ISDIR((new if kind == "added" else old)[path][0])
    ]
    notes = []
    if missed:
        more = f" and {len(missed) - _MAX_NOTED} more" if len(missed) > _MAX_NOTED else ""
        notes.append("could not be looked at: " + ", ".join(list(missed.values())[:_MAX_NOTED]) + more)
    if left_out := sorted(before.left_out | after.left_out):
        notes.append("not looked into: " + ", ".join(left_out))
    return Changes(tuple(sorted(changes, key=lambda change: change.path)), not missed, "; ".join(notes))


def _below(path: str, folders: dict[str, str]) -> bool:
    """Whether a path is below one of the folders."""
    return bool(folders) and ("" in folders or any(path[:end] in folders for end in _slashes(path)))


def _slashes(path: str) -> list[int]:
    return [index for index, letter in enumerate(path) if letter == "/"]


def _shown(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "replace")


def is_link(entry: Entry) -> bool:
    """Whether an entry is a symbolic link."""
    return stat.S_ISLNK(entry[0])
