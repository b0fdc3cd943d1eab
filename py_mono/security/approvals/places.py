"""What the lock lets be read and written already, and what of the rest a person may grant."""

import os
import stat
from collections.abc import Sequence

from msgspec import Struct

_NEVER_NAMES = frozenset({
    ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".netrc", ".git-credentials", ".keys.enc", ".password-store",
    ".pypirc", ".npmrc", "docker.sock", "keyrings",
})  # fmt: skip
_HOME_SIGNS = (".ssh", ".gnupg", ".aws")
"""A folder that holds one of these is somebody's home."""
_NEVER_FOLDERS = ("/proc", "/sys", "/dev", "/run", "/var/run", "/boot", "/etc")
_SETTINGS = {
    "curl": (".curlrc", ".config/curlrc"),
    "wget": (".wgetrc",),
    "gh": (".config/gh", ".local/share/gh"),
    "glab": (".config/glab-cli",),
}
"""What says whom a program talks to, or what it starts, beside its command."""
_STARTED = {"rsync": "ssh", "gh": "git", "glab": "git"}
"""Which other program one looks up in ``PATH``."""
_OWN_IN_LOCK = ("/tmp", "/var/tmp", "/proc", "/dev", "/sys")  # noqa: S108 - the lock shows its own there
_LEAST_DEPTH = 2


class Granted(Struct, frozen=True):
    """What became of a wish for a path: the path to grant, or why it cannot be; both empty where none is needed."""

    path: str = ""
    refusal: str = ""


class Places:
    """The paths of one workspace's lock.

    Attributes:
        workspace: Its absolute path, links resolved.
    """

    def __init__(
        self,
        *,
        workspace: str,
        writable: Sequence[str],
        readable: Sequence[str],
        never: Sequence[str],
        home: str,
        programs: Sequence[str],
        lock_home: str,
    ) -> None:
        """Take what the lock is made from.

        Args:
            workspace: See the class.
            writable: What may be written without being asked: the workspace among it.
            readable: What may be read.
            never: What no answer of a person opens: where keys and the program's own state lie.
            home: The person's home, which is never opened whole.
            programs: The folders in which the lock's shell looks for programs, in that order.
            lock_home: What commands in the lock have for a home, and can write.
        """
        self.workspace = os.path.realpath(workspace)
        self._writable = tuple(os.path.realpath(path) for path in writable)
        self._readable = tuple(os.path.realpath(path) for path in readable)
        self._never = tuple(os.path.realpath(path) for path in never)
        self._home = os.path.realpath(home)
        self._programs = tuple(programs)
        self._lock_home = lock_home

    def reading(self, path: str) -> Granted:
        """What it takes to read a path, relative to the workspace or absolute. Of one that does not exist, nothing."""
        real = self._real(path)
        if not real or not os.path.lexists(real) or self._within(real, self._writable):
            return Granted()
        if self._within(real, self._readable):
            return Granted()
        return self._granted(real)

    def writing(self, path: str) -> Granted:
        """What it takes to write a path: the folder itself, or the one that a file lies in or would lie in.

        Files are replaced, not overwritten, which takes their folder.
        """
        real = self._real(path)
        if not real or self._within(real, self._writable):
            return Granted()
        folder = real if os.path.isdir(real) else os.path.dirname(real)
        if not os.path.isdir(folder):
            return Granted()
        return self._granted(folder)

    def readable(self, path: str) -> str:
        """Where the lock lets a path be read although it lies outside, by what: a folder that holds it, or itself; else empty.

        The folder, for each grant is another worker.
        """
        real = self._real(path)
        if not real or self._within(real, self._writable):
            return ""
        return next((root for root in self._readable if _holds(root, real)), "")

    def shown_by_lock(self, path: str) -> bool:
        """Whether the lock shows something of its own there, such as ``/tmp``."""
        return self._within(os.path.normpath(path), _OWN_IN_LOCK)

    def planted(self, name: str) -> str:
        """The path of a program, or of its settings, that a command of the model's could have put there; or empty."""
        for settings in _SETTINGS.get(name, ()):
            if os.path.lexists(path := os.path.join(self._lock_home, settings)):
                return path
        for folder in self._programs:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                owned = self._within(os.path.abspath(path), self._writable) or self._within(
                    os.path.realpath(path), self._writable
                )
                if owned:
                    return path
                break
        return self.planted(_STARTED[name]) if name in _STARTED else ""

    def _real(self, path: str) -> str:
        try:
            return os.path.realpath(os.path.join(self.workspace, path))
        except (OSError, ValueError):
            return ""

    def _granted(self, real: str) -> Granted:
        if reason := self._refusal(real):
            return Granted(refusal=reason)
        return Granted(real)

    def _refusal(self, real: str) -> str:
        """Why a path can never be granted; empty where it can."""
        if _NEVER_NAMES.intersection(real.split("/")) or self._within(real, self._never):
            return f"{real} holds keys or settings, which no tool is let at"
        if self._within(real, _NEVER_FOLDERS):
            return f"{real} belongs to the system"
        if real.count("/") < _LEAST_DEPTH and os.path.isdir(real):
            return f"{real} is too much at once: name the folder that is meant"
        signs = [path for name in _HOME_SIGNS if os.path.lexists(path := os.path.join(real, name))]
        held = [*(path for path in (self._home, *self._never) if _holds(real, path)), *signs]
        if held:
            return f"{real} is too much at once, for it holds {held[0]}: name the folder that is meant"
        try:
            kind = os.stat(real).st_mode
        except OSError as error:
            return f"{real} cannot be used: {error.strerror}"
        return "" if stat.S_ISDIR(kind) or stat.S_ISREG(kind) else f"{real} is neither a file nor a folder"

    @staticmethod
    def _within(path: str, roots: Sequence[str]) -> bool:
        return any(_holds(root, path) for root in roots)


def _holds(folder: str, path: str) -> bool:
    """Whether a path is the folder or lies below it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
