"""GUEST. Walk a folder in order, leaving out what git ignores, ``.git`` itself and the file of the keys."""

import os

from py_mono.tools.builtin.ignore import Ignore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def entries(folder: str, *, depth: int, hidden_file: str) -> "Iterator[tuple[str, os.DirEntry[str]]]":
    """Absolute path (a folder's ends with ``/``) and entry of all there is, sorted, at most ``depth`` levels deep.

    Links are not followed. A folder that cannot be read is passed over. ``hidden_file`` is one absolute path that is
    left out.
    """
    pending = [_listing(folder, Ignore.at(folder), own=True)]
    while pending:
        ignore, listing = pending[-1]
        entry = next(listing, None)
        if entry is None:
            pending.pop()
            continue
        is_folder = entry.is_dir(follow_symlinks=False)
        path = entry.path + "/" if is_folder else entry.path
        if path == hidden_file or ignore.ignores(path):
            continue
        yield path, entry
        if is_folder and len(pending) < depth:
            pending.append(_listing(entry.path, ignore, own=False))


def _listing(folder: str, ignore: Ignore, *, own: bool) -> "tuple[Ignore, Iterator[os.DirEntry[str]]]":
    try:
        with os.scandir(folder) as found:
            listing = sorted(found, key=lambda entry: entry.name)
    except OSError:
        return ignore, iter(())
    names = {entry.name for entry in listing if entry.name in (".git", ".gitignore")}
    if names and not own:
        ignore = ignore.below(folder, has_rules=".gitignore" in names, is_root=".git" in names)
    return ignore, iter([entry for entry in listing if entry.name != ".git"])
