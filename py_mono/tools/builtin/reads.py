"""GUEST. What the model has read so far, for the stale-file guard."""

from collections import OrderedDict
from threading import Lock

from py_mono.utils.digests import blake2b

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_FILES: "Final" = 2_000
_KEPT_BYTES: "Final" = 16 * 1024 * 1024
_KEPT_FILE: "Final" = 1024 * 1024


class ReadLog:
    """Remembers each file's content as of the model's last read or write; safe to use from several threads.

    The digest is kept for the last 2,000 files, the content itself for small files up to 16 MiB in all.
    """

    __slots__ = ("_digests", "_lock", "_size", "_texts")

    def __init__(self) -> None:
        self._digests: OrderedDict[str, bytes] = OrderedDict()
        self._texts: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def record(self, path: str, data: bytes) -> None:
        """The model now knows this content of the file."""
        digest = blake2b(data, digest_size=16).digest()
        with self._lock:
            self._digests[path] = digest
            self._digests.move_to_end(path)
            if len(self._digests) > _FILES:
                self._forget_text(self._digests.popitem(last=False)[0])
            self._forget_text(path)
            if len(data) <= _KEPT_FILE:
                self._texts[path] = data
                self._size += len(data)
            while self._size > _KEPT_BYTES:
                self._forget_text(next(iter(self._texts)))

    def _forget_text(self, path: str) -> None:
        self._size -= len(self._texts.pop(path, b""))

    def is_stale(self, path: str, data: bytes) -> bool:
        """Whether the file was read or written before, and holds something else now."""
        with self._lock:
            known = self._digests.get(path)
        return known is not None and known != blake2b(data, digest_size=16).digest()

    def known(self, path: str) -> bytes | None:
        """The content as the model knows it, where it was kept."""
        with self._lock:
            return self._texts.get(path)
