"""Runs inside the lock (or, to show that an attack is real, outside it) and prints what each attack came to, as JSON.

An attack's outcome is ``done`` where it got what it wanted, else the error's name, or what it saw instead.
"""

import array
import ctypes
import errno
import fcntl
import json
import mmap
import os
import platform
import signal
import socket
import sys
import time
from collections.abc import Callable

TARGETS = json.loads(sys.argv[1])
OUTSIDE = TARGETS["outside"]
WORKER = os.getppid()
X86 = platform.machine() == "x86_64"
libc = ctypes.CDLL(None, use_errno=True)


def syscall(number: int, *arguments: object) -> str:
    passed = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    if libc.syscall(ctypes.c_long(number), *passed) < 0:
        raise OSError(ctypes.get_errno(), "")
    return "done"


def number(x86: int, arm: int) -> int:
    return x86 if X86 else arm


def reach(call: int, *arguments: object) -> str:
    """Whether a call that would do harm with better arguments is looked at by the kernel at all."""
    try:
        return syscall(call, *arguments)
    except OSError as error:
        if error.errno in {errno.EINVAL, errno.EFAULT}:
            return "done"
        raise


def read(path: str) -> str:
    with open(path, "rb") as file:
        text = file.read()
    return "done" if b"secret" in text or (path == "/etc/shadow" and text) else f"read {len(text)} bytes"


def write(path: str, mode: str = "a") -> str:
    with open(path, mode) as file:
        file.write("x")
    return "done"


def did(function: Callable[..., object], *arguments: object) -> str:
    function(*arguments)
    return "done"


def through_link(kind: str) -> str:
    link = f"{TARGETS['workspace']}/{kind}"
    if kind == "hard":
        os.link(f"{OUTSIDE}/secret", link)
    else:
        os.symlink(f"{OUTSIDE}/secret", link)
    return read(link)


def connect(family: int, kind: int, address: object) -> str:
    with socket.socket(family, kind) as client:
        client.settimeout(2)
        client.connect(address)  # type: ignore[arg-type] # an address of either family
        client.send(b"hello")
    return "done"


def connect_mptcp() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as client:
        client.connect(("127.0.0.1", TARGETS["port"]))
    return "done"


def send_udp() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", TARGETS["port"]))
        client.send(b"hello")
        time.sleep(0.05)
        client.send(b"where nobody listens, the first one was answered with an error")
    return "done"


def change_owner() -> str:
    before = os.stat(f"{OUTSIDE}/other").st_ctime_ns
    time.sleep(0.02)
    os.chown(f"{OUTSIDE}/other", os.getuid(), os.getgid())
    return "done" if os.stat(f"{OUTSIDE}/other").st_ctime_ns != before else "ignored"


def change_time() -> str:
    os.utime(f"{OUTSIDE}/other", (1, 1))
    return "done" if os.stat(f"{OUTSIDE}/other").st_mtime == 1 else "ignored"


def push_into_terminal() -> str:
    master, slave = os.openpty()
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    fcntl.ioctl(slave, 0x540E, 0)  # TIOCSCTTY
    fcntl.ioctl(slave, 0x5412, b"x")  # TIOCSTI
    os.close(master)
    return "done"


def signal_victim() -> str:
    os.kill(TARGETS["victim"], signal.SIGUSR1)
    return "done"


def peek_memory() -> str:
    buffer = ctypes.create_string_buffer(8)
    vector = array.array("Q", [ctypes.addressof(buffer), 8])
    local = ctypes.c_void_p(vector.buffer_info()[0])
    return reach(number(310, 270), WORKER, local, 1, local, 1, 0)


def mount_and_unmount() -> str:
    place = TARGETS["workspace"].encode()
    syscall(number(165, 40), b"none", place, b"tmpfs", 0, None)
    return syscall(number(166, 39), place, 0)


def clone_spaces() -> str:
    child = libc.syscall(ctypes.c_long(number(56, 220)), ctypes.c_long(0x10000000 | 17), None, None, None, None)
    if child == 0:
        os._exit(0)
    if child < 0:
        raise OSError(ctypes.get_errno(), "")
    os.waitpid(child, 0)
    return "done"


def map_much() -> str:
    mmap.mmap(-1, TARGETS["memory"] + (1 << 20), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return "done"


ATTACKS: dict[str, Callable[[], str]] = {
    "read a file outside": lambda: read(f"{OUTSIDE}/secret"),
    "list a folder outside": lambda: did(os.listdir, OUTSIDE),
    "read /etc/shadow": lambda: read("/etc/shadow"),
    "read through a symbolic link": lambda: through_link("symbolic"),
    "read through a hard link": lambda: through_link("hard"),
    "write a file outside": lambda: write(f"{OUTSIDE}/other"),
    "create a file outside": lambda: write(f"{OUTSIDE}/made", "x"),
    "truncate a file outside": lambda: did(os.truncate, f"{OUTSIDE}/other", 0),
    "remove a file outside": lambda: did(os.unlink, f"{OUTSIDE}/removable"),
    "change a mode outside": lambda: did(os.chmod, f"{OUTSIDE}/other", 0o600),
    "change an owner outside": change_owner,
    "change a time outside": change_time,
    "set an attribute outside": lambda: did(os.setxattr, f"{OUTSIDE}/other", b"user.x", b"y"),
    "read the agent's environment": lambda: read(f"/proc/{TARGETS['victim']}/environ"),
    "read the worker's environment": lambda: did(open, f"/proc/{WORKER}/environ", "rb"),
    "read the worker's memory": peek_memory,
    "signal a process outside": signal_victim,
    "set a kernel parameter": lambda: did(open, "/proc/sys/kernel/core_pattern", "r+"),
    "connect over TCP": lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", TARGETS["port"])),
    "connect over MPTCP": connect_mptcp,
    "send over UDP": send_udp,
    "connect to a UNIX socket": lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, TARGETS["socket"]),
    "connect to an abstract socket": lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, TARGETS["abstract"]),
    "open a vsock": lambda: did(socket.socket, 40, socket.SOCK_STREAM),
    "open a kernel crypto socket": lambda: did(socket.socket, 38, socket.SOCK_SEQPACKET),
    "open an audit socket": lambda: did(socket.socket, 16, socket.SOCK_RAW, 9),
    "open a raw socket": lambda: did(socket.socket, socket.AF_INET, socket.SOCK_RAW, 1),
    "open a packet socket": lambda: did(socket.socket, 17, socket.SOCK_RAW, 3),
    "read the keys": lambda: read(f"{TARGETS['workspace']}/.keys.enc"),
    "replace the keys": lambda: did(os.replace, f"{TARGETS['workspace']}/own", f"{TARGETS['workspace']}/.keys.enc"),
    "trace": lambda: syscall(number(101, 117), 0, 0, None, None),
    "unshare": lambda: syscall(number(272, 97), 0x10000000),
    "clone into a namespace": clone_spaces,
    "clone3": lambda: reach(435, None, 0),
    "mount": mount_and_unmount,
    "change the root": lambda: syscall(number(161, 51), b"/"),
    "bpf": lambda: reach(number(321, 280), 0, None, 0),
    "io_uring": lambda: reach(425, 1, None),
    "keyctl": lambda: syscall(number(250, 219), 0, -3, 0),
    "userfaultfd": lambda: syscall(number(323, 282), 1),
    "make a device": lambda: did(os.mknod, f"{TARGETS['workspace']}/disk", 0o60600, os.makedev(254, 0)),
    "push into a terminal": push_into_terminal,
    "use much memory": map_much,
}


def attempt(attack: Callable[[], str]) -> str:
    """Run one attack in a process of its own, so that what it does to itself does not spoil the next."""
    answer, question = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            outcome = attack()
        except TimeoutError:
            outcome = "timeout"
        except OSError as error:
            outcome = errno.errorcode.get(error.errno or 0, str(error))
        os.write(question, outcome.encode())
        os._exit(0)
    os.close(question)
    with open(answer) as file:
        outcome = file.read()
    os.kill(child, signal.SIGKILL)  # it may be stopped, waiting for a tracer
    os.waitpid(child, 0)
    return outcome or "died"


def main() -> None:
    with open("/proc/self/status") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    names = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs")
    outcomes = {name: attempt(ATTACKS[name]) for name in TARGETS.get("attacks", ATTACKS)}
    print(json.dumps({
        "status": {name: int(status[name], 16) for name in names},
        "ids": [os.getuid(), os.getgid(), os.getgroups()],
        "outcomes": outcomes,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
