"""HOST. A copy of a checkpoint, made from the workspace as long as that still holds the same; and what became of it."""

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from contextlib import suppress

from msgspec import Struct

from py_mono.protocol.errors import SandboxError
from py_mono.sandbox import manifest
from py_mono.sandbox.checkpoints.folders import Folders, entry_of
from py_mono.sandbox.checkpoints.settings import INSTALLED, CheckpointSettings
from py_mono.sandbox.checkpoints.take import read_into
from py_mono.sandbox.checkpoints.tree import UNSEEN, UNSETTLED, Tree, parent, shown
from py_mono.sandbox.checkpoints.writer import Writer
from py_mono.sandbox.keys import KEYS
from py_mono.sandbox.manifest import Entry

_FICLONE = 0x40049409
"""ioctl_ficlone(2)."""
_NO_CLONE = frozenset(
    {errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM, errno.ETXTBSY}
)
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PIECE = 1 << 30


class Copy(Struct, frozen=True):
    """A copy as it was when it was made.

    Attributes:
        folder: Where it is.
        base: The checkpoint's name.
        entries: What stands in it.
        lent: Folders and large files of the workspace that it shows and does not hold, relative to it.
        note: What of the workspace is not in it, in words; or empty.
    """

    folder: str
    base: str
    entries: dict[str, Entry]
    lent: tuple[str, ...]
    note: str


class Copier:
    """Makes one copy.

    Attributes:
        missed: Files that are not in the workspace as the checkpoint has them any more: they come from the store.
        skipped: What is not in the copy, and why.
    """

    def __init__(self, tree: Tree, workspace: str, folder: str, settings: CheckpointSettings) -> None:
        """``settings`` are those of the checkpoint."""
        self._tree = tree
        self._source = workspace
        self._folder = folder
        self._settings = settings
        self._large: list[str] = []
        self._clones = self._ranges = True
        self._first: dict[Entry, str] = {}
        self._root = os.geteuid() == 0
        self.missed: list[str] = []
        self.skipped: dict[str, str] = {}

    def run(self) -> None:
        """Copy all that still is as it was. Raises OSError where the copy cannot be written."""
        below: dict[str, list[str]] = {"": []}
        for path, entry in self._tree.entries.items():
            if stat.S_ISDIR(entry[0]):
                below.setdefault(path, [])
            else:
                below.setdefault(parent(path), []).append(path)
        with Folders(self._source) as source, Folders(self._folder) as target:
            root = os.fstat(source.root)
            self._own(target.root, root)
            os.fchmod(target.root, stat.S_IMODE(root.st_mode) | stat.S_IRWXU)
            for folder in sorted(below):
                self._copy_folder(folder, sorted(below[folder]), source, target)

    def _copy_folder(self, folder: str, paths: list[str], source: Folders, target: Folders) -> None:
        if folder:
            at, name = target.parent(folder)
            os.mkdir(name, 0o700, dir_fd=at)
        into, seen = target.folder(folder), -1
        with suppress(OSError):
            seen = source.folder(folder)
        if folder and seen >= 0:
            self._own(into, os.fstat(seen))
        for path in paths:
            name = path.rpartition("/")[2]
            if path in self._tree.contents and stat.S_ISLNK(self._tree.entries[path][0]):
                _link(self._tree, path, into, name)
            elif path in self._tree.contents:
                if seen < 0 or not self._copy_file(path, name, seen, into):
                    self.missed.append(path)
            else:
                self._copy_unkept(path, name, seen, into)

    def _copy_file(self, path: str, name: str, seen: int, into: int) -> bool:
        """Whether the file was as the checkpoint has it, all the time it was read."""
        entry = self._tree.entries[path]
        first = self._first.setdefault(entry, path)
        if first is not path:  # another name of the same file
            with suppress(OSError):
                os.link(os.path.join(self._folder, first), name, dst_dir_fd=into, follow_symlinks=False)
                return True
        try:
            reading = os.open(name, _READ, dir_fd=seen)
        except OSError:
            self._first.pop(entry, None)
            return False
        try:
            writing = os.open(name, _NEW, 0o600, dir_fd=into)
            try:
                self._fill(reading, writing)
                found = os.fstat(reading)
                if entry_of(found) != entry:
                    self._first.pop(entry, None)
                    os.unlink(name, dir_fd=into)
                    return False
                self._own(writing, found)
                os.fchmod(writing, stat.S_IMODE(entry[0]))
                os.utime(writing, ns=(found.st_atime_ns, entry[2]))
            finally:
                os.close(writing)
        finally:
            os.close(reading)
        return True

    def _copy_unkept(self, path: str, name: str, seen: int, into: int) -> None:
        """Of what the store does not hold, pipes are made anew, and large files lent: they would not be merged anyway."""
        entry = self._tree.entries[path]
        if stat.S_ISFIFO(entry[0]):
            os.mkfifo(name, stat.S_IMODE(entry[0]), dir_fd=into)
        elif path != KEYS and stat.S_ISREG(entry[0]) and entry[1] > self._settings.max_file_bytes and seen >= 0:
            os.close(os.open(name, _NEW, 0o600, dir_fd=into))
            self._large.append(path)
        else:
            self.skipped[path] = self._tree.unkept.get(path, "it is not kept")

    def _fill(self, reading: int, writing: int) -> None:
        """Bring the bytes over in the cheapest way that works here."""
        if self._clones:
            self._clones = _works(lambda: fcntl.ioctl(writing, _FICLONE, reading))
            if self._clones:
                return
        if self._ranges:
            self._ranges = _works(lambda: _all(lambda: os.copy_file_range(reading, writing, _PIECE)))
            if self._ranges:
                return
        _all(lambda: os.sendfile(writing, reading, None, _PIECE))

    def _own(self, descriptor: int, like: os.stat_result) -> None:
        """Root works for the workspace's owner: the copy belongs to whom the original does."""
        if self._root and (like.st_uid or like.st_gid):
            os.fchown(descriptor, like.st_uid, like.st_gid)

    def complete(self, content: Callable[[bytes], bytes]) -> None:
        """Write what was missed, the places for what is lent, and the folders' modes. Raises OSError, SandboxError."""
        with Folders(self._folder) as target:
            for path in self.missed:
                entry = self._tree.entries[path]
                at, name = target.parent(path)
                descriptor = os.open(name, _NEW, 0o600, dir_fd=at)
                with open(descriptor, "wb", closefd=True) as file:
                    file.write(content(self._tree.contents[path]))
                    file.flush()
                    self._own(descriptor, os.fstat(at))
                    os.fchmod(descriptor, stat.S_IMODE(entry[0]))
                    os.utime(descriptor, ns=(entry[2], entry[2]))
            for path in self._folders():
                at, name = target.parent(path)
                os.mkdir(name, 0o755, dir_fd=at)
            for path, entry in sorted(self._tree.entries.items(), reverse=True):
                if stat.S_ISDIR(entry[0]) and stat.S_IMODE(entry[0]) != 0o700:  # noqa: PLR2004 - as it was made
                    target.chmod(path, stat.S_IMODE(entry[0]))

    def _folders(self) -> list[str]:
        return [path for path in self._tree.left_out if path.rpartition("/")[2] in INSTALLED]

    def made(self, name: str) -> Copy:
        """What came out; ``name`` is the checkpoint's."""
        limit = len(self._tree.entries) + 1000
        found = manifest.scan_settled(self._folder, limit=limit, names=self._settings.left_out)
        said = [f"{shown(path)} ({reason})" for path, reason in sorted(self.skipped.items())]
        lent = tuple(sorted((*self._folders(), *self._large)))
        return Copy(self._folder, name, found.entries, lent, f"not in the copy: {', '.join(said)}" if said else "")


def _works(work: Callable[[], object]) -> bool:
    """Whether the file systems can do that. Raises OSError for any other reason."""
    try:
        work()
    except OSError as error:
        if error.errno not in _NO_CLONE:
            raise
        return False
    return True


def _all(copy: Callable[[], int]) -> None:
    """Until there is nothing left to copy."""
    while copy():
        pass


def _link(tree: Tree, path: str, into: int, name: str) -> None:
    entry = tree.entries[path]
    os.symlink(tree.contents[path], os.fsencode(name), dir_fd=into)
    os.utime(name, ns=(entry[2], entry[2]), dir_fd=into, follow_symlinks=False)


def gather_copy(writer: Writer, base: Tree, copy: Copy, settings: CheckpointSettings) -> Tree:
    """What the workspace would be, had all that was done to the copy been done to it. Raises OSError, SandboxError."""
    found = manifest.scan(copy.folder, limit=settings.max_entries, names=settings.left_out)
    if "" in found.unseen:
        raise SandboxError(f"The copy in {copy.folder} cannot be looked at: {found.unseen['']}.")
    tree = base.copy()
    for path in base.entries:
        if path not in found.entries and path in copy.entries:
            del tree.entries[path]
            tree.contents.pop(path, None)
            tree.unkept.pop(path, None)
    with Folders(copy.folder) as folders:
        for path, entry in found.entries.items():
            if copy.entries.get(path) == entry or path in copy.lent:
                continue
            tree.entries[path] = entry
            tree.contents.pop(path, None)
            tree.unkept.pop(path, None)
            if not stat.S_ISDIR(entry[0]):
                read_into(writer, folders, tree, path, settings)
                _unsettle(tree, path)
    tree.unkept |= dict.fromkeys(found.unseen.keys() & copy.entries.keys(), UNSEEN)
    return tree


def _unsettle(tree: Tree, path: str) -> None:
    """The copy's times and inodes are not the workspace's."""
    if path in tree.entries and (entry := tree.entries[path]):
        tree.entries[path] = (*entry[:3], UNSETTLED, *entry[4:])
