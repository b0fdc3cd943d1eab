"""An engine of its own for the container tests, in namespaces of its own: when its first process ends, all of it ends.

Its network, its mounts and its processes are its own, so a Docker that runs beside it is not touched: neither its
bridge nor its chains in iptables. On the machine itself there are one link, three rules, a cgroup and a folder.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

PROGRAMS = ("dockerd", "docker", "iptables", "ip", "unshare", "nsenter")
_CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_SYS_CHROOT": 18, "CAP_SYS_ADMIN": 21, "CAP_MKNOD": 27}
_CGROUPS = Path("/sys/fs/cgroup")
_FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
_STUB_RESOLVER = Path("/run/systemd/resolve/resolv.conf")
_READY_S = 60
_POOL = "198.19.0"
"""Addresses for benchmarks of networks (RFC 2544): nobody's, so neither the machine's nor its resolver's."""


def machine_lacks() -> str:
    """What keeps this machine from running an engine; empty where nothing does. Programs are not looked for."""
    if os.geteuid() != 0:
        return "it takes root to start one, and this is not root"
    status = Path("/proc/self/status").read_text(encoding="ascii")
    effective = int(status.partition("CapEff:")[2].split()[0], 16)
    for name, bit in _CAPABILITIES.items():
        if not effective >> bit & 1:
            return f"root has no {name} here"
    if not (cgroups := _cgroup_roots()):
        return "no cgroups are mounted on /sys/fs/cgroup"
    for place in cgroups:
        probe = place / f"py-mono-probe-{os.getpid()}"
        try:
            probe.mkdir()
            probe.rmdir()
        except OSError as error:
            return f"no cgroup can be made in {place}: {error.strerror}"
    if _FORWARD.read_text(encoding="ascii").strip() != "1" and not os.access(_FORWARD, os.W_OK):
        return f"{_FORWARD} is 0 and cannot be written"
    return ""


def _cgroup_roots() -> list[Path]:
    if (_CGROUPS / "cgroup.controllers").exists():
        return [_CGROUPS]
    return [_CGROUPS / name for name in ("memory", "pids", "cpu", "devices") if (_CGROUPS / name).is_dir()]


def run_inside(command: Sequence[str]) -> int:
    """Run a command in namespaces of its own, with a network; ``FOLDER`` and a descriptor are added to it.

    The command ends when this process does. Nothing stays: neither folder nor cgroup nor rule.

    Returns:
        The command's status.
    """
    name = f"pm{secrets.token_hex(3)}"
    folder = Path(tempfile.mkdtemp(prefix="py-mono-docker-", dir="/var/tmp"))
    with contextlib.ExitStack() as undo:
        undo.callback(_remove_cgroups, name)
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        waiting, go = os.pipe()
        undo.callback(os.close, go)
        child = subprocess.Popen(
            [
                *("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
                *("--propagation", "slave", *command, name, str(folder), str(waiting)),
            ],
            pass_fds=[waiting],
            start_new_session=True,
        )
        os.close(waiting)
        undo.callback(_end, child)
        undo.enter_context(_network(name, child))
        os.write(go, b"\n")
        return patiently(child)


def patiently(child: "subprocess.Popen[bytes]") -> int:
    """Wait for a child that leads a session; being interrupted is passed on once, for it has much to take down."""
    told = False
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            if not told:
                told = True
                os.killpg(child.pid, signal.SIGINT)


def _end(child: "subprocess.Popen[bytes]") -> None:
    child.kill()
    child.wait()


def _remove_cgroups(name: str) -> None:
    for root in (_CGROUPS, *(path for path in _CGROUPS.iterdir() if path.is_dir())):
        for folder, _, _ in os.walk(root / name, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)


@contextlib.contextmanager
def _network(name: str, child: "subprocess.Popen[bytes]") -> Iterator[None]:
    """A link from the child's network to the machine's, and from there to wherever the machine gets."""
    own = os.readlink("/proc/self/ns/net")
    while os.readlink(f"/proc/{child.pid}/ns/net") == own:
        if child.poll() is not None:
            sys.exit("unshare did not work: see above")
        time.sleep(0.005)
    third = secrets.randbelow(256)
    ours, theirs, subnet = f"198.18.{third}.1", f"198.18.{third}.2", f"198.18.{third}.0/30"
    rules = [
        ("-t", "nat", "POSTROUTING", "-s", subnet, "!", "-o", name, "-j", "MASQUERADE"),
        ("-t", "filter", "FORWARD", "-i", name, "-j", "ACCEPT"),
        ("-t", "filter", "FORWARD", "-o", name, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"),
    ]
    inside = ("nsenter", f"--net=/proc/{child.pid}/ns/net", "ip")
    with contextlib.ExitStack() as undo:
        _run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(child.pid))
        undo.callback(subprocess.run, ["ip", "link", "del", name], stderr=subprocess.DEVNULL, check=False)
        _run("ip", "addr", "add", f"{ours}/30", "dev", name)
        _run("ip", "link", "set", name, "up")
        _run(*inside, "link", "set", "lo", "up")
        _run(*inside, "addr", "add", f"{theirs}/30", "dev", "eth0")
        _run(*inside, "link", "set", "eth0", "up")
        _run(*inside, "route", "add", "default", "via", ours)
        for table, chain, *rule in ((row[:2], *row[2:]) for row in rules):
            _run("iptables", "-w", *table, "-I", chain, *rule)
            undo.callback(_run, "iptables", "-w", *table, "-D", chain, *rule)
        if _FORWARD.read_text(encoding="ascii").strip() == "0":
            _FORWARD.write_text("1", encoding="ascii")
            undo.callback(_FORWARD.write_text, "0", encoding="ascii")
        yield


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


@contextlib.contextmanager
def engine(name: str, folder: Path, waiting: int) -> Iterator[str]:
    """Run dockerd, once there is a network, and stop it; gives its address."""
    if not os.read(waiting, 1):
        sys.exit("there is no network to start an engine in: see above")
    os.close(waiting)
    if _STUB_RESOLVER.exists():  # 127.0.0.53 is another one in here
        _run("mount", "--bind", str(_STUB_RESOLVER), "/etc/resolv.conf")
    address = f"unix://{folder}/docker.sock"
    log = folder / "dockerd.log"
    settings = folder / "daemon.json"
    settings.write_text("{}", encoding="ascii")  # not those of the machine's
    with log.open("wb") as output:
        daemon = subprocess.Popen(
            [
                *("dockerd", "--host", address, "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"),
                *("--pidfile", f"{folder}/dockerd.pid", "--config-file", str(settings)),
                *("--cgroup-parent", f"/{name}", "--exec-opt", "native.cgroupdriver=cgroupfs"),
                *("--bip", f"{_POOL}.1/24", "--default-address-pool", f"base={_POOL}.0/16,size=24"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for those who use it
        )
    try:
        _until_it_answers(daemon, address, log)
        yield address
    finally:
        daemon.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            daemon.wait(_READY_S)


def _until_it_answers(daemon: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    deadline = time.monotonic() + _READY_S
    while not answers(address):
        if daemon.poll() is not None or time.monotonic() > deadline:
            last = log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
            sys.exit("\n".join(["dockerd did not start; its last words:", *last]))
        time.sleep(0.05)


def answers(address: str = "") -> bool:
    """Whether an engine answers at this address, or where ``docker`` looks for one."""
    if shutil.which("docker") is None:
        return False
    chosen = ("--host", address) if address else ()
    asked = subprocess.run(
        ["docker", *chosen, "info", "--format", "{{.ServerVersion}}"], capture_output=True, text=True, check=False
    )
    return asked.returncode == 0 and bool(asked.stdout.strip())
