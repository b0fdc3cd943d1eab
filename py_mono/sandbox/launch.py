"""HOST. Starts a worker; light, because it comes before everything else is imported.

``Launcher.start`` returns at once; ``branch`` talks to what it started.
"""

import contextlib
import fcntl
import os
import signal
import socket

from py_mono.protocol.errors import SandboxError
from py_mono.sandbox import backends
from py_mono.sandbox.host import harden_host
from py_mono.sandbox.keys import KeyFile
from py_mono.sandbox.presence import Presence
from py_mono.sandbox.profile import Profile, make_environment, make_profile, secret_files

TYPE_CHECKING = False  # spelled out: typing is not free, and this comes before the prompt
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PREFIX = "py-mono-"
"""How the names of private folders begin; a pid and something random follow."""

_WIRE, _REPORT = 3, 4
_HIGH = 10  # what is passed on is first moved above the numbers it is passed as
_DEFAULTED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD, signal.SIGXFSZ)


class Launched:
    """A worker that was started and may not be ready.

    Attributes:
        pid: Of the process that was started; it ends early where the worker moves into a pid namespace.
        wire: The host's end of the wire.
        report: Where the pid of the worker's init is told.
        errors: What the worker writes on stderr.
    """

    __slots__ = ("errors", "pid", "report", "wire")

    def __init__(self, pid: int, wire: socket.socket, report: int, errors: int) -> None:
        self.pid = pid
        self.wire = wire
        self.report = report
        self.errors = errors


class Launcher:
    """Starts workers for one workspace, one after the other; they share a private folder.

    Attributes:
        workspace: Its absolute, resolved path.
        private_tmp: The session's private folder; whoever closes the sandbox removes it.
        key_file: What bears the name of the operator's key file in the workspace.
    """

    def __init__(
        self,
        workspace: str,
        *,
        backend: str = "auto",
        extra_roots: "Sequence[str]" = (),
        network: bool = False,
        sessions: str = "",
        environment: "Mapping[str, str] | None" = None,
        adjust: "Callable[[Profile], Profile] | None" = None,
    ) -> None:
        """Make the private folder and the profile; ``adjust`` may change the profile (tests leave layers out).

        ``sessions``: see ``Presence``. The files that ``environment`` (default: this process's) names as holding a key
        are hidden like the key file.

        Raises:
            SandboxError: The workspace or the private folder cannot be used.
        """
        self.workspace = _folder(workspace, "workspace")
        roots = [_folder(root, "further folder") for root in extra_roots]
        self.private_tmp, self._claim = private_folder()
        profile = make_profile(self.workspace, self.private_tmp, extra_roots=roots, network=network, backend=backend)
        profile.hidden = (*profile.hidden, *secret_files(os.environ if environment is None else environment))
        self.profile = adjust(profile) if adjust else profile
        self.key_file = KeyFile(self.workspace)
        self._presence = Presence(sessions)
        self._present = False

    def enter(self) -> None:
        """Begin a time with workers, unless one has begun: the key file that is there is the one they cover.

        Raises:
            SandboxError: One is being made, for too long.
        """
        if not self._present:
            self._presence.show()
            self.key_file.look()
            self._present = True

    def leave(self) -> None:
        """End the time with workers, once none is left."""
        if self._present:
            self.key_file.clear()
            self._presence.hide()
            self._present = False

    def start(self, profile: Profile | None = None) -> Launched:
        """Start a worker; ``profile`` where it is to have another one than the launcher's.

        Raises:
            SandboxError: The backend cannot be had, or no process could be started.
        """
        try:
            harden_host()
        except OSError as error:
            raise SandboxError(f"the agent could not be closed to its own user: {error}") from error
        self.enter()
        profile = profile or self.profile
        argv, environment = backends.command(profile, _REPORT), make_environment(profile, os.environ)
        with contextlib.suppress(OSError):  # the worker says better what is wrong
            os.chmod(self.private_tmp, 0o700)  # a former worker's tools may have closed it
        wire, wire_end = socket.socketpair()
        report, report_end = os.pipe()
        errors, errors_end = os.pipe()
        descriptors = [wire_end.detach(), report_end, errors_end]
        high = [_move_up(descriptor) for descriptor in descriptors]
        actions: list[tuple[int, int, int] | tuple[int, int, str, int, int]] = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, high[2], 2),
            (os.POSIX_SPAWN_DUP2, high[0], _WIRE),
            (os.POSIX_SPAWN_DUP2, high[1], _REPORT),
        ]
        try:
            pid = os.posix_spawn(argv[0], argv, environment, file_actions=actions, setsigmask=(), setsigdef=_DEFAULTED)
        except OSError as error:
            wire.close()
            os.close(report)
            os.close(errors)
            raise SandboxError(f"the sandbox's worker could not be started: {error}") from error
        finally:
            for descriptor in high:
                os.close(descriptor)
        return Launched(pid, wire, report, errors)

    def close(self) -> None:
        """Leave, and remove the private folder, whatever the tools left in it; only when nothing they started is left."""
        self.leave()
        self.key_file.close()
        for folder, folders, files in os.walk(self.private_tmp, topdown=False):
            for name in (*files, *folders):
                _remove(os.path.join(folder, name))
        _remove(self.private_tmp)
        if self._claim >= 0:
            os.close(self._claim)
            self._claim = -1


def _remove(path: str) -> None:
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            os.rmdir(path)
        else:
            os.unlink(path)
    except OSError:  # a folder that was not to be looked into keeps what it holds
        return


def _move_up(descriptor: int) -> int:
    """The same, with a number of at least ``_HIGH``."""
    copy: int = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    os.close(descriptor)
    return copy


def _folder(path: str, what: str) -> str:
    """The resolved path of a folder. Raises SandboxError."""
    try:
        resolved = os.path.realpath(path, strict=True)
        os.close(os.open(resolved, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SandboxError(
            f"the {what} {path!r} cannot be used: {reason}",
            remedy="Name an existing folder that you may read (-C DIR).",
        ) from error
    return resolved


def temporary_base() -> str:
    """Where private folders are made."""
    return os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 - the system's own default; the names in it are random


def private_folder() -> tuple[str, int]:
    """A new folder for the session's temporary files, for this user alone, and the claim on it. Raises SandboxError."""
    base = temporary_base()
    path = os.path.join(base, f"{PREFIX}{os.getpid()}-{os.urandom(8).hex()}")
    try:
        os.mkdir(path, 0o700)
        os.mkdir(os.path.join(path, "home"), 0o700)
        claim = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ``leftovers`` removes what nobody claims
    except OSError as error:
        raise SandboxError(
            f"no private folder can be made below {base}: {error.strerror}",
            remedy="Point TMPDIR at a folder with space.",
        ) from error
    return os.path.realpath(path), claim
