"""What was typed before."""

import os
import re
from collections.abc import Iterable

from prompt_toolkit.history import FileHistory

_SECRET = re.compile(r"\s*/key\b")


class LineHistory(FileHistory):
    """What was typed, in a file only its owner reads; lines that carry a key are kept nowhere."""

    def __init__(self, filename: str) -> None:
        super().__init__(filename)
        self._usable = _make_private(filename)

    def load_history_strings(self) -> Iterable[str]:
        """The lines, newest first; none where the file cannot be read."""
        try:
            return list(super().load_history_strings())
        except OSError:
            return []

    def append_string(self, string: str) -> None:
        """Keep a line, unless it carries a key."""
        if not _SECRET.match(string):
            super().append_string(string)

    def store_string(self, string: str) -> None:
        """Write a line; where that fails, it is kept until the program ends."""
        if self._usable:
            try:
                super().store_string(string.encode(errors="replace").decode())
            except OSError:
                self._usable = False


def _make_private(filename: str) -> bool:
    """Create the file and its folder, readable by their owner only; False where it cannot be."""
    try:
        os.makedirs(os.path.dirname(filename), 0o700, exist_ok=True)
        descriptor = os.open(filename, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return False
    try:
        os.fchmod(descriptor, 0o600)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
