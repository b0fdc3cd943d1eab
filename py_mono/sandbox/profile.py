"""What a worker may read, write, reach and use: made by the host, handed to the guest as JSON.

Shared by host and guest, so standard library only and light. A profile never changes once a worker has it: a wider one
is another worker.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence

TYPE_CHECKING = False  # spelled out: importing typing costs the worker 4 ms
if TYPE_CHECKING:
    from typing import Any

LAYERS = ("namespaces", "capabilities", "landlock", "seccomp", "limits")
"""All layers, in the order they are put on."""

_GIB = 1 << 30
_SYSTEM_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store", "/snap")
_SYSTEM_FILES = (  # what ordinary programs look up, and nothing that holds a secret
    "alternatives", "bash.bashrc", "ca-certificates", "ca-certificates.conf", "crypto-policies", "debian_version", "fonts",
    "gai.conf", "group", "host.conf", "hostname", "hosts", "inputrc", "java-11-openjdk", "java-17-openjdk",
    "java-21-openjdk", "java-25-openjdk", "ld.so.cache", "ld.so.preload", "locale.alias", "locale.conf", "localtime",
    "lsb-release", "magic", "mime.types", "nsswitch.conf", "os-release", "passwd", "perl", "pki/ca-trust", "pki/tls/certs",
    "profile", "profile.d", "protocols", "python3", "redhat-release", "resolv.conf", "services", "shells", "ssl/certs",
    "ssl/openssl.cnf", "terminfo", "timezone",
)  # fmt: skip
_STATE_FILES = ("/var/lib/dpkg", "/var/cache/fontconfig", "/var/lib/ca-certificates", "/var/lib/ghc")
_KERNEL_FILES = ("/sys/devices/system/cpu",)
_NAME_RESOLUTION = ("/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager/resolv.conf", "/run/nscd")
PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/snap/bin")
PROGRAM = "PY_MONO_PROGRAM"
"""The variable with the environment of a program in its own lock, as JSON: nothing in it is to act on what puts the lock on."""
PASSED = ("LANG", "LANGUAGE", "TERM", "TZ", "COLORTERM")


class Limits:
    """What one worker and its commands may use; 0 means no limit.

    Attributes:
        memory_bytes: Of private writable memory, for each process (``RLIMIT_DATA``; address space that is only
            reserved does not count, so node, Go and Java start).
        processes: Processes and threads together.
        open_files: For each process.
        file_bytes: The size of one file.
    """

    __slots__ = ("file_bytes", "memory_bytes", "open_files", "processes")

    def __init__(
        self,
        *,
        memory_bytes: int = 8 * _GIB,
        processes: int = 4096,
        open_files: int = 65536,
        file_bytes: int = 16 * _GIB,
    ) -> None:
        self.memory_bytes = memory_bytes
        self.processes = processes
        self.open_files = open_files
        self.file_bytes = file_bytes


class Profile:
    """What a worker may read, write, reach and use.

    All paths are absolute; ``workspace``, ``extra_roots`` and ``private_tmp`` are resolved.

    Attributes:
        workspace: May be read and written.
        fixed: Whether the workspace may only be read after all: then it is among ``readable`` too.
        copy: Where not empty, a copy of the workspace, which is shown at its place where a mount namespace can be had.
        lent: Folders and files of the workspace that the copy does not hold: shown in it read-only, as they are.
        private_tmp: A folder the host made for this session: shown as ``/tmp`` and ``/var/tmp`` too where a mount
            namespace can be had; ``TMPDIR`` and ``HOME`` point at it or below.
        extra_roots: Further folders that may be read and written.
        readable: Files and folders that may be read: system folders, the interpreter, this package, the operator's.
        outside: Files and folders that the tools may name and read, besides: what the operator granted.
        hidden: Files that are kept from being read and replaced where a mount namespace can be had.
        network: Whether the host's network is reached; never switched within a worker.
        backend: Which lock: ``auto``, ``bubblewrap``, ``container`` or ``off``.
        uid: The user to become, None to stay; set where the agent is root and the workspace's owner is not.
        gid: The group, likewise.
        layers: Which of ``LAYERS`` are put on; only tests leave one out.
        limits: What it may use.
        timeout_ceiling_s: The longest time limit a call may ask for, in seconds.
    """

    __slots__ = (
        "backend", "copy", "extra_roots", "fixed", "gid", "hidden", "layers", "lent", "limits", "network", "outside", "private_tmp", "readable",
        "timeout_ceiling_s", "uid", "workspace",
    )  # fmt: skip

    def __init__(
        self,
        *,
        workspace: str,
        private_tmp: str,
        fixed: bool = False,
        copy: str = "",
        lent: Sequence[str] = (),
        extra_roots: Sequence[str] = (),
        readable: Sequence[str] = (),
        outside: Sequence[str] = (),
        hidden: Sequence[str] = (),
        network: bool = False,
        backend: str = "auto",
        uid: int | None = None,
        gid: int | None = None,
        layers: Sequence[str] = LAYERS,
        limits: Limits | None = None,
        timeout_ceiling_s: float = 3600.0,
    ) -> None:
        self.workspace = workspace
        self.private_tmp = private_tmp
        self.fixed = fixed
        self.copy = copy
        self.lent = tuple(lent)
        self.extra_roots = tuple(extra_roots)
        self.readable = tuple(readable)
        self.outside = tuple(outside)
        self.hidden = tuple(hidden)
        self.network = network
        self.backend = backend
        self.uid = uid
        self.gid = gid
        self.layers = tuple(layers)
        self.limits = limits or Limits()
        self.timeout_ceiling_s = timeout_ceiling_s

    @property
    def writable(self) -> tuple[str, ...]:
        """Everything that may be written."""
        workspace = () if self.fixed else (self.workspace,)
        return (*workspace, *self.extra_roots, self.private_tmp)

    @property
    def resolved(self) -> frozenset[str]:
        """The paths that somebody chose, and that lead nowhere else: a link on the way to one came later."""
        return frozenset((*self.extra_roots, *self.outside))

    def widened(self, *, network: bool, reads: Sequence[str], writes: Sequence[str]) -> "Profile":
        """The profile of another worker, which also reaches the network, reads and changes these resolved paths.

        Where a link was put on the way to one since it was resolved, it is left out: nobody agreed to where that leads.
        """
        values = self._values()
        known = {*self.extra_roots, self.workspace}
        roots = [path for path in writes if path not in known and os.path.realpath(path) == path]
        outside = [path for path in reads if path not in {*known, *roots} and os.path.realpath(path) == path]
        more = _NAME_RESOLUTION if network and not self.network else ()
        values["network"] = network or self.network
        values["extra_roots"] = (*self.extra_roots, *roots)
        values["outside"] = (*self.outside, *outside)
        values["readable"] = (*self.readable, *more, *outside)
        return Profile(**values)

    def copied(self, copy: str, lent: Sequence[str]) -> "Profile":
        """The profile of a worker that works on a copy, in which ``lent`` folders (relative) are the workspace's own.

        Nothing beside the copy can be changed: further roots can be read.
        """
        values = self._values()
        values["outside"], values["extra_roots"] = (*self.outside, *self.extra_roots), ()
        values["readable"] = (*self.readable, *self.extra_roots)
        values["copy"] = copy
        values["lent"] = [os.path.join(self.workspace, path) for path in lent]
        return Profile(**values)

    def place(self, path: str) -> str:
        """What is shown at a writable path: itself, or the workspace's copy."""
        return self.copy if self.copy and path == self.workspace else path

    def _values(self) -> "dict[str, Any]":
        return {name: getattr(self, name) for name in self.__slots__}

    def to_json(self) -> str:
        """The profile as one line of JSON, ASCII only: names that are not UTF-8 survive."""
        values = self._values()
        values["limits"] = {name: getattr(self.limits, name) for name in Limits.__slots__}
        return json.dumps(values)

    @classmethod
    def from_json(cls, text: str) -> "Profile":
        """The profile that ``to_json`` wrote.

        Raises:
            ValueError: The text is not JSON, or not a profile.
        """
        values = json.loads(text)
        try:
            return cls(**{**values, "limits": Limits(**values["limits"])})
        except (TypeError, KeyError) as error:
            raise ValueError(f"this is not a profile of the sandbox: {error}") from None


def make_profile(
    workspace: str,
    private_tmp: str,
    *,
    extra_roots: Sequence[str] = (),
    readable: Sequence[str] = (),
    network: bool = False,
    backend: str = "auto",
    layers: Sequence[str] = LAYERS,
    limits: Limits | None = None,
    timeout_ceiling_s: float = 3600.0,
) -> Profile:
    """The profile for a workspace, with this machine's system folders and this interpreter.

    Where this process is root and the workspace's owner is not, the profile takes the owner's ids; ``private_tmp``
    should then belong to the owner too (``confine`` sees to it).

    Raises:
        OSError: The workspace cannot be looked at.
    """
    workspace = os.path.realpath(workspace, strict=True)
    owner = os.stat(workspace)
    changes_user = os.geteuid() == 0 and owner.st_uid != 0
    return Profile(
        workspace=workspace,
        private_tmp=os.path.realpath(private_tmp),
        extra_roots=[os.path.realpath(root) for root in extra_roots],
        readable=[
            *_system_paths(network=network),
            *_interpreter_paths(),
            *(os.path.abspath(path) for path in readable),
        ],
        hidden=[os.path.join(workspace, ".keys.enc")],
        network=network,
        backend=backend,
        uid=owner.st_uid if changes_user else None,
        gid=owner.st_gid if changes_user else None,
        layers=layers,
        limits=limits,
        timeout_ceiling_s=timeout_ceiling_s,
    )


def make_environment(profile: Profile, source: Mapping[str, str]) -> dict[str, str]:
    """The clean environment a worker starts with, built from an allow-list: no key and no token can be in it.

    ``source`` is the host's own; only locale, time zone and terminal type are taken from it.
    """
    folders = [os.path.join(profile.workspace, ".venv", "bin"), *PATH, os.path.join(sys.prefix, "bin")]
    environment = {name: source[name] for name in source if name in PASSED or name.startswith("LC_")}
    environment.setdefault("LANG", "C.UTF-8")
    home = os.path.join(profile.private_tmp, "home")
    settings = [("safe.directory", path) for path in (profile.workspace, *profile.extra_roots)]
    git = {"GIT_CONFIG_COUNT": str(len(settings))}
    for index, (key, value) in enumerate(settings):
        git |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    return environment | {
        "PATH": os.pathsep.join(folders),
        "HOME": home,
        "TMPDIR": profile.private_tmp,
        "PYTHONNOUSERSITE": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        **git,
    }


def secret_files(environment: Mapping[str, str]) -> list[str]:
    """The files that variables name as holding a key or a token, such as ``LLM_MASTER_KEY_FILE``; resolved."""
    names = (name for name in environment if name.endswith("_FILE") and ("_KEY" in name or "TOKEN" in name))
    return [os.path.realpath(path) for name in names if (path := environment[name].strip()) and "\0" not in path]


def _system_paths(*, network: bool) -> list[str]:
    paths = [*_SYSTEM_FOLDERS, *(f"/etc/{name}" for name in _SYSTEM_FILES), *_STATE_FILES, *_KERNEL_FILES]
    return [*paths, *_NAME_RESOLUTION] if network else paths


def _interpreter_paths() -> list[str]:
    """Where this interpreter and this package live; of a prefix that is a whole home, only the parts it needs."""
    paths = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
    too_wide = {"/", os.path.expanduser("~"), os.path.realpath(os.path.expanduser("~"))}
    for prefix in dict.fromkeys([sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix]):
        if prefix in too_wide:
            paths += [os.path.join(prefix, part) for part in ("bin", "lib", "lib64", "include", "share/terminfo")]
        else:
            paths.append(prefix)
    return paths
