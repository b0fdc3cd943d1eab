"""The workspace and what works in it: whose it is, the lock, git, uv."""

import os
import shlex
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

from py_mono.ui.doctor.findings import Case, Finding, command_in, in_thread
from py_mono.ui.lock import describe

_FORBIDDING = (
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("user.max_user_namespaces", "0", "15000"),
)
"""Settings of the kernel that keep a user from making namespaces, and what allows it: Ubuntu's, Debian's, everybody's."""

_LANDLOCK = "uname -r; cat /sys/kernel/security/lsm"
_MOST_LOOKED_AT = 2_000
_DEPTH = 3
_VERSION_S = 1.0
_SKIPPED = frozenset((".git", ".venv", "node_modules", "__pycache__"))
_SYSTEM = ("/usr/", "/bin/", "/opt/", "/snap/", "/nix/store/")
"""Where tools may run programs from, beside the workspace."""


def owner(case: Case) -> Finding:
    """Whether files can be changed, and whose they are then."""
    if not case.workspace:
        return Finding("workspace", "not_checked", "there is none that can be used")
    me = os.geteuid()
    seen = os.stat(case.workspace)
    quoted = shlex.quote(case.workspace)
    who = f"{case.workspace} belongs to user {seen.st_uid}, mode {stat.S_IMODE(seen.st_mode):o}; we are user {me}"
    mend = f"sudo chown -R {me}:{os.getegid()} {quoted}"
    if me == 0:
        if seen.st_uid == 0:
            said = f"{who}: new files will be root's"
            return Finding(
                "workspace", "warning" if case.container else "ok", said, _as_user() if case.container else ""
            )
        return Finding("workspace", "ok", f"{who}; tools run as user {seen.st_uid}")
    if not os.access(case.workspace, os.W_OK | os.X_OK):
        why = f"{who}, and may not write"
        in_container = f"docker compose run --user {seen.st_uid}:{seen.st_gid} …"
        return Finding("workspace", "fault", why, in_container if case.container and seen.st_uid else mend)
    foreign = next(_foreign(case.workspace, me), "")
    if foreign:
        why = f"{who}; {foreign} is another user's, and may not be written"
        return Finding("workspace", "warning", why, mend)
    return Finding("workspace", "ok", who)


def _as_user() -> str:
    return 'docker compose run --user "$(id -u):$(id -g)" …'


def _foreign(folder: str, me: int) -> Iterator[str]:
    """Paths that belong to somebody else and cannot be written, among the first few thousand near the top."""
    left = _MOST_LOOKED_AT
    for path, folders, files in os.walk(folder):
        depth = path[len(folder) :].count(os.sep)
        folders[:] = [name for name in folders if name not in _SKIPPED] if depth < _DEPTH else []
        for name in (*folders, *files):
            whole = os.path.join(path, name)
            left -= 1
            if left < 0:
                return
            try:
                seen = os.lstat(whole)
            except OSError:  # gone meanwhile
                continue
            if seen.st_uid != me and not stat.S_ISLNK(seen.st_mode) and not os.access(whole, os.W_OK):
                yield whole


async def lock(case: Case, *, kernel: str = "/proc/sys") -> Finding:
    """Which layers of the lock hold, and what is open without the others; ``kernel`` is where its settings are read."""
    if not case.workspace:
        return Finding("lock", "not_checked", "there is no workspace to lock the tools into")
    report: dict[str, Any] = {}

    async def ask() -> Mapping[str, Any]:
        report.update(await case.lock())
        return report

    said = await describe(ask, network=case.network)
    detail = " ".join((said.summary.removeprefix("lock: "), *said.gaps))
    if not report:
        return Finding(
            "lock", "fault", detail, next(filter(None, map(command_in, said.gaps)), "py-mono --sandbox auto")
        )
    off = {name for name, state in report["layers"].items() if not state.startswith("on")}
    if not off:
        lacking = any(state.startswith("on without") for state in report["layers"].values())
        return Finding("lock", "ok", " ".join((detail, *(report["open"] if lacking else ()))))
    if len(off) == len(report["layers"]):
        return Finding("lock", "warning", detail, "py-mono --sandbox auto")
    if "namespaces" in off:
        return Finding("lock", "warning", detail, _unlocking(case, kernel))
    needs = "Landlock needs Linux 5.13, and its name in the list of /sys/kernel/security/lsm."
    return Finding("lock", "warning", f"{detail} {needs}", _LANDLOCK)


def _unlocking(case: Case, kernel: str) -> str:
    """What lets namespaces be made: whatever forbids it here."""
    for name, forbidding, value in _FORBIDDING:
        try:
            with open(os.path.join(kernel, *name.split(".")), encoding="ascii") as file:
                found = file.read().strip()
        except (OSError, UnicodeError):
            continue
        if found == forbidding:
            return f"sudo sysctl -w {name}={value}"
    if not case.container:
        return "sudo apt install bubblewrap && py-mono --sandbox bubblewrap"
    if os.geteuid() == 0:  # since Linux 5.12 a root whose capabilities were taken away makes no user namespaces
        return 'docker compose run --user "$(id -u):$(id -g)" …'
    try:
        with open(os.path.join(os.path.dirname(kernel), "self", "attr", "current"), encoding="utf-8") as file:
            confined = file.read().rstrip("\0\n") not in {"", "unconfined"}
    except (OSError, UnicodeError):  # no AppArmor
        confined = False
    return f"docker run --security-opt {'apparmor=unconfined' if confined else 'seccomp=docker/seccomp.json'} …"


async def git(case: Case) -> Finding:
    """Which git, and whether the workspace is a repository; neither is needed, for undo keeps copies of its own."""
    program = shutil.which("git", path=case.environ.get("PATH"))
    if program is None:
        why = "not found; undo does without, the tools' own git commands do not"
        return Finding("git", "warning", why, "sudo apt install git")
    version = await in_thread(lambda: _version(program, case.workspace))
    if not case.workspace:
        return Finding("git", "ok", version)
    inside = "a repository" if _repository(case.workspace) else "no repository (none is needed: undo does without)"
    return Finding("git", "ok", f"{version}; the workspace is {inside}")


def _repository(folder: str) -> bool:
    """Whether git would find one, as ``git-rev-parse`` looks for it; git itself is not asked: its settings can run programs."""
    while not os.path.lexists(os.path.join(folder, ".git")):
        if folder == "/":
            return False
        folder = os.path.dirname(folder)
    return True


async def uv(case: Case) -> Finding:
    """Which uv, and whether the tools can run it."""
    program = shutil.which("uv", path=case.environ.get("PATH"))
    if program is None:
        return Finding("uv", "ok", "not found; only projects that are run with it need it")
    return await in_thread(lambda: _found_uv(program, case.workspace))


def _found_uv(program: str, workspace: str) -> Finding:
    said = f"{_version(program, workspace)}, {program}"
    real = os.path.realpath(program)
    if real.startswith((*_SYSTEM, f"{workspace or '/'}/")):
        return Finding("uv", "ok", said)
    mend = f"sudo install {shlex.quote(real)} /usr/local/bin/uv"
    return Finding("uv", "warning", f"{said}: the tools do not see that folder", mend)


def _version(program: str, workspace: str) -> str:
    """What it says to ``--version``; what lies in the workspace is not run, for a model may have written it."""
    real = os.path.realpath(program)
    if not os.path.isabs(program) or (workspace and real.startswith(f"{workspace}/")):
        return f"{program} lies in the workspace, and was not run"
    try:
        done = subprocess.run(
            [program, "--version"],
            cwd="/",
            env={"PATH": os.defpath, "HOME": "/nonexistent", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_VERSION_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{program} does not run ({type(error).__name__})"
    return done.stdout[:100].decode(errors="replace").strip() or f"{program}, of unknown version"
