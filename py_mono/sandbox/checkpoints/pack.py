r"""HOST. One file that is only appended to: objects by their SHA-256, and the commits that need them.

::

    file    "PMPACK2\n", 16 random bytes (its mark), CRC-32 of the mark, records
    record  header, payload; a commit's payload is followed by its end: the mark, the offset of its header (u64)
    header  "PMC1", kind, codec, 2 spare bytes, stored size (u64), size (u64), SHA-256 of the payload as it was, CRC-32

All numbers are little-endian. A commit counts once its end is there, and its end is written after all that it needs was
brought onto the disk; what comes after the last end is the rest of a write that was cut, and is cut off.
"""

import os
import struct
import zlib
from contextlib import suppress
from hashlib import sha256

import msgspec

from py_mono.protocol.errors import SandboxError
from py_mono.sandbox.checkpoints.faults import damaged

_FILE_MAGIC = b"PMPACK2\n"
_MARK_SIZE = 16
HEADER = struct.Struct("<4sBBHQQ32s")
CRC = struct.Struct("<I")
START = len(_FILE_MAGIC) + _MARK_SIZE + CRC.size
HEADER_SIZE = HEADER.size + CRC.size
END = struct.Struct(f"<{_MARK_SIZE}sQ")
MAGIC = b"PMC1"
OBJECT, TREE, TABLE, COMMIT = range(4)
RAW, ZLIB = range(2)
_SEARCH = 1_000_000


class Commit(msgspec.Struct, frozen=True, array_like=True):
    """A checkpoint's place in the pack.

    Attributes:
        id: Its name.
        at: Seconds since 1970.
        previous: Offset of the commit before it; 0 for the first.
        tree: Offset of its tree.
        table: Offset of the list of objects that came with it; 0 where there are none.
        whole: Whether the tree stands for itself, and is not the difference from the one before.
        entries: How many there are in the tree.
        depth: How many commits must be read back until one is whole.
    """

    id: str
    at: float
    previous: int
    tree: int
    table: int
    whole: bool
    entries: int
    depth: int


_commit = msgspec.msgpack.Decoder(Commit)


class Pack:
    """The file, as it stands on the disk; the caller holds the lock of the store while it is refreshed or written.

    Attributes:
        commits: The checkpoints in it, oldest first.
        size: Of what counts, in bytes.
        last: Offset of the last commit; 0 where there is none.
        mark: What the end of a commit begins with, in this file alone.
    """

    def __init__(self, path: str) -> None:
        self.fd = -1
        self.path = path
        self.commits: list[Commit] = []
        self.size = 0
        self.last = 0
        self.mark = b""
        self._known = (0, 0)
        self._offsets: dict[bytes, int] | None = None

    def refresh(self) -> bool:
        """Look at what others wrote since the last time; True where there was something. Makes the file where it is missing.

        Raises:
            SandboxError: It is damaged where it matters.
            OSError: It cannot be read or made.
        """
        try:
            seen = os.stat(self.path)
        except FileNotFoundError:
            create(self.path)
            seen = os.stat(self.path)
        if (seen.st_ino, seen.st_size) == self._known:
            return False
        self.close()
        self.fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        head = os.pread(self.fd, START, 0)
        if head[: len(_FILE_MAGIC)] != _FILE_MAGIC[: len(head)]:
            raise damaged(self.path, "it does not begin as it should, or another version made it")
        if len(head) < START:  # cut while it was made
            os.ftruncate(self.fd, 0)
            _begin(self.fd)
            head = os.pread(self.fd, START, 0)
        self.mark = head[len(_FILE_MAGIC) : -CRC.size]
        if head[-CRC.size :] != CRC.pack(zlib.crc32(self.mark)):
            raise damaged(self.path, "its mark is not what was written")
        self._read_commits()
        self._known = (seen.st_ino, self.size)
        return True

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back; ``refresh`` opens it again."""
        if self.fd >= 0:
            os.close(self.fd)
        self.fd, self._known, self._offsets = -1, (0, 0), None
        self.commits, self.size, self.last = [], 0, 0

    def _read_commits(self) -> None:
        """Find the last end that counts, cut off what comes after it, and follow the commits back from there."""
        length = os.fstat(self.fd).st_size
        end, offset = self._last_end(length)
        if end < length:
            os.ftruncate(self.fd, end)
        self.size, self.last = end, offset
        found: list[Commit] = []
        while offset:
            commit = _commit.decode(self.payload(offset, COMMIT))
            if commit.previous >= offset:
                raise damaged(self.path, "its checkpoints do not follow each other")
            found.append(commit)
            offset = commit.previous
        self.commits = found[::-1]

    def _last_end(self, length: int) -> tuple[int, int]:
        """Where the last whole commit ends, and its offset; the start and 0 where there is none."""
        upto = length
        while upto > START:
            begin = max(START, upto - _SEARCH)
            block = os.pread(self.fd, upto - begin + END.size - 1, begin)  # so that none is cut in two
            stop = len(block)
            while (at := block.rfind(self.mark, 0, stop)) >= 0:
                if offset := self._ended(begin + at):
                    return begin + at + END.size, offset
                stop = at + _MARK_SIZE - 1
            upto = begin
        return START, 0

    def _ended(self, at: int) -> int:
        """The offset of the commit whose end is at ``at``; 0 where it is none."""
        end = os.pread(self.fd, END.size, at)
        if len(end) < END.size:
            return 0
        offset: int = END.unpack(end)[1]
        with suppress(SandboxError, msgspec.MsgspecError):
            if START <= offset < at and offset + HEADER_SIZE + self._header(offset)[2] == at:
                _commit.decode(self.payload(offset, COMMIT))
                return offset
        return 0

    def _header(self, offset: int) -> tuple[int, int, int, int, bytes]:
        """Kind, codec, stored size, size and digest of the record there. Raises SandboxError."""
        head = os.pread(self.fd, HEADER_SIZE, offset)
        if len(head) == HEADER_SIZE and CRC.unpack_from(head, HEADER.size)[0] == zlib.crc32(head[: HEADER.size]):
            magic, kind, codec, _, stored, size, digest = HEADER.unpack_from(head)
            if magic == MAGIC:
                return kind, codec, stored, size, digest
        raise damaged(self.path, f"there is nothing to be read at byte {offset}")

    def payload(self, offset: int, kind: int) -> bytes:
        """What was put there, verified. Raises SandboxError."""
        found, codec, stored, size, digest = self._header(offset)
        if stored > os.fstat(self.fd).st_size - offset:
            raise damaged(self.path, f"what stands at byte {offset} is cut off")
        data = os.pread(self.fd, stored, offset + HEADER_SIZE)
        if codec == ZLIB:
            with suppress(zlib.error):
                data = zlib.decompress(data, bufsize=size)
        if found != kind or len(data) != size or sha256(data).digest() != digest:
            raise damaged(self.path, f"what stands at byte {offset} is not what was put there")
        return data

    @property
    def offsets(self) -> dict[bytes, int]:
        """Where each object is, by its digest. Raises SandboxError."""
        if self._offsets is None:
            known: dict[bytes, int] = {}
            for commit in self.commits:
                table = self.payload(commit.table, TABLE) if commit.table else b""
                for at in range(0, len(table), 40):
                    known[table[at : at + 32]] = int.from_bytes(table[at + 32 : at + 40], "little")
            self._offsets = known
        return self._offsets

    def object(self, digest: bytes) -> bytes:
        """The bytes with this digest, verified. Raises SandboxError."""
        offset = self.offsets.get(digest)
        if offset is None:
            raise damaged(self.path, f"the content {digest.hex()[:12]} is missing")
        if self._header(offset)[4] != digest:
            raise damaged(self.path, f"another content stands where {digest.hex()[:12]} should")
        return self.payload(offset, OBJECT)

    def stored_size(self, digest: bytes) -> int:
        """How many bytes an object takes in the file. Raises SandboxError."""
        return HEADER_SIZE + self._header(self.offsets[digest])[2]

    def written(self, commit: Commit, offset: int, size: int, new: dict[bytes, int]) -> None:
        """Take over what a ``Writer`` committed at ``offset``; the file now counts up to ``size``."""
        self.offsets.update(new)
        self.commits.append(commit)
        self.last, self.size = offset, size
        self._known = (os.fstat(self.fd).st_ino, size)


def create(path: str) -> None:
    """An empty pack, for this user alone. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        _begin(descriptor)
    finally:
        os.close(descriptor)


def _begin(descriptor: int) -> None:
    mark = os.urandom(_MARK_SIZE)
    os.pwrite(descriptor, _FILE_MAGIC + mark + CRC.pack(zlib.crc32(mark)), 0)
