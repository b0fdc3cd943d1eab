"""What the host does to itself before it starts a worker: nobody of its own user may look into it, and it inherits orphans."""

import os

from py_mono.sandbox import kernel


def harden_host() -> None:
    """Close this process's memory and environment to its own user, and make it the parent of what its workers leave.

    Without the first, a tool that runs as the same user where no pid namespace can be had could read the keys from
    ``/proc/PID/environ``. Source: ``PR_SET_DUMPABLE`` and ``PR_SET_CHILD_SUBREAPER`` in prctl(2). A debugger cannot
    attach afterwards.

    Raises:
        OSError: The kernel refused.
    """
    kernel.prctl("dumpable", kernel.PR_SET_DUMPABLE, 0)
    kernel.prctl("subreaper", kernel.PR_SET_CHILD_SUBREAPER, 1)


def make_private_folder(parent: str) -> str:
    """A new folder for one session, which only this user may enter; ``confine`` gives it to the workspace's owner.

    Raises:
        OSError: It cannot be made there.
    """
    path = os.path.join(parent, f"tmp-{os.getpid()}-{os.urandom(6).hex()}")
    os.makedirs(path, 0o700)
    return os.path.realpath(path)
