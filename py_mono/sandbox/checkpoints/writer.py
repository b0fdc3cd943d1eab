"""HOST. What is appended to a pack: objects first, then the commit that makes them count."""

import os
import zlib
from hashlib import sha256

import msgspec

from py_mono.sandbox.checkpoints.pack import (
    COMMIT,
    CRC,
    END,
    HEADER,
    MAGIC,
    OBJECT,
    RAW,
    TABLE,
    TREE,
    ZLIB,
    Commit,
    Pack,
)

_WORTH = 0.9
_SAMPLE = 4096
_SMALLEST = 128
_FLUSH = 1_000_000


class Writer:
    """Appends to a pack; nothing of it counts before ``commit``. ``squeeze`` bytes at most are tried to be compressed."""

    def __init__(self, pack: Pack, squeeze: int) -> None:
        self._pack = pack
        self._squeeze = squeeze
        self._at = pack.size
        self._pieces: list[bytes] = []
        self._pending = 0
        self._new: dict[bytes, int] = {}

    def has(self, digest: bytes) -> bool:
        """Whether there is such an object already."""
        return digest in self._new or digest in self._pack.offsets

    def add(self, data: bytes) -> bytes:
        """Keep some bytes, unless they are kept already; their digest. Raises OSError."""
        digest = sha256(data).digest()
        if not self.has(digest):
            self._new[digest] = self._record(OBJECT, data, digest)
        return digest

    def commit(self, name: str, at: float, tree: bytes, *, whole: bool, entries: int) -> Commit:
        """Bring all of it onto the disk, then say that it is there. Raises OSError."""
        last = self._pack.commits[-1] if self._pack.commits else None
        self._squeeze = max(self._squeeze, len(tree))
        place = self._record(TREE, tree, sha256(tree).digest())
        rows = b"".join(digest + offset.to_bytes(8, "little") for digest, offset in self._new.items())
        table = self._record(TABLE, rows, sha256(rows).digest()) if rows else 0
        self._flush()
        os.fdatasync(self._pack.fd)
        depth = 0 if whole or last is None else last.depth + 1
        commit = Commit(name, at, self._pack.last, place, table, whole, entries, depth)
        data = msgspec.msgpack.encode(commit)
        offset = self._record(COMMIT, data, sha256(data).digest())
        self._put(END.pack(self._pack.mark, offset))
        self._flush()
        os.fdatasync(self._pack.fd)
        self._pack.written(commit, offset, self._at, self._new)
        return commit

    def abandon(self) -> None:
        """Take back what was written."""
        os.ftruncate(self._pack.fd, self._pack.size)

    def _record(self, kind: int, data: bytes, digest: bytes) -> int:
        codec, stored = RAW, data
        if _SMALLEST <= len(data) <= self._squeeze:
            self._squeeze -= min(len(data), _SAMPLE)
            if len(data) <= _SAMPLE or len(zlib.compress(data[:_SAMPLE], 1)) < _WORTH * _SAMPLE:
                self._squeeze -= len(data) - min(len(data), _SAMPLE)
                small = zlib.compress(data, 1)
                if len(small) < _WORTH * len(data):
                    codec, stored = ZLIB, small
        header = HEADER.pack(MAGIC, kind, codec, 0, len(stored), len(data), digest)
        offset = self._at + self._pending
        self._put(header + CRC.pack(zlib.crc32(header)))
        self._put(stored)
        if self._pending > _FLUSH:
            self._flush()
        return offset

    def _put(self, data: bytes) -> None:
        self._pieces.append(data)
        self._pending += len(data)

    def _flush(self) -> None:
        rest = memoryview(b"".join(self._pieces))
        self._pieces, self._pending = [], 0
        while rest:
            done = os.pwrite(self._pack.fd, rest, self._at)
            self._at += done
            rest = rest[done:]
