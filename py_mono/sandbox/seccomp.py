"""GUEST. seccomp: system calls that no tool needs and that kernels were broken through, denied by a static filter.

A classic BPF program, one pair of instructions a call, so that it reads like the table it is made from. Numbers: the
kernel's ``arch/x86/entry/syscalls/syscall_64.tbl`` and ``include/uapi/asm-generic/unistd.h`` (arm64). Source: seccomp(2).
"""

import ctypes
import errno
import os
import struct

from py_mono.sandbox import kernel

X86_64, ARM64 = 0xC000003E, 0xC00000B7  # AUDIT_ARCH_*
_X32 = 0x40000000
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_NR, _ARCH, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_MODE_FILTER = 2

# name: number on (x86-64, arm64); None where the architecture has no such call
ALWAYS: dict[str, tuple[int | None, int | None]] = {
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "process_madvise": (440, 440), "perf_event_open": (298, 241),
    "move_pages": (279, 239), "migrate_pages": (256, 238),
    # wide kernel interfaces
    "bpf": (321, 280), "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "lsm_set_self_attr": (460, 460), "modify_ldt": (154, None), "uselib": (134, None), "vserver": (236, None),
    "nfsservctl": (180, 42), "lookup_dcookie": (212, 18), "_sysctl": (156, None), "sysfs": (139, None),
    # mounts, namespaces, roots
    "mount": (165, 40), "umount2": (166, 39), "move_mount": (429, 429), "open_tree": (428, 428),
    "open_tree_attr": (467, 467), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fspick": (433, 433), "mount_setattr": (442, 442), "pivot_root": (155, 41), "chroot": (161, 51),
    "unshare": (272, 97), "setns": (308, 268), "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
    "fanotify_init": (300, 262), "fanotify_mark": (301, 263), "quotactl": (179, 60), "quotactl_fd": (443, 443),
    # the machine
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "create_module": (174, None), "reboot": (169, 142), "swapon": (167, 224),
    "swapoff": (168, 225), "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266),
    "adjtimex": (159, 171), "syslog": (103, 116), "acct": (163, 89), "vhangup": (153, 58), "sethostname": (170, 161),
    "setdomainname": (171, 162), "iopl": (172, None), "ioperm": (173, None),
}  # fmt: skip
OWNERS: dict[str, tuple[int | None, int | None]] = {  # quietly not done, as fakeroot does: tar and cp as root always ask; no other owner could be set anyway
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
}  # fmt: skip
XATTR: dict[str, tuple[int | None, int | None]] = {  # answered as by a file system without them
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "removexattr": (197, 14),
    "lremovexattr": (198, 15), "fremovexattr": (199, 16), "setxattrat": (463, 463), "removexattrat": (466, 466),
    "file_setattr": (469, 469),
}  # fmt: skip
TIMES: dict[str, tuple[int | None, int | None]] = {
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
}
WITHOUT_IPC: dict[str, tuple[int | None, int | None]] = {  # System V and POSIX queues are the machine's
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "msgget": (68, 186), "msgsnd": (69, 189),
    "msgrcv": (70, 188), "msgctl": (71, 187), "semget": (64, 190), "semop": (65, 193), "semctl": (66, 191),
    "semtimedop": (220, 192), "mq_open": (240, 180), "mq_unlink": (241, 181),
}  # fmt: skip
FILTERED: dict[str, tuple[int | None, int | None]] = {  # decided by an argument
    "clone": (56, 220), "clone3": (435, 435), "ioctl": (16, 29), "socket": (41, 198), "socketpair": (53, 199),
    "mknod": (133, None), "mknodat": (259, 33), "utimensat": (280, 88), "prlimit64": (302, 261),
    "setpriority": (141, 140), "ioprio_set": (251, 30), "sched_setscheduler": (144, 119), "sched_setparam": (142, 118),
    "sched_setattr": (314, 274), "io_setup": (206, 0),
}  # fmt: skip

_NEW_SPACES = 0x7E020000  # every CLONE_NEW* that clone takes: all but CLONE_NEWTIME
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_TYPE_MASK, _CHARACTER, _BLOCK = 0o170000, 0o020000, 0o060000
_PRIO_PROCESS, _IOPRIO_WHO_PROCESS = 0, 1
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16
_SOCK_TYPE_MASK, _SOCK_STREAM, _SOCK_SEQPACKET = 0xF, 1, 5

Code = list[tuple[int, int, int, int]]  # (operation, jump if true, jump if false, operand)


def architecture() -> int | None:
    """The ``AUDIT_ARCH`` of this process, None for one this module has no table for."""
    if struct.calcsize("P") != 8:  # noqa: PLR2004 - bytes of a 64-bit pointer
        return None
    return {"x86_64": X86_64, "aarch64": ARM64}.get(os.uname().machine)


def install(code: Code) -> None:
    """Put the filter on this process for good; ``no_new_privs`` must be set.

    Raises:
        OSError: The kernel refused.
    """
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in code))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(code), ctypes.addressof(program)))
    kernel.prctl("seccomp", kernel.PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(header))


def assemble(arch: int, *, mounts: bool, processes: bool, internet: bool, unix: bool) -> Code:
    """The filter for an architecture.

    Args:
        arch: ``X86_64`` or ``ARM64``.
        mounts: Whether a mount namespace (and with it an ipc one) stands.
        processes: Whether a pid namespace stands.
        internet: Whether sockets of IPv4 and IPv6 are allowed: the network is on, or it is an own one.
        unix: Whether UNIX sockets may be made: those reachable by path are known to be harmless.
    """
    column = 0 if arch == X86_64 else 1
    code: Code = [(_LOAD, 0, 0, _ARCH), (_EQUAL, 1, 0, arch), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, _NR)]
    if arch == X86_64:
        code += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]
    groups = [(ALWAYS, errno.EPERM)]
    if not mounts:
        groups += [(OWNERS, 0), (XATTR, errno.EOPNOTSUPP), (TIMES, 0), (WITHOUT_IPC, errno.ENOSYS)]
    for group, number in groups:
        for numbers in group.values():
            code += _on(numbers[column], [_deny(number)])
    for name, body in _bodies(mounts=mounts, processes=processes, internet=internet, unix=unix).items():
        code += _on(FILTERED[name][column], body)
    return [*code, (_RETURN, 0, 0, _ALLOW)]


def _bodies(*, mounts: bool, processes: bool, internet: bool, unix: bool) -> "dict[str, Code]":
    """What to do for each call that an argument decides."""
    deny, device = _deny(errno.EPERM), [(_AND, 0, 0, _TYPE_MASK), *_values([_CHARACTER, _BLOCK], _deny(errno.EPERM))]
    bodies = {
        "clone": [_low(0), (_ANY_BIT, 0, 1, _NEW_SPACES), deny, _allow()],
        "clone3": [_deny(errno.ENOSYS)],  # its flags are behind a pointer; the C library then uses clone
        "io_setup": [_deny(errno.ENOSYS)],  # what it hands out is the machine's, and soon used up
        "ioctl": [_low(1), *_values([_TIOCSTI, _TIOCLINUX], deny), _allow()],
        "mknod": [_low(1), *device, _allow()],
        "mknodat": [_low(2), *device, _allow()],
        "socket": _socket(internet=internet, unix=unix),
        "socketpair": _socketpair(unix=unix),
    }
    if not mounts:  # times set by path are quietly not set: refusing would break every copy; by descriptor they are
        bodies["utimensat"] = [
            *(line for half in (0, 1) for line in (_load(1, half), (_EQUAL, 1, 0, 0), (_RETURN, 0, 0, _ERRNO))),
            _allow(),
        ]
    if not processes:
        bodies["prlimit64"] = [_low(0), (_EQUAL, 1, 0, 0), deny, _allow()]
        for name, own in (("setpriority", _PRIO_PROCESS), ("ioprio_set", _IOPRIO_WHO_PROCESS)):
            # nobody but oneself: the other kinds of target are a group's or all of a user's processes
            bodies[name] = [_low(0), (_EQUAL, 1, 0, own), deny, _low(1), (_EQUAL, 1, 0, 0), deny, _allow()]
        for name in ("sched_setscheduler", "sched_setparam", "sched_setattr"):
            bodies[name] = [_low(0), (_EQUAL, 1, 0, 0), deny, _allow()]
    return bodies


def _socket(*, internet: bool, unix: bool) -> Code:
    """Families that stay within the own namespaces; all others (vsock, packet, alg, bluetooth, ...) do not exist here."""
    families = ([_AF_UNIX] if unix else []) + ([_AF_INET, _AF_INET6] if internet else [])
    code: Code = [_low(0)]
    for family in families:
        code += [(_EQUAL, 0, 1, family), _allow()]
    if internet:  # the routing protocol alone, which getaddrinfo and getifaddrs ask
        code += [(_EQUAL, 0, 3, _AF_NETLINK), _low(2), (_EQUAL, 0, 1, 0), _allow()]
    return [*code, _deny(errno.EAFNOSUPPORT)]


def _socketpair(*, unix: bool) -> Code:
    """Pairs stay usable without UNIX sockets, but for datagram ones: those can still be pointed at a path."""
    code: Code = [_low(0), (_EQUAL, 1, 0, _AF_UNIX), _deny(errno.EAFNOSUPPORT)]
    if not unix:
        code += [_low(1), (_AND, 0, 0, _SOCK_TYPE_MASK), *_values([_SOCK_STREAM, _SOCK_SEQPACKET], _allow())]
        return [*code, _deny(errno.EAFNOSUPPORT)]
    return [*code, _allow()]


def _on(number: int | None, body: Code) -> Code:
    return [] if number is None else [(_EQUAL, 0, len(body), number), *body]


def _values(values: "list[int]", then: "tuple[int, int, int, int]") -> Code:
    return [line for value in values for line in ((_EQUAL, 0, 1, value), then)]


def _load(argument: int, half: int) -> "tuple[int, int, int, int]":
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * argument + 4 * half)


def _low(argument: int) -> "tuple[int, int, int, int]":
    """The low half of an argument; both architectures are little-endian, and the kernel looks at no more of these."""
    return _load(argument, 0)


def _allow() -> "tuple[int, int, int, int]":
    return (_RETURN, 0, 0, _ALLOW)


def _deny(number: int) -> "tuple[int, int, int, int]":
    return (_RETURN, 0, 0, _ERRNO | number)
