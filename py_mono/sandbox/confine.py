"""GUEST. The lock, put on in layers, in one order, before any tool code is imported.

Namespaces, capabilities, Landlock, seccomp, limits: each where it can be had; the report says which are in force and what
is open without the others. With neither namespaces nor Landlock there is no lock: ``ConfineError``.
"""

import os
import resource

from py_mono.sandbox import home, kernel, landlock, namespaces, privileges, seccomp
from py_mono.sandbox.profile import LAYERS, Limits, Profile

TYPE_CHECKING = False  # spelled out: importing typing costs the worker 4 ms
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_DEVICES = tuple(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts"))
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - what POSIX names are made in; multiprocessing needs it
_TRUNCATE_ABI = 3
_WITHOUT_PIDS = "on without pids"
_SEEN = "Tools see the names and command lines of other processes"
_WITHOUT = {
    "namespaces": (
        "Tools can change modes (chmod) of your files outside the workspace, not their content.",
        "The encrypted keys in the workspace (.keys.enc) can be read and replaced; the key to them is out of reach.",
        f"{_SEEN}, and share /dev/shm with them.",
        "Programs that need a loopback server, UNIX sockets or a terminal of their own fail.",
    ),
    "capabilities": ("Tools keep the capabilities of this process.",),
    "landlock": ("What may be read and written is decided by mounts alone.",),
    "seccomp": ("Rare system calls that kernels were broken through are not denied.",),
    "limits": ("Memory, processes, open files and file sizes are not limited.",),
}


class ConfineError(Exception):
    """There is no lock to be had, or it could not be put on; ``remedy`` says what would mend it."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


def enter(profile: Profile, report_pid: "Callable[[int], None]") -> "dict[str, Any]":
    """Confine this process for good, and with it all it will start.

    Where a pid namespace can be had it returns in another process, pid 1 of a new one: ``report_pid`` is called
    with that one's pid as the caller's parent sees it, and the process that called ends with status 0. Otherwise it
    returns in the calling process and ``report_pid`` is not called. The process must be single-threaded.

    Returns:
        ``layers``: for each layer ``on`` (and details) or ``off: `` and the reason; ``open``: sentences, what is not
        covered because of what is missing.

    Raises:
        ConfineError: Neither namespaces nor Landlock can be had, or a layer that must hold could not be put on.
    """
    wanted = profile.layers
    if profile.workspace == "/" or profile.workspace.startswith(("/proc", "/sys", "/dev")):
        raise ConfineError(
            f"{profile.workspace} cannot be a workspace", remedy="Start py-mono in a folder of your own."
        )
    _prepare(profile)
    layers = dict.fromkeys(LAYERS, "off: not wanted")
    if profile.backend == "bubblewrap":
        layers["namespaces"] = "on (bubblewrap)"
    elif "namespaces" in wanted:
        layers["namespaces"] = _enter_namespaces(profile, report_pid)
    spaces = layers["namespaces"].startswith("on")
    pids = spaces and not layers["namespaces"].startswith(_WITHOUT_PIDS)
    if not spaces:
        home.work_in_copy(profile)
    version = landlock.abi() if "landlock" in wanted else 0
    _refuse_without_lock(profile, spaces=spaces, version=version)
    os.chdir(profile.workspace)
    if "limits" in wanted:
        _limit(profile.limits)
        layers["limits"] = "on"
    privileges.take_ids(profile)
    if "capabilities" in wanted:
        privileges.drop_capabilities()
        layers["capabilities"] = "on"
    if profile.uid is not None:
        _refuse_blind_user(profile)
    kernel.prctl("no_new_privs", kernel.PR_SET_NO_NEW_PRIVS, 1)
    if "landlock" in wanted:
        layers["landlock"] = _restrict_files(profile, version, spaces=spaces)
    if "seccomp" in wanted:
        layers["seccomp"] = _filter_calls(profile, version, spaces=spaces, pids=pids)
    kernel.prctl("dumpable", kernel.PR_SET_DUMPABLE, 0)  # commands cannot look into the worker, nor bend it
    return {"layers": layers, "open": _open_sentences(profile, layers, version, pids=pids)}


def _prepare(profile: Profile) -> None:
    """What is easier before anything is closed: folders for the tools, and a place at the head of the queue when memory runs out."""
    try:
        home.prepare(profile)
    except OSError as error:
        raise ConfineError(
            f"the tools' home in {profile.private_tmp} cannot be made: {error.strerror}",
            remedy="Point TMPDIR at a folder with space, and start py-mono again.",
        ) from None
    if "limits" in profile.layers:
        try:
            with open("/proc/self/oom_score_adj", "r+", encoding="ascii") as file:
                score = min(1000, int(file.read()) + 500)
                file.seek(0)
                file.write(str(score))
        except OSError:  # no /proc: the memory limit stands alone
            return


def _enter_namespaces(profile: Profile, report_pid: "Callable[[int], None]") -> str:
    """Go on as pid 1 of new namespaces; or in this process, in all but one of pids; or stay. Returns the layer's state.

    All is tried in a child, so that a machine that allows only half of it (a user namespace without mounts, as some
    AppArmor policies do) leaves this process as it was.
    """
    reason = ""
    for user in (False, True) if os.geteuid() == 0 else (True,):
        said, status = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(said)
            _become_init(profile, status, user=user)
            return "on"
        os.close(status)
        text = _read_all(said)
        os.waitpid(child, 0)
        if text.startswith("pid "):
            report_pid(int(text[4:]))
            os._exit(0)
        reason = text or "the process that tried it died"
    if reason.startswith(f"{namespaces.PROC}:") and _can_do_without_pids(profile):
        _do_without_pids(profile)
        return f"{_WITHOUT_PIDS} ({reason})"
    return f"off: {reason}"


def _can_do_without_pids(profile: Profile) -> bool:
    """Whether the others can be had: in a container that hides parts of its /proc, nobody may mount a whole one."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    status = 1
    try:
        _do_without_pids(profile)
        status = 0
    except OSError:
        pass
    finally:
        os._exit(status)


def _do_without_pids(profile: Profile) -> None:
    """Enter them, with the ids they are for; /proc stays the one there is. Raises OSError."""
    privileges.take_ids(profile)
    namespaces.unshare(network=profile.network, user=True, processes=False)
    namespaces.build_root(profile, processes=False)


def _become_init(profile: Profile, status: int, *, user: bool) -> None:
    """Return only in the first process of new namespaces; tell ``status`` its pid, or why there is none."""
    inside = False
    try:
        answer, ready = os.pipe()
        if user:
            privileges.take_ids(
                profile
            )  # a root that may not make namespaces: those of a user cannot be left for another's ids
        namespaces.unshare(network=profile.network, user=user, processes=True)
        child = os.fork()
        if child:
            os.close(ready)
            text = _read_all(answer)
            if text != "ok":
                os.waitpid(child, 0)
            os.write(status, f"pid {child}".encode() if text == "ok" else text.encode())
            os._exit(0)
        status = ready
        namespaces.build_root(profile, processes=True)
        os.write(ready, b"ok")
        inside = True
    except OSError as error:
        os.write(status, f"{error.filename}: {error.strerror}".encode())
    finally:
        if not inside:
            os._exit(0)
    os.closerange(min(answer, ready), max(answer, ready) + 1)


def _read_all(descriptor: int) -> str:
    with open(descriptor, "rb") as file:
        return file.read().decode(errors="replace")


def _refuse_without_lock(profile: Profile, *, spaces: bool, version: int) -> None:
    """Fail closed. Where a test leaves a layer out on purpose, its absence is no failure."""
    wanted = set(profile.layers)
    if spaces or not {"namespaces", "landlock"} & wanted:
        return
    if version and ("seccomp" not in wanted or seccomp.architecture()):
        return  # both are needed: Landlock does not keep a program from the sockets of container and session managers
    raise ConfineError(
        "this machine gives neither namespaces nor Landlock, so tools cannot be confined",
        remedy="Allow unprivileged user namespaces, use a kernel with Landlock (5.13 or later), "
        "or run py-mono in its container. `--sandbox off` runs tools unconfined.",
    )


def _limit(limits: "Limits") -> None:
    """Lower the limits; one that is lower already stays."""
    wanted = (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_DATA, limits.memory_bytes),
        (resource.RLIMIT_NPROC, limits.processes),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
    )
    for kind, value in wanted:
        if value == 0 and kind != resource.RLIMIT_CORE:
            continue
        soft, hard = (min(value, old) if old != resource.RLIM_INFINITY else value for old in resource.getrlimit(kind))
        resource.setrlimit(kind, (soft, hard))


def _refuse_blind_user(profile: Profile) -> None:
    """Where the ids were changed and there is no own view of the files: can this Python still read itself?"""
    if not os.access(os.__file__, os.R_OK):
        raise ConfineError(
            f"the workspace belongs to user {profile.uid}, who cannot read this Python ({os.__file__})",
            remedy="Run py-mono as that user, or install it where everyone can read it.",
        )


def _restrict_files(profile: Profile, version: int, *, spaces: bool) -> str:
    if not version:
        return "off: this kernel has no Landlock"
    rules = [(path, landlock.READ) for path in profile.readable]
    rules += [(path, landlock.WRITE) for path in (*profile.writable, _SHARED_MEMORY)]
    rules += [(path, landlock.DEVICE) for path in _DEVICES if spaces or path != "/dev/pts"]
    rules.append(("/proc", landlock.READ_FILE | landlock.READ_DIR))
    if spaces:  # what the root shows may be listed; /tmp and /var/tmp are the private folder
        rules.append(("/", landlock.READ_DIR))
    deny_tcp = not spaces and not profile.network
    landlock.restrict(rules, version=version, deny_tcp=deny_tcp, resolved=profile.resolved)
    return f"on (ABI {version})"


def _filter_calls(profile: Profile, version: int, *, spaces: bool, pids: bool) -> str:
    arch = seccomp.architecture()
    if arch is None:
        return f"off: no table for this architecture ({os.uname().machine})"
    unix = spaces or version >= landlock.UNIX_ABI
    seccomp.install(
        seccomp.assemble(arch, mounts=spaces, processes=pids, internet=spaces or profile.network, unix=unix)
    )
    return "on"


def _open_sentences(profile: Profile, layers: "dict[str, str]", version: int, *, pids: bool) -> "list[str]":
    """What is not covered, in words, because of what is missing."""
    on = {name for name, state in layers.items() if state.startswith("on")}
    sentences = [text for name, texts in _WITHOUT.items() if name not in on for text in texts]
    if "namespaces" in on and not pids:
        sentences.append(f"{_SEEN}.")
    if profile.copy and profile.copy == profile.workspace:
        sentences.append(
            f"The copy of the workspace is at {profile.copy}: no mount namespace can show it at its place."
        )
    if "landlock" not in on or version < landlock.SCOPE_ABI:
        if not pids:
            sentences.append("Tools can signal your other processes: signals are scoped from Landlock ABI 6 on.")
        if "namespaces" in on and profile.network:
            sentences.append("Tools can reach abstract UNIX sockets: they are scoped from Landlock ABI 6 on.")
    if "namespaces" not in on and "landlock" in on and version < _TRUNCATE_ABI:
        sentences.append("Tools can truncate your files outside the workspace: covered from Landlock ABI 3 on.")
    if profile.network:
        sentences.append("The network is on: tools reach the internet and every server on this machine.")
    counted = layers["namespaces"] == "on" and namespaces.limits_pids()  # bubblewrap sets no limit on its own
    if "limits" in on and os.geteuid() == 0 and not counted:
        sentences.append("Tools run as root, whose number of processes the kernel does not limit.")
    return sentences
