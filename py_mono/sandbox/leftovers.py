"""HOST. Private folders, and copies, of sessions that were killed before they could remove them."""

import fcntl
import os
import shutil
import time
from contextlib import suppress

from py_mono.sandbox.launch import PREFIX

_SETTLED_S = 60.0


def sweep(base: str) -> int:
    """Remove the private folders below ``base`` that nobody claims any more; how many there were.

    Folders younger than a minute are left: their owner may be about to claim them. Links are never followed, also not
    where something is exchanged meanwhile (``shutil.rmtree``).
    """
    removed = 0
    try:
        names = [entry.name for entry in os.scandir(base) if entry.name.startswith(PREFIX) and _is_left(entry)]
    except OSError:
        return 0
    for name in names:
        path = os.path.join(base, name)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # in use
            continue
        else:
            remove_tree(path)
            removed += 1
        finally:
            os.close(descriptor)
    return removed


def remove_tree(top: str) -> None:
    """Remove a folder, also where tools closed folders in it; no link is followed, and what cannot be removed stays."""
    for folder, names, _ in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                with suppress(OSError):
                    os.chmod(path, 0o700)
    shutil.rmtree(top, ignore_errors=True)


def _is_left(entry: "os.DirEntry[str]") -> bool:
    """Whether this looks like one of ours, and old enough."""
    process, _, rest = entry.name.removeprefix(PREFIX).partition("-")
    if not process.isdigit() or not rest or not entry.is_dir(follow_symlinks=False):
        return False
    seen = entry.stat(follow_symlinks=False)
    return os.geteuid() in {0, seen.st_uid} and time.time() - seen.st_mtime > _SETTLED_S
