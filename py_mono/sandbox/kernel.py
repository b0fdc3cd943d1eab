"""GUEST. The few system calls the lock needs, through ctypes: numbers, constants, and errors as ``OSError``.

Sources: the kernel's ``include/uapi``; syscalls(2), prctl(2), capabilities(7). Calls added since 2019 have one number
on every architecture, which is why only the old ones need a table.
"""

import ctypes
import errno
import os

TYPE_CHECKING = False  # spelled out: importing typing costs the worker 4 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Container

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS = 0x20000, 0x2000000, 0x4000000
CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x8000000, 0x10000000, 0x20000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_RDONLY, MS_REC, MS_PRIVATE = 2, 4, 8, 1, 16384, 1 << 18
MNT_DETACH = 2
SYS_OPEN_TREE, SYS_MOVE_MOUNT, SYS_MOUNT_SETATTR = 428, 429, 442
SYS_LANDLOCK_CREATE, SYS_LANDLOCK_ADD, SYS_LANDLOCK_RESTRICT = 444, 445, 446
AT_FDCWD, AT_RECURSIVE, AT_EMPTY_PATH = -100, 0x8000, 0x1000
OPEN_TREE_CLONE, MOVE_MOUNT_F_EMPTY_PATH = 1, 4
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV = 1, 2, 4
PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_SET_SECUREBITS = 4, 22, 23, 24, 28
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 36, 38, 47

libc = ctypes.CDLL(None, use_errno=True)
_prctl = libc.prctl
_prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


def syscall(what: str, number: int, *arguments: "int | bytes | ctypes.Array[ctypes.c_char] | None") -> int:
    """Make a system call; integers are passed as 64 bits, bytes as a pointer.

    Raises:
        OSError: It failed; ``filename`` is ``what``.
    """
    passed = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return _checked(libc.syscall(ctypes.c_long(number), *passed), what)


def open_place(path: str, resolved: "Container[str]") -> int:
    """A handle (``O_PATH``) on what is there; where the path is one of those ``resolved``, on what bears it and no other.

    Raises:
        OSError: It is missing, or out of reach; or a link was put on the way to it since it was resolved.
    """
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if path in resolved and os.readlink(f"/proc/self/fd/{handle}") != path:
            raise FileNotFoundError(errno.ENOENT, "a link was put on the way to it", path)
    except OSError:
        os.close(handle)
        raise
    return handle


def prctl(what: str, option: int, *arguments: "int | ctypes.c_void_p") -> int:
    """``prctl(2)`` with the unused arguments zero.

    Raises:
        OSError: It failed; ``filename`` is ``what``.
    """
    values = [value.value or 0 if isinstance(value, ctypes.c_void_p) else value for value in arguments]
    return _checked(_prctl(option, *values, *[0] * (4 - len(values))), what)


def call(what: str, function: "Callable[..., int]", *arguments: "int | bytes | None") -> int:
    """Call a function of the C library that returns -1 and sets errno where it fails.

    Raises:
        OSError: It failed; ``filename`` is ``what``.
    """
    return _checked(function(*arguments), what)
