"""GUEST. Finding and ending processes: what a command started, whatever it did to hide."""

import ctypes
import os
import signal

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> None:
    """Adopt every descendant whose parent ends, so that none can leave by forking twice. prctl(2)."""
    if _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "PR_SET_CHILD_SUBREAPER")


def _children(pid: int) -> list[int]:
    """The pids of a process's children, zombies included; none where it is gone. proc_pid_task(5)."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found.extend(map(int, file.read().split()))
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def _family_by_status(spare: "frozenset[int]", depth: int) -> list[int]:
    """As ``descendants``, from a look at every process: for a /proc of an outer pid namespace, or an old kernel.

    proc_pid_status(5): ``NSpid`` ends with the pid that this process knows it by.
    """
    below: dict[int, list[int]] = {}
    inner: dict[int, int] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/status", "rb") as file:
                fields = dict(line.split(b":\t", 1) for line in file.read().splitlines() if b":\t" in line)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        below.setdefault(int(fields[b"PPid"]), []).append(int(name))
        inner[int(name)] = int(fields.get(b"NSpid", fields[b"Pid"]).split()[-1])
    found: list[int] = []
    level = [int(os.readlink("/proc/self"))]
    while level and depth:
        depth -= 1
        level = [child for parent in level for child in below.get(parent, ()) if inner[child] not in spare]
        found.extend(inner[child] for child in level)
    return found


def children() -> list[int]:
    """The direct children of this process, zombies included."""
    return descendants(depth=1)


def descendants(spare: "frozenset[int]" = frozenset(), depth: int = 1 << 30) -> list[int]:
    """Everything below this process, nearest first, ``depth`` levels deep; ``spare`` and what is below them are left out."""
    pid = os.getpid()
    if os.readlink("/proc/self") != str(pid) or not os.path.exists(f"/proc/self/task/{pid}/children"):
        return _family_by_status(spare, depth)
    found: list[int] = []
    level = [pid]
    while level and depth:
        depth -= 1
        level = [child for parent in level for child in _children(parent) if child not in spare]
        found.extend(level)
    return found


def send(pids: "list[int]", number: int) -> None:
    """Signal each; those that are gone, or not ours to signal, are passed over."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def end_descendants(spare: "frozenset[int]" = frozenset()) -> dict[int, int]:
    """Kill everything below this process but ``spare`` and what is below them, until nothing is left; reap it all.

    The caller is a subreaper, so a killed process's children come to it and are found in the next round: neither
    ``setsid`` nor forking twice nor forking in a loop gets out. Returns the wait statuses by pid, ``spare`` included.
    """
    statuses: dict[int, int] = {}
    while not reap(statuses):
        below = descendants(spare)
        if not below:
            break
        send(below, signal.SIGKILL)
        try:  # at least one direct child was signalled, so this returns
            pid, status = os.waitpid(-1, 0)
        except ChildProcessError:
            break
        statuses[pid] = status
    return statuses


def reap(statuses: dict[int, int]) -> bool:
    """Take the status of every child that has ended into ``statuses``, without waiting; True where no child is left."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        if pid == 0:
            return False
        statuses[pid] = status
