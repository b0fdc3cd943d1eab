"""GUEST. Mount, pid, network and ipc namespaces (user where not root): a small machine of the worker's own.

The new root is a tmpfs that holds the profile's paths and nothing else: readable ones read-only, writable ones as they
were, ``/dev`` with six harmless devices, a fresh ``/proc``. Sources: namespaces(7), user_namespaces(7), mount_setattr(2),
open_tree(2), pivot_root(2).
"""

import _socket  # the C half alone: importing socket costs the worker 6 ms
import fcntl
import os
import stat
import struct

from py_mono.sandbox import kernel
from py_mono.sandbox.kernel import call, libc, syscall
from py_mono.sandbox.profile import Profile

TYPE_CHECKING = False  # spelled out: importing typing costs the worker 4 ms
if TYPE_CHECKING:
    from collections.abc import Container

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_DEV_LINKS = (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2"), ("ptmx", "pts/ptmx"))
_SHM_BYTES = 1 << 30
_OWN_PID_MAX, _LEAST_PID_MAX = (6, 14), 301
_SPACES = kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS
_DEVPTS = b"newinstance,ptmxmode=0666,mode=620"
_NO_DEVICES = kernel.MS_NOSUID | kernel.MS_NODEV
_READ_ONLY = kernel.MOUNT_ATTR_RDONLY | kernel.MOUNT_ATTR_NOSUID
_WRITABLE = kernel.MOUNT_ATTR_NOSUID | kernel.MOUNT_ATTR_NODEV
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1
PROC = "proc"
"""What an error names where a /proc of one's own is refused."""


def unshare(*, network: bool, user: bool, processes: bool) -> None:
    """Put this process into new namespaces, with ids mapped to themselves; with ``processes`` its next child into one of pids.

    Raises:
        OSError: The kernel refused.
    """
    uid, gid = os.geteuid(), os.getegid()
    spaces = _SPACES | (0 if network else kernel.CLONE_NEWNET) | (kernel.CLONE_NEWUSER if user else 0)
    spaces |= kernel.CLONE_NEWPID if processes else 0
    call("unshare", libc.unshare, spaces)
    if user:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            _write_map(f"/proc/self/{name}", text)
    if not network:
        probe = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
        fcntl.ioctl(probe.fileno(), _SIOCSIFFLAGS, struct.pack("16sh", b"lo", _IFF_UP) + bytes(22))
        probe.close()


def _write_map(path: str, text: str) -> None:
    """Raises OSError, which names the file: since Linux 5.12 a root without CAP_SETFCAP may not write this one."""
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None


def build_root(profile: Profile, *, processes: bool) -> None:
    """Give this process a root of its own; the old one is gone afterwards. ``processes``: it is the first of a pid namespace.

    Raises:
        OSError: The kernel refused; ``filename`` says at what.
    """
    umask = os.umask(0o022)
    call("make the mounts private", libc.mount, None, b"/", None, kernel.MS_REC | kernel.MS_PRIVATE, None)
    view = _View(profile.resolved)
    for path in profile.readable:
        view.show(path, path, _READ_ONLY)
    for path in ("/tmp", "/var/tmp"):  # noqa: S108 - the profile's own private folder is shown there
        view.show(profile.private_tmp, path, _WRITABLE)
    for path in profile.writable:
        view.show(profile.place(path), path, _WRITABLE)
    for path in profile.lent:
        view.show(path, path, _READ_ONLY)
    for name in _DEVICES:
        view.show(f"/dev/{name}", f"/dev/{name}", kernel.MOUNT_ATTR_NOSUID)
    if not processes:
        view.show("/proc", "/proc", _READ_ONLY)
    null = [(path, _open_tree("/dev/null", ())) for path in profile.hidden if _is_plain_file(path)]
    _mount(b"tmpfs", os.fsencode(profile.private_tmp), _NO_DEVICES, b"mode=755,size=16m")
    os.chdir(profile.private_tmp)
    view.attach()
    for path, tree in null:
        _hide(path, tree)
    _finish_dev()
    if processes:
        _mount_proc(profile.limits.processes if "limits" in profile.layers else 0)
    call("pivot_root", libc.pivot_root, b".", b".")
    call("umount the old root", libc.umount2, b".", kernel.MNT_DETACH)
    _set_attributes(kernel.AT_FDCWD, b"/", kernel.MOUNT_ATTR_RDONLY, recursive=False)
    os.umask(umask)


class _View:
    """What the new root shows: detached copies of mount trees, with their places, and links."""

    def __init__(self, resolved: "Container[str]") -> None:
        """Of the paths that are ``resolved``, what bears them is shown, and no link is followed to it."""
        self._resolved = resolved
        self._trees: dict[str, int] = {}
        self._links: dict[str, str] = {}
        self._folders: dict[str, str] = {}

    def show(self, path: str, place: str, attributes: int) -> None:
        """Show ``path`` at ``place``; later ones win over earlier ones at the same place. What is missing is left out."""
        real = path if path in self._resolved else self._resolve(path)
        if path == place and real != path:
            self._links[path] = real
            place = real
        try:
            tree = _open_tree(real, self._resolved)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return
        _set_attributes(tree, b"", attributes, recursive=True)
        if place in self._trees:
            os.close(self._trees[place])
        self._trees[place] = tree

    def _resolve(self, path: str) -> str:
        """As ``os.path.realpath``, but each folder is resolved once: there are many files in few folders."""
        folder, _, name = path.rpartition("/")
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder or "/").rstrip("/")
        resolved = f"{self._folders[folder]}/{name}"
        try:
            os.readlink(resolved)
        except OSError:
            return resolved
        return os.path.realpath(resolved)

    def attach(self) -> None:
        """Build it all below the working directory, parents before children."""
        for place in sorted(self._trees, key=lambda place: place.split("/")):
            tree = self._trees[place]
            target = place.lstrip("/")
            _make_place(target, folder=stat.S_ISDIR(os.fstat(tree).st_mode))
            _attach(tree, target)
        for place, target in self._links.items():
            link = place.lstrip("/")
            os.makedirs(os.path.dirname(link) or ".", exist_ok=True)
            if not os.path.lexists(link):
                os.symlink(target, link)


def _make_place(target: str, *, folder: bool) -> None:
    """Something to mount on; it is there already where a tree around it was attached before."""
    try:
        if folder:
            os.mkdir(target)
        else:
            os.mknod(target, 0o444)
    except FileExistsError:
        return
    except FileNotFoundError:
        os.makedirs(os.path.dirname(target))
        _make_place(target, folder=folder)


def _attach(tree: int, target: str) -> None:
    name = os.fsencode(target)
    syscall(target, kernel.SYS_MOVE_MOUNT, tree, b"", kernel.AT_FDCWD, name, kernel.MOVE_MOUNT_F_EMPTY_PATH)
    os.close(tree)


def _hide(path: str, null: int) -> None:
    """Cover a file: it reads as empty and cannot be removed, renamed or replaced."""
    if os.path.lexists(path.lstrip("/")):
        _attach(null, path.lstrip("/"))
    else:
        os.close(null)


def _is_plain_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def _finish_dev() -> None:
    os.makedirs("dev/shm", exist_ok=True)
    os.makedirs("dev/pts", exist_ok=True)
    _mount(b"tmpfs", b"dev/shm", _NO_DEVICES, b"mode=1777,size=%d" % _SHM_BYTES)
    call("devpts", libc.mount, b"devpts", b"dev/pts", b"devpts", kernel.MS_NOSUID | kernel.MS_NOEXEC, _DEVPTS)
    for name, target in _DEV_LINKS:
        os.symlink(target, f"dev/{name}")


def limits_pids(release: str = "") -> bool:
    """Whether ``pid_max`` belongs to the pid namespace (Linux 6.14): before, writing it would change the machine's.

    ``release`` as ``uname -r`` prints it; this kernel's where empty.
    """
    major, minor = (release or os.uname().release).split(".")[:2]
    return (int(major), int(minor.split("-")[0])) >= _OWN_PID_MAX


def _mount_proc(processes: int) -> None:
    """A fresh, read-only /proc: as root even without capabilities, a writable one would hold the kernel's settings."""
    os.makedirs("proc", exist_ok=True)
    flags = _NO_DEVICES | kernel.MS_NOEXEC
    call(PROC, libc.mount, b"proc", b"proc", b"proc", flags, None)
    if processes and limits_pids():  # holds for root too, whom RLIMIT_NPROC does not bind
        with open("proc/sys/kernel/pid_max", "w", encoding="ascii") as file:
            file.write(str(max(processes, _LEAST_PID_MAX)))
    _set_attributes(kernel.AT_FDCWD, b"proc", kernel.MOUNT_ATTR_RDONLY, recursive=False)


def _mount(kind: bytes, place: bytes, flags: int, options: bytes) -> None:
    call(f"mount {kind.decode()}", libc.mount, kind, place, kind, flags, options)


def _open_tree(path: str, resolved: "Container[str]") -> int:
    """A detached copy of a mount tree: it keeps each mount's own flags."""
    flags = kernel.OPEN_TREE_CLONE | kernel.AT_RECURSIVE | kernel.AT_EMPTY_PATH | os.O_CLOEXEC
    handle = kernel.open_place(path, resolved)
    try:
        return syscall(path, kernel.SYS_OPEN_TREE, handle, b"", flags)
    finally:
        os.close(handle)


def _set_attributes(folder: int, path: bytes, attributes: int, *, recursive: bool) -> None:
    flags = (kernel.AT_RECURSIVE if recursive else 0) | (kernel.AT_EMPTY_PATH if not path else 0)
    block = struct.pack("=4Q", attributes, 0, 0, 0)
    syscall("mount_setattr", kernel.SYS_MOUNT_SETATTR, folder, path, flags, block, len(block))
