"""What the host does to itself before it starts a worker: nobody of its own user may look into it, and it inherits orphans."""

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
