"""HOST. What went wrong with a checkpoint, in words that say what would mend it."""

import errno

from py_mono.protocol.errors import SandboxError

_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_LEAVE = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def failed(what: str, where: str, error: OSError) -> SandboxError:
    """``what`` (a sentence without its end) did not work because of ``error``, in the folder ``where``."""
    remedy = "Try again; where it stays so, look at the disk."
    if error.errno in _ROOM:
        remedy = f"Make room on the disk, or in the quota, that holds {where}, then try again."
    elif error.errno in _LEAVE:
        remedy = f"See that {where} belongs to you and may be written, then try again."
    return SandboxError(f"{what}: {error.strerror or error}.", remedy=remedy)


def damaged(path: str, what: str) -> SandboxError:
    """The store at ``path`` does not hold what it should."""
    return SandboxError(
        f"The checkpoints in {path} are damaged: {what}.",
        remedy=f"The workspace was not touched. To go on without the older checkpoints, move {path} away.",
    )
