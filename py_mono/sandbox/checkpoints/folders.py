"""HOST. Ways into a workspace that no link leads astray: folder by folder, through descriptors."""

import os
import stat
from types import TracebackType
from typing import Self

from py_mono.sandbox.manifest import Entry

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PLACE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class Folders:
    """Opens the folders below a root; those on the way to the last one stay open, for its neighbours come next."""

    def __init__(self, root: str) -> None:
        """Raises OSError where the root is no folder."""
        self._open: list[tuple[str, int]] = [("", os.open(root, _FOLDER))]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.forget()
        os.close(self._open.pop()[1])

    @property
    def root(self) -> int:
        """The root's descriptor."""
        return self._open[0][1]

    def folder(self, path: str) -> int:
        """The descriptor of a folder, good until the next call. Raises OSError, also where a link is on the way."""
        names = path.split("/") if path else []
        common = 0
        while common < min(len(names), len(self._open) - 1) and self._open[common + 1][0] == names[common]:
            common += 1
        self._close_below(common)
        for name in names[common:]:
            self._open.append((name, os.open(name, _FOLDER, dir_fd=self._open[-1][1])))
        return self._open[-1][1]

    def parent(self, path: str) -> tuple[int, str]:
        """The descriptor of the folder a path is in, and its name there. Raises OSError."""
        above, _, name = path.rpartition("/")
        return self.folder(above), name

    def forget(self) -> None:
        """Look again: folders are about to be replaced, or were."""
        self._close_below(0)

    def _close_below(self, depth: int) -> None:
        while len(self._open) > depth + 1:
            os.close(self._open.pop()[1])

    def entry(self, path: str) -> Entry | None:
        """What stands there; None where nothing does, or the way there is none. Raises OSError."""
        try:
            descriptor, name = self.parent(path)
            return entry_of(os.stat(name, dir_fd=descriptor, follow_symlinks=False))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def read(self, path: str, limit: int) -> tuple[Entry, bytes]:
        """A file's bytes, and what it was before and after they were read: the same. Or a link's target.

        Raises:
            OSError: It cannot be read, or is no file and no link.
            BlockingIOError: It did not hold still.
            OverflowError: It is larger than ``limit`` bytes.
        """
        folder, name = self.parent(path)
        seen = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISLNK(seen.st_mode):
            return entry_of(seen), os.fsencode(os.readlink(name, dir_fd=folder))
        if not stat.S_ISREG(seen.st_mode):
            raise FileNotFoundError(0, "it is no longer a file")
        descriptor = os.open(name, _FILE, dir_fd=folder)
        try:
            return _read_still(descriptor, limit)
        finally:
            os.close(descriptor)

    def chown(self, path: str, owner: tuple[int, int]) -> None:
        """Give a file, link or folder to an owner and a group, where it is not theirs. Raises OSError."""
        folder, name = self.parent(path)
        seen = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if (seen.st_uid, seen.st_gid) != owner:
            os.chown(name, *owner, dir_fd=folder, follow_symlinks=False)

    def chmod(self, path: str, mode: int) -> None:
        """Set the mode of a file or folder; a link is left as it is. Raises OSError."""
        folder, name = self.parent(path)
        descriptor = os.open(name, _PLACE, dir_fd=folder)
        try:
            if not stat.S_ISLNK(os.fstat(descriptor).st_mode):
                os.chmod(f"/proc/self/fd/{descriptor}", mode)
        finally:
            os.close(descriptor)


def _read_still(descriptor: int, limit: int) -> tuple[Entry, bytes]:
    for _ in range(3):
        before = os.fstat(descriptor)
        if before.st_size > limit:
            raise OverflowError
        data = os.pread(descriptor, before.st_size + 1, 0)
        while 0 < len(data) < before.st_size and (more := os.pread(descriptor, before.st_size - len(data), len(data))):
            data += more
        if entry_of(os.fstat(descriptor)) == entry_of(before) and len(data) == before.st_size:
            return entry_of(before), data
    raise BlockingIOError(0, "it was written while it was read")


def entry_of(seen: os.stat_result) -> Entry:
    """The same as ``manifest.scan`` says of it."""
    if stat.S_ISDIR(seen.st_mode):
        return (seen.st_mode, seen.st_uid, seen.st_gid)
    return (
        seen.st_mode, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino, seen.st_uid, seen.st_gid,
    )  # fmt: skip
