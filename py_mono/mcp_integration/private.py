"""Files for their owner alone: read with care, written whole or not at all."""

import os
import stat
from contextlib import suppress

_LARGEST = 4 * 1024 * 1024


def read_private(path: str) -> bytes:
    """What stands there; nothing where there is no such file, it is not ours, or larger than anything we write."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid() or about.st_size > _LARGEST:
                return b""
            return file.read(_LARGEST)
    except OSError:
        return b""


def write_private(path: str, data: bytes) -> None:
    """Put a file there in one step. Raises OSError."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    temporary = f"{path}.{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
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
