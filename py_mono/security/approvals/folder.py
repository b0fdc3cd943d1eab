"""Where what was agreed to is kept: outside the workspace, a name for each; light, for it is looked at before all else."""

import os

from py_mono.utils.digests import blake2b

FOLDER = "approvals"


def workspace_name(workspace: str) -> str:
    """The name of a workspace: by its resolved path and its inode, for another folder at that path is another one."""
    try:
        inode = os.stat(workspace).st_ino
    except OSError:
        inode = 0
    return blake2b(os.fsencode(os.path.realpath(workspace)) + b"\0%d" % inode, digest_size=16).hexdigest()


def write_whole(path: str, data: bytes) -> None:
    """Put a file there in one step, for its owner alone. Raises OSError."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    temporary = f"{path}.{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
