"""The workspace's files by name, without what git ignores; looked at again, only folders that changed are read again."""

import os
import time
from collections import deque
from typing import NamedTuple

from py_mono.ui.line.ignored import Rules, ignored, outer_rules, parse, read

LEFT_OUT = frozenset({
    ".git", ".hg", ".svn", ".venv", "node_modules", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache",
})  # fmt: skip
_MOST_PATHS = 300_000
"""Of a larger tree the paths nearest to its root are known."""

_PIECE = 200
"""How many entries are looked at before other threads get their turn."""

_BREATH_S = 0.0005
_FRESH_NS = 2_000_000_000
"""A folder that changed so shortly before it was read may have changed again within the same tick of its time."""


class _Folder(NamedTuple):
    """What is known of one folder.

    Attributes:
        seen: Its times, and those of its ``.gitignore``.
        above: The rules that came from above when it was read.
        rules: Those that hold for its entries.
        files: Paths, sorted.
        folders: Paths that end with a slash, sorted.
    """

    seen: tuple[int, ...]
    above: tuple[Rules, ...]
    rules: tuple[Rules, ...]
    files: tuple[str, ...]
    folders: tuple[str, ...]


class Walk:
    """Looks at a workspace, again and again. Used by one thread at a time."""

    def __init__(self, workspace: str) -> None:
        self._workspace = workspace
        self._known: dict[str, _Folder] = {}
        self._outer: tuple[Rules, ...] = ()

    def paths(self) -> list[str]:
        """Every path relative to the workspace, folders with a slash at the end, those nearest to the root first.

        Names that could not be typed (not printable, or not text) are left out, and links to folders are not followed.
        """
        outer = outer_rules(self._workspace)
        if [rules.patterns for rules in outer] != [rules.patterns for rules in self._outer]:
            self._outer = outer
        known: dict[str, _Folder] = {}
        found: list[str] = []
        waiting = deque([("", self._outer)])
        while waiting and len(found) < _MOST_PATHS:
            path, above = waiting.popleft()
            folder = self._look(path, above)
            if folder is not None:
                known[path] = folder
                found += folder.folders
                found += folder.files
                waiting.extend((name, folder.rules) for name in folder.folders)
        self._known = known
        return found[:_MOST_PATHS]

    def _look(self, path: str, above: tuple[Rules, ...]) -> _Folder | None:
        place = os.path.join(self._workspace, path)
        begun = time.time_ns()
        try:
            seen = _seen(place)
            before = self._known.get(path)
            if before is not None and before.seen == seen and before.above is above:
                return before
            time.sleep(_BREATH_S)
            own = parse(read(os.path.join(place, ".gitignore")), cut=len(path)) if seen[2] else None
            rules = (*above, own) if own is not None else above
            if before is not None and before.rules == rules:
                rules = before.rules  # the same object: what lies below need not be read again
            files, folders = _read(place, path, rules)
        except (OSError, ValueError):
            return None
        if begun - max(seen[1], seen[3]) < _FRESH_NS:
            seen = (0, *seen[1:])  # not to be trusted the next time
        return _Folder(seen, above, rules, tuple(sorted(files)), tuple(sorted(folders)))


def _seen(place: str) -> tuple[int, ...]:
    status = os.stat(place, follow_symlinks=False)
    try:
        patterns = os.stat(os.path.join(place, ".gitignore"), follow_symlinks=False)
    except OSError:
        return (status.st_ino, status.st_mtime_ns, 0, 0, 0)
    return (status.st_ino, status.st_mtime_ns, patterns.st_ino, patterns.st_mtime_ns, patterns.st_size)


def _read(place: str, path: str, rules: tuple[Rules, ...]) -> tuple[list[str], list[str]]:
    files: list[str] = []
    folders: list[str] = []
    with os.scandir(place) as entries:
        for number, entry in enumerate(entries):
            if number >= _MOST_PATHS:
                break
            if number % _PIECE == _PIECE - 1:
                time.sleep(_BREATH_S)
            name = entry.name
            if not name.isprintable():
                continue
            if _is_folder(entry):
                if name not in LEFT_OUT and not ignored(f"{path}{name}/", rules):
                    folders.append(f"{path}{name}/")
            elif not ignored(path + name, rules):
                files.append(path + name)
    return files, folders


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False
