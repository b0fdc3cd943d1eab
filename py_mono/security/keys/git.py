"""That stored keys never get into a repository: said to git where it looks, and refused where it is too late.

Git itself is not asked: the settings of a repository name programs that git runs (``core.fsmonitor``), and tools may
have written them. The layout is that of gitrepository-layout(5), the index that of gitformat-index(5), versions 2 to 4; one
that is split in two is read as far as its own part goes.
"""

import os
import re
import shlex
import stat
from contextlib import suppress

from py_mono.protocol.errors import ConfigError
from py_mono.security.keys.places import KEYS_FILE
from py_mono.security.keys.reading import read_small

_LINE = KEYS_FILE.encode()
_LARGEST = 1 << 20
_LARGEST_INDEX = 256 << 20  # of some million files; not mapped: who cuts a mapped file kills who reads it
_APPEND = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_SHA256 = re.compile(rb'^\s*objectformat\s*=\s*"?sha256', re.IGNORECASE | re.MULTILINE)
_STAMPS = 40  # bytes of an entry before its digest
_NAME_LENGTH = 0x0FFF
_EXTENDED = 0x4000
_COMPRESSED = 4


def keep_out(workspace: str) -> None:
    """See to it that git leaves the workspace's stored keys alone; nothing where it is in no repository.

    Unless its ``.gitignore`` names them they are named in ``info/exclude``, which is this clone's own.

    Raises:
        ConfigError: The file is tracked already, or git cannot be told.
    """
    found = _repository(workspace)
    if found is None:
        return
    top, folder = found
    if _tracked(folder, os.fsencode(os.path.relpath(os.path.join(workspace, KEYS_FILE), top))):
        raise ConfigError(
            f"{KEYS_FILE} is tracked by git in {top}: what is stored in it would be in the next commit",
            remedy=f"git -C {shlex.quote(workspace)} rm --cached {KEYS_FILE}, commit that, then try again; where keys "
            "were in a commit already, have new ones made",
        )
    if _names_it(_content(os.path.join(workspace, ".gitignore"))):
        return
    try:
        _exclude(_common(folder))
    except OSError as error:
        raise ConfigError(
            f"git cannot be told to leave {KEYS_FILE} alone: {error.strerror or 'info/exclude is no file of its own'}",
            remedy=f"add the line {KEYS_FILE} to {os.path.join(workspace, '.gitignore')}, then try again",
        ) from None


def _repository(workspace: str) -> tuple[str, str] | None:
    """The top of the work tree that the workspace is in, and the repository's folder for it."""
    top = workspace
    while True:
        dotgit = os.path.join(top, ".git")
        folder = dotgit
        if os.path.isfile(dotgit):  # of a worktree or a submodule
            named = os.fsdecode(_content(dotgit).removeprefix(b"gitdir:").strip())
            folder = os.path.join(top, named) if named and "\0" not in named else dotgit
        if os.path.isfile(os.path.join(folder, "HEAD")) and os.path.isdir(os.path.join(_common(folder), "objects")):
            return top, folder
        above = os.path.dirname(top)
        if above == top:
            return None
        top = above


def _common(folder: str) -> str:
    """Where what all worktrees share lies."""
    named = os.fsdecode(_content(os.path.join(folder, "commondir")).strip())
    return os.path.join(folder, named) if "\0" not in named else folder


def _exclude(common: str) -> None:
    """Add the line to ``info/exclude``, whatever a tool may have put there instead of it. Raises OSError."""
    with suppress(FileExistsError):
        os.mkdir(os.path.join(common, "info"), 0o777)
    info = os.open(os.path.join(common, "info"), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        descriptor = os.open("exclude", _APPEND, 0o666, dir_fd=info)
    finally:
        os.close(info)
    try:
        seen = os.fstat(descriptor)
        if not stat.S_ISREG(seen.st_mode) or seen.st_nlink != 1:
            raise OSError
        there = os.pread(descriptor, _LARGEST, 0)
        if _names_it(there):
            return
        line = (b"" if not there or there.endswith(b"\n") else b"\n") + _LINE + b"\n"
        if os.write(descriptor, line) != len(line):
            os.ftruncate(descriptor, seen.st_size)
            raise OSError
    finally:
        os.close(descriptor)


def _names_it(patterns: bytes) -> bool:
    return any(line.strip() in {_LINE, b"/" + _LINE} for line in patterns.splitlines())


def _content(path: str) -> bytes:
    """What a small file holds; nothing where it cannot be read."""
    try:
        return read_small(path, _LARGEST)
    except OSError:
        return b""


def _tracked(folder: str, name: bytes) -> bool:
    """Whether the index has that path."""
    try:
        index = read_small(os.path.join(folder, "index"), _LARGEST_INDEX)
    except OSError:  # there is none before the first file is added
        return False
    if not index.startswith(b"DIRC"):
        return False
    if int.from_bytes(index[4:8], "big") != _COMPRESSED:
        return _is_plain(index, name)
    digest = 32 if _SHA256.search(_content(os.path.join(_common(folder), "config"))) else 20
    try:
        return _is_compressed(index, name, _STAMPS + digest)
    except IndexError:  # cut off
        return False


def _is_plain(index: bytes, name: bytes) -> bool:
    """Whether the name stands there after its length, as in versions 2 and 3."""
    length = min(len(name), _NAME_LENGTH)
    at = index.find(name + b"\0")
    while at > 0:
        short, long = (int.from_bytes(index[at - back : at - back + 2], "big") for back in (2, 4))
        if (short & _NAME_LENGTH == length and not short & _EXTENDED) or (
            long & _NAME_LENGTH == length and long & _EXTENDED
        ):
            return True
        at = index.find(name + b"\0", at + 1)
    return False


def _is_compressed(index: bytes, name: bytes, fixed: int) -> bool:
    """Whether the name is among those of version 4, each of which says how much of the one before it drops."""
    at, before = 12, b""
    for _ in range(int.from_bytes(index[8:12], "big")):
        at += fixed + (4 if index[at + fixed] << 8 & _EXTENDED else 2)
        drop = index[at] & 0x7F
        while index[at] & 0x80:
            at += 1
            drop = (drop + 1 << 7) | index[at] & 0x7F
        end = index.find(b"\0", at + 1)
        if end < 0 or drop > len(before):
            return False
        before = before[: len(before) - drop] + index[at + 1 : end]
        if before == name:
            return True
        at = end + 1
    return False
