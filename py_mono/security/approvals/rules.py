"""What a person agreed to for a workspace, kept in the state folder; and for a session, kept nowhere.

One file for each workspace, by its resolved path and inode: another folder at the same path is another workspace. It is
read anew when it changed, so sessions that run side by side see each other's; written whole, under a lock, and renamed
into place. A damaged one is set aside, and said.
"""

import contextlib
import fcntl
import os
import stat
from collections.abc import Callable, Iterable, Iterator

import msgspec

from py_mono.security.approvals.folder import FOLDER, workspace_name
from py_mono.utils.private_files import write_private

_MOST = 1000
_LARGEST = 1 << 20


class Rule(msgspec.Struct, frozen=True):
    """One thing that was agreed to.

    Attributes:
        key: Its name, such as ``git push`` or ``read /some/folder``.
        at: When, in seconds since 1970.
    """

    key: str
    at: float


class _File(msgspec.Struct):
    workspace: str
    version: int = 1
    rules: list[Rule] = []


class Rules:
    """The rules of one workspace.

    ``notice`` gets a sentence where they cannot be read or kept; then they hold for this session alone.
    """

    def __init__(
        self, state_folder: str, workspace: str, *, notice: Callable[[str], None], clock: Callable[[], float]
    ) -> None:
        """``clock`` gives seconds since 1970."""
        self._workspace = os.path.realpath(workspace)
        self._folder = os.path.join(state_folder, FOLDER)
        self._path = os.path.join(self._folder, f"{workspace_name(self._workspace)}.json")
        self._notice = notice
        self._clock = clock
        self._session: set[str] = set()
        self._read: tuple[int, ...] | None = None
        self._rules: tuple[Rule, ...] = ()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Those that are kept, sorted by name."""
        self._refresh()
        return self._rules

    @property
    def session(self) -> tuple[str, ...]:
        """The names that hold for this session, sorted."""
        return tuple(sorted(self._session))

    def cover(self, keys: Iterable[str]) -> bool:
        """Whether there are names, and all of them were agreed to."""
        wanted = set(keys) - self._session
        return not wanted or wanted <= {rule.key for rule in self.rules}

    def remember(self, keys: Iterable[str], *, session_only: bool) -> None:
        """Agree to these from now on."""
        new = set(keys)
        self._session |= new
        if not session_only:
            self._change(lambda rules: [*rules, *(Rule(key, self._clock()) for key in new - {r.key for r in rules})])

    def forget(self, key: str) -> None:
        """No longer agree to this."""
        self._session.discard(key)
        if any(rule.key == key for rule in self.rules):
            self._change(lambda rules: [rule for rule in rules if rule.key != key])

    def _change(self, change: Callable[[list[Rule]], list[Rule]]) -> None:
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            with self._locked():
                rules = sorted(change(list(self._load())), key=lambda rule: rule.key)[:_MOST]
                write_private(self._path, msgspec.json.encode(_File(_text(self._workspace), rules=rules)))
        except OSError as error:
            self._notice(
                f"what you agreed to holds for this session only: {self._path} cannot be written ({error.strerror})"
            )

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _refresh(self) -> None:
        try:
            seen = os.stat(self._path)
        except OSError:
            self._read, self._rules = None, ()
            return
        now = (seen.st_ino, seen.st_mtime_ns, seen.st_size)
        if now != self._read:
            self._rules = self._load()
            self._read = now

    def _load(self) -> tuple[Rule, ...]:
        """What the file holds; one that holds no rules is moved aside."""
        try:
            with open(self._path, "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    return ()
                data = file.read(_LARGEST)
        except FileNotFoundError:
            return ()
        except OSError as error:
            self._notice(f"what you agreed to before cannot be read, so you are asked again: {error}")
            return ()
        try:
            found = msgspec.json.decode(data, type=_File)
        except ValueError as error:  # msgspec's errors are such
            self._set_aside(str(error))
            return ()
        if found.workspace != _text(self._workspace) or found.version != 1:
            return ()
        return tuple(found.rules)

    def _set_aside(self, why: str) -> None:
        aside = f"{self._path}.damaged-{os.urandom(4).hex()}"
        try:
            os.rename(self._path, aside)
        except OSError as error:
            aside = f"where it is ({error.strerror})"
        self._notice(
            f"what you agreed to before is damaged ({why}), and you are asked again; the file is kept as {aside}"
        )


def _text(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "replace")
