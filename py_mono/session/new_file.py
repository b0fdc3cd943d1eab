"""A file that is there whole or not at all, and never in place of another one."""

import errno
import os
from collections.abc import Iterable
from contextlib import suppress

from py_mono.protocol.errors import SessionError

_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EINVAL})
"""What file systems say that know no hard links."""


def write_new(path: str, pieces: Iterable[str]) -> None:
    """Write a file that only its owner may read (0600). It gets its name once it is whole and on the disk.

    Raises:
        SessionError: There is something of that name already, or it cannot be written; nothing is left behind.
        Exception: What ``pieces`` raises, likewise.
    """
    temporary = os.path.join(os.path.dirname(path), f".py-mono-{os.urandom(8).hex()}")
    try:
        if os.path.lexists(path):
            raise _taken(path)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with open(os.open(temporary, flags, 0o600), "w", encoding="utf-8", errors="replace", newline="\n") as file:
                file.writelines(pieces)
                file.flush()
                os.fsync(file.fileno())
            _name(temporary, path)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
    except FileExistsError as error:
        raise _taken(path) from error
    except OSError as error:
        raise SessionError(f"{path} cannot be written: {error.strerror}.") from error


def _taken(path: str) -> SessionError:
    return SessionError(
        f"{path} is there already, and stays as it is.", remedy="Name another file, or move that one away."
    )


def _name(temporary: str, path: str) -> None:
    """Unlike a rename, a link does not replace what is there."""
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))  # the name is ours now
        try:
            os.replace(temporary, path)
        except OSError:
            os.unlink(path)
            raise
