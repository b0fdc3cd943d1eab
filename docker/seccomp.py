"""Write the containers' seccomp profiles, seccomp.json and seccomp-server.json: ``python3 docker/seccomp.py [FOLDER]``.

The baseline is what the default profile of Docker Engine 29 allows a container without capabilities, in the names of
x86-64 and arm64 (moby, ``profiles/seccomp/default.json``, Apache-2.0). From it goes ``REMOVED``; to the agent's comes
``NAMESPACES``, which its inner lock is made with. docs/adr/039 argues both.
"""  # noqa: INP001 - a script

import json
import sys
from pathlib import Path
from typing import Any

Rule = dict[str, Any]

# What programs are made of, by purpose.
BASELINE = {
    "files": """
        access cachestat chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2
        fadvise64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr flock
        fremovexattr fsetxattr fstat fstatfs fsync ftruncate futimesat getcwd getdents getdents64 getxattr getxattrat
        inotify_add_watch inotify_init inotify_init1 inotify_rm_watch ioctl lchown lgetxattr link linkat listxattr
        listxattrat llistxattr lremovexattr lseek lsetxattr lstat mkdir mkdirat mknod mknodat newfstatat open openat
        openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv removexattr
        removexattrat rename renameat renameat2 rmdir sendfile setxattr setxattrat splice stat statfs statx symlink
        symlinkat sync sync_file_range syncfs tee truncate umask unlink unlinkat utime utimensat utimes write writev
    """,
    "memory": """
        brk madvise map_shadow_stack membarrier memfd_create mincore mlock mlock2 mlockall mmap mprotect mremap mseal
        msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect
    """,
    "processes and threads": """
        arch_prctl capget execve execveat exit exit_group fork futex futex_requeue futex_wait futex_waitv futex_wake
        get_robust_list getcpu getegid geteuid getgid getgroups getpgid getpgrp getpid getppid getpriority getresgid
        getresuid getrlimit getrusage getsid gettid getuid ioprio_get ioprio_set kill pause pidfd_open
        pidfd_send_signal prctl prlimit64 restart_syscall rseq rt_sigaction rt_sigpending rt_sigprocmask
        rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max
        sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler
        sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp
        set_robust_list set_tid_address setpgid setpriority setrlimit setsid sigaltstack signalfd signalfd4 sysinfo
        tgkill tkill uname vfork wait4 waitid
    """,
    "waiting and time": """
        alarm clock_getres clock_gettime clock_nanosleep epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2
        epoll_wait eventfd eventfd2 getitimer gettimeofday nanosleep pipe pipe2 poll ppoll pselect6 select setitimer
        time timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime
        timerfd_settime times
    """,
    "sockets and queues": """
        accept accept4 bind connect getpeername getsockname getsockopt listen mq_getsetattr mq_notify mq_open
        mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd recvfrom recvmmsg recvmsg semctl semget
        semop semtimedop sendmmsg sendmsg sendto setsockopt shmat shmctl shmdt shmget shutdown socketpair
    """,
    "random numbers": "getrandom",
}

# Allowed by Docker's default, and not here.
REMOVED = {
    "adjtimex clock_adjtime": "the machine's clock",
    "fanotify_mark name_to_handle_at": "work on file systems, and not on the files in them",
    "io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit": "contexts come out of one pot of the machine's",
    "memfd_secret": "memory that nobody can look into",
    "modify_ldt": "16-bit programs; how kernels were broken",
    "ptrace process_vm_readv process_vm_writev process_mrelease": "other processes: the agent's memory holds the keys",
    "remap_file_pages vmsplice": "hardly used; how kernels were broken",
    "setfsgid setfsuid": "for file servers",
    "statmount listmount": "what the machine is made of",
    "uretprobe": "for the kernel's own use",
}

# To take the ids of the workspace's owner (docker/entrypoint.sh), and to put on the inner lock.
IDENTITY = "capset setgid setgroups setregid setresgid setresuid setreuid setuid"
LANDLOCK = "landlock_add_rule landlock_create_ruleset landlock_restrict_self"

# Not allowed by Docker's default: what py_mono/sandbox/namespaces.py calls, as it calls it.
NAMESPACES = "mount_setattr move_mount open_tree pivot_root umount2"
_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
_SPACES = _NEWNS | _NEWIPC | _NEWUTS | _NEWUSER
UNSHARE = (_SPACES, _SPACES | _NEWNET, _SPACES | _NEWPID, _SPACES | _NEWPID | _NEWNET)
"""Never one alone, and none into which a process of this container could look from outside."""
_NOSUID, _NODEV, _NOEXEC, _REC, _PRIVATE = 2, 4, 8, 16384, 1 << 18
MOUNT = (_REC | _PRIVATE, _NOSUID | _NODEV, _NOSUID | _NOEXEC, _NOSUID | _NODEV | _NOEXEC)
"""Neither bound nor remounted, so that nothing that is read-only gets writable."""

FAMILIES = {"UNIX": 1, "INET": 2, "INET6": 10}
NETLINK, ROUTE = 16, 0
"""Of netlink that which tells addresses, for the C library: a network namespace of one's own would open the firewall's parts."""
PERSONALITIES = (0, 0xFFFFFFFF)  # an ordinary program's, and asking which
_NEW_SPACES = 0x7E020000  # every CLONE_NEW* that clone takes
_LOW = 0xFFFFFFFF
_ENOSYS = 38


def _allow(names: str) -> Rule:
    return {"names": sorted(names.split()), "action": "SCMP_ACT_ALLOW"}


def _equal(name: str, index: int, values: "tuple[int, ...]") -> list[Rule]:
    """One rule a value: rules for the same call are alternatives."""
    return [_where(name, index, _LOW, value) for value in values]


def _where(name: str, index: int, mask: int, value: int) -> Rule:
    return {**_allow(name), "args": [_test(index, mask, value)]}


def _test(index: int, mask: int, value: int) -> Rule:
    return {"index": index, "value": mask, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"}


def _common() -> list[Rule]:
    return [
        *map(_allow, BASELINE.values()),
        *_equal("socket", 0, tuple(FAMILIES.values())),
        {**_allow("socket"), "args": [_test(0, _LOW, NETLINK), _test(2, _LOW, ROUTE)]},
        *_equal("personality", 0, PERSONALITIES),
        _where("clone", 0, _NEW_SPACES, 0),
        # its flags are behind a pointer; the C library then uses clone
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": _ENOSYS},
    ]


def server() -> Rule:
    """The profile of whoever needs no lock within."""
    return _profile(_common())


def agent() -> Rule:
    """The profile of the agent: the servers', and what its inner lock is made with."""
    more = [_allow(IDENTITY), _allow(LANDLOCK), _allow(NAMESPACES)]
    return _profile([*_common(), *more, *_equal("unshare", 0, UNSHARE), *_equal("mount", 3, MOUNT)])


def _profile(rules: list[Rule]) -> Rule:
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        # no 32-bit programs: their calls have numbers, and faults, of their own
        "archMap": [{"architecture": f"SCMP_ARCH_{name}", "subArchitectures": []} for name in ("X86_64", "AARCH64")],
        "syscalls": rules,
    }


def main() -> None:
    """Write both into the folder that is named, by default beside this file."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent
    for name, profile in (("seccomp.json", agent()), ("seccomp-server.json", server())):
        (folder / name).write_text(json.dumps(profile, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
