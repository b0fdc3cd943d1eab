"""GUEST. Ignore files that another program had better not read: it would wait for a pipe, or read without end."""

import os
import stat

from py_mono.tools.builtin.context import ToolFailure
from py_mono.tools.builtin.ignore import LARGEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from threading import Event

_NAMES = (".gitignore", ".git/info/exclude", ".rgignore")  # ripgrep reads the last one whatever it is told


def foreign_above(folder: str) -> bool:
    """Whether the folder, or one above it, has an ignore file that is no regular file of at most 256 KiB.

    A link to an empty file counts too, for the kernel's own files look empty and may never end.
    """
    while True:
        if _has_foreign(folder):
            return True
        parent = os.path.dirname(folder)
        if parent == folder:
            return False
        folder = parent


def foreign_below(folder: str, cancelled: "Event") -> bool:
    """The same for the folder and all below it, links not followed.

    A ``.git`` that is a file counts too: it names a further folder, whose files would have to be looked at as well.

    Raises:
        ToolFailure: Cancelled.
    """
    for here, folders, files in os.walk(folder):
        if cancelled.is_set():
            raise ToolFailure("cancelled")
        if ".git" in files or _has_foreign(here):
            return True
        if ".git" in folders:
            folders.remove(".git")
    return False


def _has_foreign(folder: str) -> bool:
    return any(_is_foreign(f"{folder}/{name}") for name in _NAMES)


def _is_foreign(path: str) -> bool:
    try:
        status = os.stat(path)
        empty_link = not status.st_size and stat.S_ISLNK(os.lstat(path).st_mode)
    except OSError:  # there is none, or nobody can open it
        return False
    return not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST or empty_link
