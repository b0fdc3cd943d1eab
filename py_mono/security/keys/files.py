"""One file on the disk, in single steps: opened only as what it should be, written over in place, or laid down whole."""

import errno
import os
import shlex
import stat
from contextlib import suppress

from py_mono.protocol.errors import ConfigError
from py_mono.security.keys.header import LARGEST
from py_mono.security.keys.reading import kind_of

_COMMON = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_PRIVATE = 0o600
_OPEN_TO_OTHERS = 0o077


def open_stored(path: str, *, write: bool) -> int:
    """A descriptor of the file of stored keys.

    A file with a second name, or of another owner, is read: its token proves who wrote it. It is not written.

    Raises:
        ConfigError: It is no regular file, larger than any, or (to be written) not this user's alone.
        OSError: It cannot be opened.
    """
    _regular(path, os.lstat(path))  # before it is opened, which for a device can be a deed
    descriptor = os.open(path, (os.O_RDWR if write else os.O_RDONLY) | _COMMON)
    try:
        seen = os.fstat(descriptor)
        _regular(path, seen)
        if write:
            _own(path, seen)
    except ConfigError:
        os.close(descriptor)
        raise
    return descriptor


def create(path: str) -> int:
    """A new and empty file that nobody else could ever open. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _COMMON, _PRIVATE)
    with suppress(OSError):
        os.fchmod(descriptor, _PRIVATE)  # a umask may have taken more
    return descriptor


def read_all(descriptor: int) -> bytes:
    """What is in it. Raises OSError."""
    pieces, at = [], 0
    while piece := os.pread(descriptor, LARGEST + 1 - at, at):
        pieces.append(piece)
        at += len(piece)
    return b"".join(pieces)


def overwrite(descriptor: int, data: bytes) -> None:
    """Make this its content, and return once it is on the disk. Raises OSError, and may then have written half."""
    at = 0
    while at < len(data):
        at += os.pwrite(descriptor, data[at:], at)
    os.ftruncate(descriptor, len(data))
    os.fsync(descriptor)


def lay_down(path: str, data: bytes) -> None:
    """Put a file there in one step, for its owner alone, and return once it is on the disk. Raises OSError."""
    fresh = f"{path}.new"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _COMMON, _PRIVATE)
    try:
        overwrite(descriptor, data)
        os.replace(fresh, path)
    except OSError:
        with suppress(OSError):
            os.unlink(fresh)
        raise
    finally:
        os.close(descriptor)
    sync_folder(os.path.dirname(path))


def sync_folder(path: str) -> None:
    """Return once the names in it are on the disk, where the file system can do that. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)


def close_to_others(descriptor: int) -> None:
    """Take from others what they may do with a file, where it is ours and the file system has modes."""
    seen = os.fstat(descriptor)
    if stat.S_IMODE(seen.st_mode) & _OPEN_TO_OTHERS and seen.st_uid == os.geteuid():
        with suppress(OSError):
            os.fchmod(descriptor, _PRIVATE)


def _regular(path: str, seen: os.stat_result) -> None:
    if not stat.S_ISREG(seen.st_mode):
        raise ConfigError(
            f"{path} is {kind_of(seen.st_mode)}, and keys are stored in a regular file only",
            remedy="it is left as it is; move it elsewhere, then try again",
        )
    if seen.st_size > LARGEST:
        raise ConfigError(
            f"{path} is larger than stored keys can be ({seen.st_size} bytes)",
            remedy="it is left as it is; move it elsewhere, then store the keys again with /key PROVIDER",
        )


def _own(path: str, seen: os.stat_result) -> None:
    quoted = shlex.quote(path)
    if seen.st_nlink != 1:
        raise ConfigError(
            f"{path} has a second name, under which what is stored in it could be read",
            remedy=f"cp {quoted} {quoted}.copy && mv {quoted}.copy {quoted}",
        )
    if os.geteuid() not in {0, seen.st_uid}:
        raise ConfigError(
            f"{path} belongs to user {seen.st_uid}, and you are user {os.geteuid()}",
            remedy=f"sudo chown {os.geteuid()} {quoted}",
        )
