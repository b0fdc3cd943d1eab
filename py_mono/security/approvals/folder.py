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
