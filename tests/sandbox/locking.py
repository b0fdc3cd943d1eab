"""Starts real processes in the lock: as root where the tests run as root, and as a user without privileges."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from py_mono.sandbox.profile import LAYERS, Limits, Profile, make_environment, make_profile

REPOSITORY = Path(__file__).parents[2]
ORDINARY_USER = 1000
USERS = [0, ORDINARY_USER] if os.geteuid() == 0 else [os.geteuid()]
MEMORY = 1 << 30

_BOOT = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
from py_mono.sandbox import confine, kernel, profile, seccomp
numbers = [int(number) for number in sys.argv[3].split(",") if number]
if numbers:  # a machine that refuses some calls
    code = [(0x20, 0, 0, 0)]
    for number in numbers:
        code += [(0x15, 0, 1, number), (0x06, 0, 0, 0x00050001)]
    kernel.prctl("", kernel.PR_SET_NO_NEW_PRIVS, 1)
    seccomp.install([*code, (0x06, 0, 0, 0x7FFF0000)])
wanted = profile.Profile.from_json(sys.argv[2])
try:
    report = confine.enter(wanted, lambda pid: print(json.dumps({"pid": pid}), file=sys.stderr, flush=True))
except confine.ConfineError as error:
    print(json.dumps({"error": str(error), "remedy": error.remedy}))
    sys.exit(3)
print(json.dumps({"report": report, "own_pid": os.getpid(), "cwd": os.getcwd()}), flush=True)
child = os.fork()
if child == 0:
    os.execv(sys.argv[4], sys.argv[4:])
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(json.dumps({"exit_code": status}), flush=True)
"""


class Arena:
    """A workspace with secrets around it; ``user`` owns all of it."""

    def __init__(self, base: Path, user: int) -> None:
        self.base, self.user = base, user
        self.workspace, self.private, self.outside = base / "workspace", base / "private", base / "outside"
        for folder in (self.workspace, self.private, self.outside):
            folder.mkdir()
        (self.outside / "secret").write_text("secret")
        (self.outside / "other").write_text("untouched")
        (self.outside / "removable").write_text("")
        (self.workspace / ".keys.enc").write_text("secret")
        (self.workspace / "own").write_text("mine")
        shutil.copy(Path(__file__).with_name("lock_probe.py"), self.workspace / "probe.py")
        shutil.copytree(
            REPOSITORY / "py_mono/sandbox", base / "guest/py_mono/sandbox", ignore=shutil.ignore_patterns("__pycache__")
        )
        if os.geteuid() == 0:
            for path in [base, *base.rglob("*")]:
                os.chown(path, user, user)

    def python(self) -> str:
        """An interpreter this user can start."""
        if self.user == os.geteuid():
            return sys.executable
        return shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin") or sys.executable

    def profile(
        self,
        layers: Sequence[str] = LAYERS,
        *,
        network: bool = False,
        limits: Limits | None = None,
        extra_roots: Sequence[str] = (),
        readable: Sequence[str] = (),
    ) -> Profile:
        made = make_profile(
            str(self.workspace), str(self.private), layers=layers, network=network,
            limits=limits or Limits(memory_bytes=MEMORY, processes=2000, open_files=500, file_bytes=1 << 24),
            extra_roots=extra_roots, readable=[*readable, str(self.base / "guest")],
        )  # fmt: skip
        if self.user:
            made.uid = made.gid = None  # the process is started as this user already
        return made

    def run(
        self, profile: Profile, *argv: str, as_root: bool = False, refused: Sequence[int] = (), masked: bool = False
    ) -> dict[str, Any]:
        """Run a program in the lock: all that was reported, and its output's lines.

        ``refused``: numbers of system calls the machine answers with EPERM before the lock is put on. ``masked``: parts of
        /proc are hidden, as in a container; needs root.
        """
        numbers = ",".join(map(str, refused))
        command = [self.python(), "-I", "-S", "-c", _BOOT, str(self.base / "guest"), profile.to_json(), numbers, *argv]
        changes = os.geteuid() == 0 and self.user and not as_root
        if as_root:
            command[0] = sys.executable
        if masked:
            changes, ids = False, str(self.user)
            hide = (
                'mount --bind /dev/null /proc/timer_list && exec setpriv --reuid "$0" --regid "$0" --clear-groups "$@"'
            )
            command = ["unshare", "--mount", "sh", "-c", hide, ids, *command]
        done = subprocess.run(
            command, env=make_environment(profile, {}), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False, cwd="/", user=self.user if changes else None, group=self.user if changes else None,
            extra_groups=[] if changes else None,
        )  # fmt: skip
        result: dict[str, Any] = {"output": [], "stderr": "", "returncode": done.returncode}
        for line in done.stderr.splitlines():  # apart from the output, which another process writes at the same time
            if line.startswith('{"pid"'):
                result.update(json.loads(line))
            else:
                result["stderr"] += line + "\n"
        for line in done.stdout.splitlines():
            if line.startswith("{"):
                result.update(json.loads(line))
            else:
                result["output"].append(line)
        return result

    def attack(
        self, profile: Profile, *attacks: str, refused: Sequence[int] = (), masked: bool = False, **targets: Any
    ) -> dict[str, Any]:
        """Run the probe with these attacks (all of them where none is named)."""
        values = {"outside": str(self.outside), "workspace": str(self.workspace), "memory": MEMORY, **targets}
        if attacks:
            values["attacks"] = attacks
        result = self.run(
            profile, self.python(), "-I", str(self.workspace / "probe.py"), json.dumps(values),
            refused=refused, masked=masked,
        )  # fmt: skip
        assert "outcomes" in result, result
        return result


@contextmanager
def arena_for(user: int) -> Iterator[Arena]:
    """An arena in a folder that every user can reach."""
    with tempfile.TemporaryDirectory(prefix="lock-", dir="/tmp") as name:
        base = Path(os.path.realpath(name))
        base.chmod(0o755)
        yield Arena(base, user)


@contextmanager
def victims(arena: Arena) -> Iterator[dict[str, Any]]:
    """What there is to attack: a process with a secret in its environment, servers on TCP, a path and an abstract name."""
    changes = os.geteuid() == 0 and arena.user
    path, abstract = str(arena.outside / "server"), f"\0{arena.base.name}"
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as by_path,
        socket.socket(socket.AF_UNIX) as by_name,
        subprocess.Popen(
            [shutil.which("sleep") or "sleep", "60"], env={"TOKEN": "secret"},
            user=arena.user if changes else None, group=arena.user if changes else None,
        ) as victim,
    ):  # fmt: skip
        by_path.bind(path)
        Path(path).chmod(0o777)
        by_name.bind(abstract)
        by_path.listen()
        by_name.listen()
        udp.bind(tcp.getsockname())
        try:
            yield {"victim": victim.pid, "port": tcp.getsockname()[1], "socket": path, "abstract": abstract}
        finally:
            victim.kill()
