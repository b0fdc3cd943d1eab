"""A glass box around each run: ``python -m tests.attacks.box`` reads a job on stdin and prints what came of it.

The attacks are carried out for real where nothing is confined, so that they are known to be attacks. Where the machine
lets us, that happens in namespaces of our own: a wild ``kill`` or ``mount`` ends at their edge, and whatever is left
running ends with them. Without them (no root) the attacks that could hurt are left out, and named.
"""

import ctypes
import fcntl
import json
import os
import shutil
import socket
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.attacks.world import World

ROOT = Path(__file__).resolve().parents[2]
NEWNS, NEWUTS, NEWIPC, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x20000000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
NEEDED = [Path(sys.base_prefix), ROOT, Path(sys.prefix)]
libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2); raises OSError."""
    if libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode()):
        number = ctypes.get_errno()
        raise OSError(number, f"mount {kind or source} on {target}: {os.strerror(number)}")


def closed_ancestor(path: Path) -> Path | None:
    """The uppermost folder above ``path`` that only its owner may pass."""
    for folder in (*reversed(path.parents), path):
        if not folder.stat().st_mode & 0o001:
            return folder
    return None


def open_up(paths: list[Path]) -> None:
    """Let another user reach these folders at their own paths, in our mount namespace alone.

    An interpreter below ``/root`` is otherwise out of that user's reach.
    """
    hidden: dict[Path, list[Path]] = {}
    for path in paths:
        folder = closed_ancestor(path)
        if folder is not None:
            hidden.setdefault(folder, []).append(path)
    for folder, inside in hidden.items():
        held = [(path, os.open(path, os.O_PATH)) for path in inside]
        mount("tmpfs", str(folder), "tmpfs", 0, "mode=755")
        for path, descriptor in held:
            path.mkdir(parents=True, exist_ok=True)
            mount(f"/proc/self/fd/{descriptor}", str(path), "", MS_BIND | MS_REC)
            os.close(descriptor)


def enter() -> bool:
    """Enter namespaces of our own and become their first process; False where that is not ours to do."""
    if os.geteuid() != 0 or libc.unshare(NEWNS | NEWUTS | NEWIPC | NEWPID | NEWNET):
        return False
    child = os.fork()
    if child:
        status = os.waitpid(child, 0)[1]
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    mount("proc", "/proc", "proc")
    mount("tmpfs", "/run", "tmpfs", 0, "mode=755")
    mount("tmpfs", "/srv", "tmpfs", 0, "mode=755")
    if not any(path.is_relative_to("/tmp") for path in NEEDED):  # agents that get killed leave their folders there
        mount("tmpfs", "/tmp", "tmpfs", 0, "mode=1777")
    with socket.socket() as probe:  # our loopback, up
        fcntl.ioctl(probe, 0x8914, struct.pack("16sh22x", b"lo", 1))
    return True


def reap_until(child: int) -> int:
    """As the first process: bury orphans until the child ends; its status."""
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status) & 0xFF


def run(job: dict[str, Any], *, boxed: bool) -> dict[str, Any]:
    """Lay out the world and carry out the job in it."""
    if job["who"] == "user" and os.geteuid() == 0 and not boxed and any(map(closed_ancestor, NEEDED)):
        return {
            "skipped": "no other user may read this Python, and this machine gives no mount namespace to show it in"
        }
    if job["who"] != "user" and os.geteuid() != 0:
        return {"skipped": "this is not root"}
    base = Path("/srv/pm") if boxed else Path(tempfile.mkdtemp(prefix="pm-attack-", dir="/var/tmp"))
    base.mkdir(exist_ok=True)
    base.chmod(0o755)
    world = World(base, job, boxed=boxed)
    try:
        return world.carry_out()
    finally:
        world.close()
        if not boxed:
            shutil.rmtree(base, ignore_errors=True)


def main() -> int:
    """Read the job, do it, print the results as one line of JSON."""
    job = json.load(sys.stdin)
    boxed = enter()
    if boxed:
        if job["who"] == "user" or (job["who"] == "mixed" and job["mode"] == "container"):
            open_up(NEEDED)
        child = os.fork()
        if child:
            return reap_until(child)
    answer = {"boxed": boxed, **run(job, boxed=boxed)}
    print(json.dumps(answer), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
