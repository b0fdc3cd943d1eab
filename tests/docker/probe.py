"""Runs in the lock and in a container, with ``tests/attacks/kit.py`` in place of its import: tries what must not work, and says what did.

Standard library only. The last line is one JSON object: each attack's name, and ``refused: WHY`` or ``REACHED WHAT``.
"""

import ctypes
import errno
import glob
import json
import os
import socket
import stat
import sys
from collections.abc import Callable
from functools import partial

from tests.attacks.kit import NUMBERS, call

FINDINGS: dict[str, str] = {}
SECRET = sys.argv[1].encode()
HOST, MODEL_PORT, OTHER_PORT = sys.argv[2:5]
BLOCKED = {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EROFS, errno.ENOENT}


def attack(name: str, what: Callable[[], object], refusals: "set[int]" = BLOCKED) -> None:
    """A call that ends with another error than a refusal got through to the kernel, or to the network."""
    try:
        FINDINGS[name] = f"REACHED {what()!r}"
    except OSError as error:
        known = error.errno in refusals or isinstance(error, (TimeoutError, socket.gaierror))
        FINDINGS[name] = f"{'refused' if known else 'REACHED'}: {error}"


def nothing_found(found: object) -> object:
    """What a search found; nothing is a refusal."""
    if not found:
        raise PermissionError(errno.EACCES, "nothing there")
    return found


# --- the network ---
UNREACHABLE = {*BLOCKED, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EAFNOSUPPORT, errno.ECONNREFUSED, errno.ETIMEDOUT}


def reach(host: str, port: int) -> str:
    with socket.create_connection((host, port), 2) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return connection.recv(100).decode(errors="replace")


def docker_sockets() -> list[str]:
    places = ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock")
    return [path for path in (*places, *glob.glob("/**/docker*.sock", recursive=False)) if os.path.exists(path)]


attack("the engine's socket", lambda: nothing_found(docker_sockets()))
attack("the datetime server", lambda: reach("datetime-mcp", 50051), UNREACHABLE)
attack("the metadata address", lambda: reach("169.254.169.254", 80), UNREACHABLE)
attack("the model's port of the host", lambda: reach("host.docker.internal", int(MODEL_PORT)), UNREACHABLE)
attack("another port of the host", lambda: reach("host.docker.internal", int(OTHER_PORT)), UNREACHABLE)
attack("the host by its address", lambda: reach(HOST, int(OTHER_PORT)), UNREACHABLE)
attack("names of the world", lambda: socket.getaddrinfo("deb.debian.org", 80))
attack("a raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
attack("a packet socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW), {*BLOCKED, errno.EAFNOSUPPORT})


# --- /proc ---
def first_bytes(path: str) -> str:
    with open(path, "rb") as file:
        return str(nothing_found(file.read(64)))


def writable(path: str) -> str:
    os.close(os.open(path, os.O_WRONLY))
    return path


def secrets_of_processes() -> list[str]:
    found = []
    for path in glob.glob("/proc/[0-9]*/environ"):
        try:
            with open(path, "rb") as file:
                if SECRET in file.read():
                    found.append(path)
        except OSError:
            continue
    return found


def processes() -> dict[int, str]:
    names = {}
    for path in glob.glob("/proc/[0-9]*/comm"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                names[int(path.split("/")[2])] = file.read().strip()
        except OSError:
            continue
    return names


AGENTS = [pid for pid, name in processes().items() if name in {"py-mono", "tini"}]
"""Names are seen where there are no process namespaces within a container; nothing more is."""


def opened(name: str, pid: int) -> str:
    with open(f"/proc/{pid}/{name}", "rb"):
        return name


def listed(name: str, pid: int) -> list[str]:
    return os.listdir(f"/proc/{pid}/{name}")


def of_the_agent(ask: Callable[[int], object]) -> object:
    """What one of the agent's processes lets out."""
    error: OSError = PermissionError(errno.EACCES, "no such process is seen")
    for pid in AGENTS:
        try:
            return ask(pid)
        except OSError as refused:
            error = refused
    raise error


attack(
    "the host's processes",
    lambda: nothing_found(sorted({"dockerd", "containerd", "systemd"} & set(processes().values()))),
)
attack("a signal to the agent", lambda: of_the_agent(lambda pid: os.kill(pid, 0)))
attack(
    "the agent's limits",
    lambda: of_the_agent(lambda pid: call("prlimit64", pid, 7, None, ctypes.create_string_buffer(16))),
)
for name in ("environ", "mem", "maps"):
    attack(f"the agent's {name}", partial(of_the_agent, partial(opened, name)))
for name in ("fd", "root/", "cwd/"):
    attack(f"the agent's {name}", partial(of_the_agent, partial(listed, name)))
attack("the master key in an environment", lambda: nothing_found(secrets_of_processes()))
attack("the master key as a file", lambda: nothing_found(SECRET in first_bytes("/run/secrets/llm_master_key").encode()))
attack(
    "its own environment", lambda: nothing_found([name for name in os.environ if name.startswith(("LLM_", "OPENAI_"))])
)
for path in ("/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/dev/mem", "/dev/kmsg"):
    attack(path, partial(first_bytes, path))
for path in (
    "/proc/sysrq-trigger",
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/irq/default_smp_affinity",
):
    attack(path, partial(writable, path))
attack("/sys/firmware", lambda: nothing_found(os.listdir("/sys/firmware")))
attack(
    "cgroups",
    lambda: nothing_found(
        [p for p in glob.glob("/sys/fs/cgroup/**/cgroup.procs", recursive=True) if os.access(p, os.W_OK)]
    ),
)


# --- files ---
def made(path: str) -> str:
    with open(path, "w", encoding="utf-8"):
        return path


for folder in ("/", "/etc", "/usr/bin", "/usr/local/bin", "/opt/py-mono/bin", "/app", "/var", "/root"):
    attack(f"writing to {folder}", partial(made, os.path.join(folder, "made-by-probe")))
attack("a device", lambda: os.mknod("/tmp/probe-device", stat.S_IFCHR | 0o600, os.makedev(1, 1)))
attack("a device in the workspace", lambda: os.mknod("probe-device", stat.S_IFBLK | 0o600, os.makedev(8, 0)))

# --- the kernel; arguments that would do harm are wrong on purpose ---
for name, arguments in {
    "mount": (b"none", b"/tmp", b"tmpfs", 0, None),
    "umount2": (b"/proc", 2),
    "keyctl": (0, -3, 0),
    "add_key": (b"user", b"probe", b"x", 1, -3),
    "request_key": (b"user", b"probe", None, -3),
    "bpf": (5, None, 0),
    "perf_event_open": (None, 0, -1, -1, 0),
    "userfaultfd": (1,),
    "io_uring_setup": (4, ctypes.create_string_buffer(248)),
    "ptrace": (0x4206, 1, 0, 0),
    "process_vm_readv": (1, None, 0, None, 0, 0),
    "kcmp": (1, 1, 0, 0, 0),
    "setns": (-1, 0),
    "unshare": (0x10000000,),
    "clone": (0x10000000 | 0x80000000, 0, 0, 0, 0),
    "clone3": (None, 0),
    "pivot_root": (b"/", b"/"),
    "chroot": (b"/",),
    "open_by_handle_at": (-1, None, 0),
    "name_to_handle_at": (-1, None, None, None, -1),
    "init_module": (None, 0, None),
    "finit_module": (-1, None, 0),
    "kexec_load": (0, 0, None, 0),
    "reboot": (0, 0, 0, None),
    "swapon": (b"/nowhere", 0),
    "settimeofday": (None, None),
    "sethostname": (b"x", 1),
    "syslog": (3, None, 0),
    "fanotify_init": (0x200, 0),
    "quotactl": (0, None, 0, None),
    "iopl": (3,),
}.items():
    if name in NUMBERS:
        attack(f"call: {name}", partial(call, name, *arguments), {errno.EPERM, errno.EACCES, errno.ENOSYS})

with open("/proc/self/status", encoding="ascii") as file:
    STATUS = dict(line.split(":\t") for line in file.read().splitlines() if ":\t" in line)
print(json.dumps({"findings": FINDINGS, "status": STATUS, "uid": os.getuid(), "groups": os.getgroups()}))
