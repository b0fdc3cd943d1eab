"""Stands before each attacking program: the kernel's calls by name, and a way to report success.

It runs in the lock, as part of a workspace file, so it is standard library only.
"""

import ctypes
import errno
import os
import platform
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
_X86_64 = {
    "accept": 43, "acct": 163, "add_key": 248, "adjtimex": 159, "bpf": 321, "chroot": 161, "clock_settime": 227,
    "clone": 56, "clone3": 435, "delete_module": 176, "fanotify_init": 300, "finit_module": 313, "fsopen": 430,
    "init_module": 175, "io_uring_setup": 425, "ioperm": 173, "iopl": 172, "kcmp": 312, "kexec_load": 246,
    "keyctl": 250, "mount": 165, "mount_setattr": 442, "move_mount": 429, "name_to_handle_at": 303,
    "open_by_handle_at": 304, "open_tree": 428, "perf_event_open": 298, "personality": 135, "pidfd_getfd": 438,
    "pidfd_open": 434, "pidfd_send_signal": 424, "pivot_root": 155, "process_vm_readv": 310,
    "process_vm_writev": 311, "ptrace": 101, "quotactl": 179, "reboot": 169, "request_key": 249,
    "rt_sigqueueinfo": 129, "setns": 308, "settimeofday": 164, "sethostname": 170, "swapoff": 168, "swapon": 167,
    "syslog": 103, "umount2": 166, "unshare": 272, "userfaultfd": 323, "vhangup": 153, "process_madvise": 440,
    "migrate_pages": 256, "ioprio_set": 251, "prlimit64": 302, "setxattr": 188, "chmod": 90,
    "fchmodat2": 452, "file_setattr": 469, "setpriority": 141, "sched_setscheduler": 144, "io_setup": 206,
}  # fmt: skip
_GENERIC = {
    "accept": 202, "acct": 89, "add_key": 217, "adjtimex": 171, "bpf": 280, "chroot": 51, "clock_settime": 112,
    "clone": 220, "clone3": 435, "delete_module": 106, "fanotify_init": 262, "finit_module": 273, "fsopen": 430,
    "init_module": 105, "io_uring_setup": 425, "kcmp": 272, "kexec_load": 104,
    "keyctl": 219, "mount": 40, "mount_setattr": 442, "move_mount": 429, "name_to_handle_at": 264,
    "open_by_handle_at": 265, "open_tree": 428, "perf_event_open": 241, "personality": 92, "pidfd_getfd": 438,
    "pidfd_open": 434, "pidfd_send_signal": 424, "pivot_root": 41, "process_vm_readv": 270,
    "process_vm_writev": 271, "ptrace": 117, "quotactl": 60, "reboot": 142, "request_key": 218,
    "rt_sigqueueinfo": 138, "setns": 268, "settimeofday": 170, "sethostname": 161, "swapoff": 225, "swapon": 224,
    "syslog": 116, "umount2": 39, "unshare": 97, "userfaultfd": 282, "vhangup": 58, "process_madvise": 440,
    "migrate_pages": 238, "ioprio_set": 30, "prlimit64": 261, "setxattr": 5,
    "fchmodat2": 452, "file_setattr": 469, "setpriority": 140, "sched_setscheduler": 119, "io_setup": 0,
}  # fmt: skip
NUMBERS = _X86_64 if platform.machine() == "x86_64" else _GENERIC


def win(*words: object) -> None:
    """The goal was reached. Spelled in two parts, so that an error showing this line is no success."""
    print("PWN" + "ED", *words, flush=True)


def impossible(why: str) -> None:
    """This machine cannot do it at all, lock or no lock."""
    print("IMPOS" + "SIBLE:", why, flush=True)
    sys.exit(0)


def call(name: str, *arguments: object) -> int:
    """Ask the kernel; raises OSError. Integers are passed as longs."""
    if name not in NUMBERS:
        impossible(f"no {name} on {platform.machine()}")
    wide = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(NUMBERS[name]), *wide)
    if result == -1 and ctypes.get_errno():
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return int(result)


def reaches(name: str, *arguments: object, also: tuple[int, ...] = ()) -> bool:
    """Whether a call gets past the question of rights: it succeeds, or fails over its (harmless, wrong) arguments."""
    try:
        call(name, *arguments)
    except OSError as error:
        print(name, error, flush=True)
        if error.errno == errno.ENOSYS and "@MODE@" in {"bare", "off"}:
            impossible(f"this kernel has no {name}")
        return error.errno in {errno.EINVAL, errno.EFAULT, errno.ENOENT, errno.EBADF, errno.ENOTBLK, *also}
    return True


def command_line(pid: "int | str") -> bytes:
    """Another process's; empty where it ended meanwhile or does not show it."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""
