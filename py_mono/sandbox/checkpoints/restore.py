"""HOST. Brings the workspace to where a plan says: everything is laid ready first, then put into place.

While it is laid ready nothing of the workspace is touched, so a full disk does no harm. Each step into place looks at
what stands there and does nothing where that is neither what was planned for nor what is to come; so it can be repeated.
"""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from hashlib import sha256

from py_mono.sandbox.checkpoints.folders import Folders
from py_mono.sandbox.checkpoints.journal import Intent, RestoreJournal
from py_mono.sandbox.checkpoints.plan import Plan, Spot

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ZEROS = bytes(1 << 16)
STAGING = ".py-mono-restoring-"


class Unfinished(Exception):
    """Some steps failed; the journal stands, and says what is still to be done. The argument: path to reason."""


class Restorer:
    """Carries out one plan.

    Attributes:
        kept: Paths where somebody else was quicker, so that nothing was done.
        failed: Paths where a step failed, and why.
        disowned: Paths that came back, and could not be given to their owner and group.
    """

    def __init__(self, folders: Folders, journal: RestoreJournal, content: Callable[[bytes], bytes]) -> None:
        """``content`` gives the bytes of a digest, verified. It may raise SandboxError."""
        self._folders = folders
        self._journal = journal
        self._content = content
        self._staging = -1
        self._name = ""
        self.kept: list[str] = []
        self.failed: dict[str, str] = {}
        self.disowned: dict[str, tuple[int, int]] = {}

    def run(self, plan: Plan, name: str) -> None:
        """Do it; ``name`` is nobody else's.

        Raises:
            Unfinished: A step failed; the others are done.
            OSError: It could not be laid ready, and nothing was touched. So with SandboxError, from ``content``.
        """
        intent = Intent(STAGING + name, "staging", plan)
        self._name = intent.staging
        self._journal.write(intent)
        try:
            self._prepare(plan.put)
            self._journal.write(Intent(intent.staging, "placing", plan))
        except BaseException:
            self._end()
            raise
        self._place(plan)
        if self.failed:
            self._let_go()  # what is laid ready stays, for whoever tries again
            raise Unfinished(self.failed)
        self._end()

    def finish(self, intent: Intent) -> None:
        """Undo or go through with what a death left. Raises OSError; and Unfinished, after which nobody tries again."""
        self._name = intent.staging
        with suppress(OSError):
            self._staging = os.open(self._name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=self._folders.root)
        if intent.phase == "placing":
            self._place(intent.plan)
        self._end()
        if self.failed:
            raise Unfinished(self.failed)

    def _end(self) -> None:
        """Take away what was laid ready; what cannot be is said by the next checkpoint, for it is then a file like others."""
        with suppress(OSError):
            if self._staging >= 0:
                for name in os.listdir(self._staging):
                    os.unlink(name, dir_fd=self._staging)
            os.rmdir(self._name, dir_fd=self._folders.root)
        self._let_go()
        self._journal.clear()

    def _prepare(self, put: list[Spot]) -> None:
        root = self._folders.root
        os.mkdir(self._name, 0o700, dir_fd=root)
        self._staging = os.open(self._name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=root)
        for number, spot in enumerate(put):
            if not spot.twin:
                _lay(spot, self._staging, str(number), self._content)

    def _place(self, plan: Plan) -> None:
        for raw, mode in plan.opened:
            self._step(raw, partial(_set_mode, self._folders), mode)
        for spot in plan.removed:
            self._step(spot.path, self._remove, spot)
        self._folders.forget()
        for raw in plan.made:
            self._step(raw, partial(_make, self._folders))
        for number, spot in enumerate(plan.put):
            self._step(spot.path, self._put, spot, str(number))
        for spot in plan.chmods:
            self._step(spot.path, self._chmod, spot)
        self._folders.forget()
        for raw, owner in plan.owners:
            self._step(raw, self._give, owner)
        for raw, mode in plan.modes:
            self._step(raw, partial(_set_mode, self._folders), mode)

    def _step(self, raw: bytes, work: Callable[..., None], *details: object) -> None:
        path = os.fsdecode(raw)
        try:
            work(path, *details)
        except (FileNotFoundError, NotADirectoryError):
            self.kept.append(path)
        except OSError as error:
            self.failed[path] = error.strerror or str(error)

    def _remove(self, path: str, spot: Spot) -> None:
        entry = self._folders.entry(path)
        if entry is None:
            return
        if not self._as_planned(path, entry, spot):
            if not self._done(path, entry, spot):
                self.kept.append(path)
            return
        folder, name = self._folders.parent(path)
        if not stat.S_ISDIR(entry[0]):
            os.unlink(name, dir_fd=folder)
            return
        self._folders.forget()
        folder, name = self._folders.parent(path)
        try:
            os.rmdir(name, dir_fd=folder)
        except OSError:
            if not os.listdir(self._folders.folder(path)):
                raise
            self.kept.append(path)  # somebody put something into it

    def _put(self, path: str, spot: Spot, staged: str) -> None:
        entry = self._folders.entry(path)
        if entry is not None and not (spot.was and self._as_planned(path, entry, spot)):
            if not self._done(path, entry, spot):
                self.kept.append(path)
            return
        folder, name = self._folders.parent(path)
        try:
            if self._staging < 0 or spot.twin:
                raise FileNotFoundError
            os.rename(staged, name, src_dir_fd=self._staging, dst_dir_fd=folder)
        except OSError:  # it is gone, or this folder is on another file system
            beside = f"{self._name}.{staged}"
            with suppress(FileNotFoundError):
                os.unlink(beside, dir_fd=folder)
            if not (spot.twin and _linked(self._folders, spot, path, beside, self._holds)):
                _lay(spot, self._folders.parent(path)[0], beside, self._content)
            folder, name = self._folders.parent(path)
            os.rename(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
        self._give(path, spot.owner)

    def _give(self, path: str, owner: tuple[int, int]) -> None:
        try:
            self._folders.chown(path, owner)
        except PermissionError:
            self.disowned[path] = owner

    def _chmod(self, path: str, spot: Spot) -> None:
        entry = self._folders.entry(path)
        if entry is not None and self._as_planned(path, entry, spot):
            self._give(path, spot.owner)
            folder, name = self._folders.parent(path)
            os.utime(name, ns=(spot.mtime, spot.mtime), dir_fd=folder, follow_symlinks=False)
            self._folders.chmod(path, stat.S_IMODE(spot.mode))
        elif entry is None or not self._done(path, entry, spot):
            self.kept.append(path)

    def _as_planned(self, path: str, entry: tuple[int, ...], spot: Spot) -> bool:
        """Whether there still is what the plan saw."""
        if spot.was is None:
            return False
        if stat.S_ISDIR(spot.was[0]):
            return stat.S_ISDIR(entry[0])  # rmdir spares one that holds anything
        return entry == spot.was or self._holds(path, entry, spot.was[0], spot.had)

    def _done(self, path: str, entry: tuple[int, ...], spot: Spot) -> bool:
        """Whether there is what is to come already: the step was done before a death."""
        return bool(spot.mode) and self._holds(path, entry, spot.mode, spot.content)

    def _holds(self, path: str, entry: tuple[int, ...], mode: int, content: bytes | None) -> bool:
        if entry[0] != mode or content is None:
            return False
        _, data = self._folders.read(path, entry[1])
        return content == (data if stat.S_ISLNK(mode) else sha256(data).digest())

    def _let_go(self) -> None:
        if self._staging >= 0:
            os.close(self._staging)
        self._staging = -1


def _lay(spot: Spot, folder: int, name: str, content: Callable[[bytes], bytes]) -> None:
    """Make what is to come, under another name."""
    if stat.S_ISLNK(spot.mode):
        os.symlink(spot.content, os.fsencode(name), dir_fd=folder)
        with suppress(PermissionError):
            os.chown(name, *spot.owner, dir_fd=folder, follow_symlinks=False)
        os.utime(name, ns=(spot.mtime, spot.mtime), dir_fd=folder, follow_symlinks=False)
        return
    data = content(spot.content)
    descriptor = os.open(name, _NEW, 0o600, dir_fd=folder)
    try:
        _write(descriptor, data)
        with suppress(PermissionError):  # said once it is in its place
            os.fchown(descriptor, *spot.owner)
        os.fchmod(descriptor, stat.S_IMODE(spot.mode))
        os.utime(descriptor, ns=(spot.mtime, spot.mtime))
    finally:
        os.close(descriptor)


def _write(descriptor: int, data: bytes) -> None:
    """Write it all, and leave holes for long runs of zeros."""
    whole = memoryview(data)
    for begin in range(0, len(data), len(_ZEROS)):
        if not data.startswith(_ZEROS, begin):
            at, end = begin, begin + len(_ZEROS)
            while piece := whole[at:end]:
                at += os.pwrite(descriptor, piece, at)
    if data.endswith(_ZEROS):
        os.ftruncate(descriptor, len(data))


def _linked(folders: Folders, spot: Spot, path: str, beside: str, holds: Callable[..., bool]) -> bool:
    """Whether the file that has its first name already could be given this one, by another that is ``beside`` it."""
    twin = os.fsdecode(spot.twin)
    with suppress(OSError):
        entry = folders.entry(twin)
        if entry and holds(twin, entry, spot.mode, spot.content):
            above, name = folders.parent(twin)
            above = os.dup(above)  # the other folder's comes now
            try:
                os.link(name, beside, src_dir_fd=above, dst_dir_fd=folders.parent(path)[0], follow_symlinks=False)
            finally:
                os.close(above)
            return True
    return False


def _set_mode(folders: Folders, path: str, mode: int) -> None:
    folder, name = folders.parent(path)
    if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        folders.chmod(path, stat.S_IMODE(mode))


def _make(folders: Folders, path: str) -> None:
    folder, name = folders.parent(path)
    with suppress(FileExistsError):  # what is in the way is seen by what comes next
        os.mkdir(name, 0o700, dir_fd=folder)
