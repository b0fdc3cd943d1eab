"""HOST. What differs between two trees, as text a person reads."""

import difflib
import stat
from collections.abc import Callable
from typing import TYPE_CHECKING

from py_mono.protocol.ports import FileDiff
from py_mono.sandbox.checkpoints.told import git_folder
from py_mono.sandbox.checkpoints.tree import Tree, differing, shown

if TYPE_CHECKING:
    from py_mono.protocol.tools import ChangeKind

_MAX_BYTES = 1_000_000


def diffs(
    before: Tree, after: Tree, content: Callable[[bytes], bytes], chosen: Callable[[str], bool]
) -> list[FileDiff]:
    """Of the ``chosen`` paths, sorted; folders are named where they are new, gone or of another mode.

    Of git's own files the folder alone is named.
    """
    found, git = [], dict[str, int]()
    for path in filter(chosen, differing(before, after)):
        if folder := git_folder(path, before, after):
            git[folder] = git.get(folder, 0) + 1
        else:
            found.append(_diff(path, before, after, content))
    found += [_git(folder, count, before, after) for folder, count in git.items()]
    return sorted(found, key=lambda each: each.path)


def _git(folder: str, count: int, before: Tree, after: Tree) -> FileDiff:
    kind: ChangeKind = "modified"
    if before.folder(folder) != after.folder(folder):
        kind = "added" if after.folder(folder) else "deleted"
    return FileDiff(shown(folder), kind, "", f"git's own files, {count} of them")


def _diff(path: str, before: Tree, after: Tree, content: Callable[[bytes], bytes]) -> FileDiff:
    kind: ChangeKind = "modified"
    if path not in before.entries:
        kind = "added"
    elif path not in after.entries:
        kind = "deleted"
    name, notes = shown(path), []
    old, new = before.entries.get(path), after.entries.get(path)
    if old and new and old[0] != new[0]:
        notes.append(f"{_mode(old[0])} became {_mode(new[0])}")
    elif not (old and new) and (only := old or new) and not stat.S_ISREG(only[0]):
        notes.append(_mode(only[0]).rpartition(" ")[0])
    notes += [f"link to {shown(target)}" for tree in (before, after) if (target := _link(tree, path)) is not None]
    lines, why = zip(*(_text(tree, path, content) for tree in (before, after)), strict=True)
    notes += dict.fromkeys(filter(None, why))
    text = ""
    if not any(why):
        names = (f"a/{name}" if old else "/dev/null", f"b/{name}" if new else "/dev/null")
        text = "".join(map(_ended, difflib.unified_diff(lines[0], lines[1], *names)))
    return FileDiff(name, kind, text, "; ".join(notes))


def _mode(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFLNK: "a link", stat.S_IFREG: "a file"}
    return f"{kinds.get(stat.S_IFMT(mode), 'something else')} {stat.S_IMODE(mode):03o}"


def _link(tree: Tree, path: str) -> str | None:
    entry = tree.entries.get(path)
    if entry is None or not stat.S_ISLNK(entry[0]) or path not in tree.contents:
        return None
    return tree.contents[path].decode("utf-8", "surrogateescape")


def _text(tree: Tree, path: str, content: Callable[[bytes], bytes]) -> tuple[list[str], str]:
    """The lines of what stands there (none for what is no file), and why they are not shown."""
    entry = tree.entries.get(path)
    if entry is None or not stat.S_ISREG(entry[0]):
        return [], ""
    if path not in tree.contents:
        return [], f"not kept: {tree.unkept.get(path, 'unknown why')}"
    if entry[1] > _MAX_BYTES:
        return [], f"{entry[1]:,} bytes: too long to compare"
    data = content(tree.contents[path])
    if b"\0" in data:
        return [], "binary"
    try:
        return data.decode().splitlines(keepends=True), ""
    except UnicodeDecodeError:
        return [], "binary"


def _ended(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
