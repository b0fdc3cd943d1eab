"""The journal: a session's facts, one JSON line each, only ever appended to."""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator

import msgspec

from py_mono.protocol.codec import decode_envelope, encode
from py_mono.protocol.errors import SessionError
from py_mono.protocol.events import Envelope
from py_mono.protocol.ports import Redact
from py_mono.session.sync import Syncer
from py_mono.session.where import name_of

_BLOCK = 65_536


class _Numbered(msgspec.Struct):
    seq: int


_numbers = msgspec.json.Decoder(_Numbered)


def read(path: str | os.PathLike[str]) -> Iterator[Envelope]:
    """The facts of a journal, one after the other; those that only a newer version knows are passed over.

    A last line without its end is what a crash leaves: it counts if it is whole, else it is dropped.

    Raises:
        SessionError: The file cannot be read, or a line before the last is damaged.
    """
    for _, envelope in read_numbered(path):
        if envelope is not None:
            yield envelope


def read_numbered(path: str | os.PathLike[str]) -> Iterator[tuple[int, Envelope | None]]:
    """Like ``read``, with each fact's number, and None for a fact that only a newer version knows."""
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    envelope = decode_envelope(line)
                    seq = _numbers.decode(line).seq if envelope is None else envelope.seq
                except ValueError as error:
                    if not line.endswith(b"\n"):
                        return
                    raise _damaged(os.fspath(path), number, error) from error
                yield seq, envelope
    except OSError as error:
        raise SessionError(f"The journal {path} cannot be read: {_reason(error)}.") from error


class Journal:
    """Where a session's facts are written as they happen.

    ``append`` hands each to the kernel at once, so that it survives the death of this process; a thread brings them onto
    the disk, which ``synced`` waits for. The file (mode 0600) is made with the first fact and locked while open. Where
    writing fails, the half line is taken back, ``notice`` gets one sentence for the person, and nothing more is written:
    the session goes on without its journal.
    """

    def __init__(self, path: str | os.PathLike[str], *, redact: Redact, notice: Callable[[str], None]) -> None:
        self.path = os.fspath(path)
        self._redact = redact
        self._notice = notice
        self._fd = -1
        self._size = 0
        self._off = False
        self._syncer: Syncer | None = None

    @property
    def writing(self) -> bool:
        """Whether facts are still kept."""
        return not self._off

    def reopen(self) -> None:
        """Go on with an existing file: lock it, and take off the half line that a crash may have left at its end.

        A file that can be read but not written is no error: ``notice`` is told, and the session goes on without it.

        Raises:
            SessionError: There is no such file, or another process has it open.
        """
        try:
            self._open_existing()
        except OSError as error:
            raise SessionError(f"The journal {self.path} cannot be opened: {_reason(error)}.") from error
        if self._off:
            return
        self._syncer = Syncer(self._fd)
        try:
            self._mend_tail()
        except OSError as error:
            self._turn_off(error)

    def append(self, envelope: Envelope) -> None:
        """Write a fact. Never raises: see the class."""
        if self._off:
            return
        try:
            line = self._redact(encode(envelope).decode()).encode() + b"\n"
            if self._fd < 0:
                self._create()
            self._write(line)
        except (OSError, UnicodeError) as error:
            self._turn_off(error)

    async def synced(self) -> None:
        """Wait until every fact so far is on the disk, or the journal has given up (then at once)."""
        if self._off or self._syncer is None:
            return
        await self._syncer.synced()
        if self._syncer.error and not self._off:
            self._turn_off(self._syncer.error)

    def close(self) -> None:
        """Sync, unlock and close; may be called twice."""
        self._off = True
        self._release()

    def _create(self) -> None:
        os.makedirs(os.path.dirname(self.path), 0o700, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(self.path, flags, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._syncer = Syncer(self._fd, os.path.dirname(self.path))

    def _open_existing(self) -> None:
        try:
            self._fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        except OSError as error:
            if error.errno not in {errno.EACCES, errno.EPERM, errno.EROFS}:
                raise
            self._size = os.stat(self.path).st_size
            self._turn_off(error)
            return
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _lock_holder(self._fd)
            self._release()
            raise SessionError(
                f"The session {name_of(self.path)} is in use by another process{f' (pid {holder})' if holder else ''}.",
                remedy=f"End that one first, or work on a copy of the session: --fork {name_of(self.path)}",
            ) from error
        self._size = os.fstat(self._fd).st_size

    def _mend_tail(self) -> None:
        tail = self._tail()
        try:
            whole = bool(tail) and _numbers.decode(tail).seq > 0
        except ValueError:
            whole = False
        if whole:
            self._write(b"\n")
        elif tail:
            self._size -= len(tail)
            os.ftruncate(self._fd, self._size)

    def _tail(self) -> bytes:
        """What stands after the last line's end."""
        tail, at = b"", self._size
        while at and b"\n" not in tail:
            length = min(_BLOCK, at)
            at -= length
            tail = os.pread(self._fd, length, at) + tail
        return tail[tail.rfind(b"\n") + 1 :]

    def _write(self, line: bytes) -> None:
        if self._syncer and self._syncer.error:
            raise self._syncer.error
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(self._fd, rest) :]
        self._size += len(line)
        if self._syncer:
            self._syncer.written()

    def _turn_off(self, error: OSError | UnicodeError) -> None:
        self._off = True
        try:
            if self._fd >= 0:
                os.ftruncate(self._fd, self._size)
        except OSError:
            pass  # the half line stays; reading drops it
        self._release()
        self._notice(
            f"This session is not saved{' any further' if self._size else ''}, because {self.path} cannot be written: "
            f"{_reason(error)}. It goes on; "
            + ("what was saved before can be resumed." if self._size else "it cannot be resumed later.")
        )

    def _release(self) -> None:
        if self._syncer:
            self._syncer.stop()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _damaged(path: str, number: int, error: ValueError) -> SessionError:
    return SessionError(
        f"The journal {path} is damaged in line {number}: {error}.",
        remedy=f"Keep the lines before it: head -n {number - 1} of that file is a whole session.",
    )


def _reason(error: OSError | UnicodeError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _lock_holder(fd: int) -> int:
    """The process that has this file locked, 0 where the kernel does not say (proc_locks(5))."""
    inode = str(os.fstat(fd).st_ino)
    try:
        with open("/proc/locks", encoding="ascii") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeError):
        return 0
    for line in lines:
        fields = line.split()
        if "FLOCK" in fields and fields[-3].rpartition(":")[2] == inode:
            return max(0, int(fields[-4]))
    return 0
