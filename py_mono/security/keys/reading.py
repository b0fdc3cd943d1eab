"""Small files that others wrote, read whole; light."""

import errno
import os
import stat

_KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def kind_of(mode: int) -> str:
    """What is there instead of a regular file."""
    return _KINDS.get(stat.S_IFMT(mode), "no regular file")


def read_small(path: str, most: int) -> bytes:
    """The first ``most`` bytes of a regular file, links followed; a pipe is not waited for.

    Raises:
        OSError: It cannot be read; EINVAL where it is no regular file.
        ValueError: There is a NUL in its name.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, f"it is {kind_of(mode)}")
        return os.pread(descriptor, most, 0)
    finally:
        os.close(descriptor)
