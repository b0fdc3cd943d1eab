"""What was typed before, in this session and in others."""

import fcntl
import os
from collections.abc import Callable, Iterable
from contextlib import suppress

from prompt_toolkit.history import History

from py_mono.ui.line.secret import masked

_READ = 300_000
"""So many bytes of the file's end are read."""

_LONGEST_FILE = 2_000_000
"""A file of more bytes is cut to its last ``_READ``."""

_LONGEST = 10_000
"""A longer entry (a paste) is not kept on the disk."""

_OPEN = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class LineHistory(History):
    """What was typed, in a file only its owner reads; lines that carry a key are kept nowhere.

    An entry is a line ``# `` and its lines, each behind a ``+``. Each is written in one piece, under a lock, at the end of
    the file, so that sessions that run side by side keep what each of them was told.
    """

    def __init__(
        self,
        filename: str,
        *,
        whole: Callable[[str], str] = str,
        redact: Callable[[str], str] = str,
        secret: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """Take a file; empty keeps nothing on the disk.

        Args:
            filename: Its path; it and its folder are created.
            whole: Gives the text that a line stands for.
            redact: Takes secrets out of what is written.
            secret: Says whether a text holds what was typed as a key, beside lines that are ``/key`` or like it.
        """
        super().__init__()
        self._filename = filename
        self._whole = whole
        self._redact = redact
        self._secret = secret

    def load_history_strings(self) -> Iterable[str]:
        """The last entries, newest first; none where the file cannot be read."""
        try:
            return reversed(_entries(self._read()))
        except OSError:
            return ()

    def append_string(self, string: str) -> None:
        """Keep a line, unless it carries a key or says what the last one said."""
        text = self._whole(string)
        if masked(text) == text and not self._secret(text) and self._loaded_strings[:1] != [string]:
            super().append_string(string)

    def store_string(self, string: str) -> None:
        """Write a line; where that fails, it is kept until the program ends."""
        text = self._redact(self._whole(string).encode(errors="replace").decode())
        if self._filename and len(text) <= _LONGEST:
            lines = "".join(f"+{line}\n" for line in text.split("\n"))
            with suppress(OSError):
                self._write(f"\n# \n{lines}".encode())

    def _read(self) -> bytes:
        descriptor = self._open()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            end = os.pread(descriptor, _READ, max(size - _READ, 0))
            if size > _READ:
                end = end[end.find(b"\n\n") + 1 :]
            if size > _LONGEST_FILE:
                os.ftruncate(descriptor, 0)
                os.write(descriptor, end)
            return end
        finally:
            os.close(descriptor)

    def _write(self, data: bytes) -> None:
        descriptor = self._open()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            os.write(descriptor, data)
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        """The file, readable by its owner only."""
        if not self._filename:
            raise OSError("no file")
        os.makedirs(os.path.dirname(self._filename), 0o700, exist_ok=True)
        descriptor = os.open(self._filename, _OPEN, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor


def _entries(data: bytes) -> list[str]:
    found: list[list[str]] = [[]]
    for line in data.decode(errors="replace").split("\n"):
        if line.startswith("+"):
            found[-1].append(line[1:])
        elif found[-1]:
            found.append([])
    return ["\n".join(lines) for lines in found if lines]
