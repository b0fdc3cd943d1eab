"""Files for their owner alone: read with care, written whole or not at all. Light: some are looked at before all else."""

import os
import stat
from contextlib import suppress

LARGEST = 4 * 1024 * 1024
"""Bytes that are read of one."""


def read_private(path: str) -> bytes:
    """What stands there; nothing where there is no such file, it is not ours, or larger than anything we write."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid() or about.st_size > LARGEST:
                return b""
            return file.read(LARGEST)
    except OSError:
        return b""


def write_private(path: str, data: bytes) -> None:
    """Put a file there in one step; of several who do at a time one comes last, whole. Raises OSError, and leaves nothing."""
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    temporary = os.path.join(folder, f".new-{os.urandom(8).hex()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary)
        raise
