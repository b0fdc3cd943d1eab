"""GUEST. Files as text: opened without hanging, decoded so that every byte comes back, written all or nothing."""

import os
import stat

from py_mono.tools.builtin.context import ToolFailure
from py_mono.tools.builtin.paths import counted, explain, printable_or_repr

SNIFF = 65_536
WHOLE = 32 * 1024 * 1024  # bytes of the largest file that is edited, or read in one go
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe\0\0", ""), (b"\0\0\xfe\xff", ""), (b"\xff\xfe", "utf-16-le"),
         (b"\xfe\xff", "utf-16-be"))  # fmt: skip
_KINDS = ((stat.S_ISDIR, "a folder; list_files shows what is in it"), (stat.S_ISFIFO, "a named pipe"),
          (stat.S_ISSOCK, "a socket"), (stat.S_ISBLK, "a device"), (stat.S_ISCHR, "a device"))  # fmt: skip
_MAGIC = ((b"\x7fELF", "ELF program"), (b"\x89PNG", "PNG image"), (b"\xff\xd8\xff", "JPEG image"), (b"GIF8", "GIF image"),
          (b"%PDF", "PDF document"), (b"PK\x03\x04", "ZIP archive"), (b"\x1f\x8b", "gzip archive"),
          (b"SQLite format 3", "SQLite database"), (b"\xca\xfe\xba\xbe", "Java class"))  # fmt: skip
_NOT_TEXT = bytes(set(range(32)) - set(b"\b\t\n\f\r\x1b")) + b"\x7f"


class Encoding:
    """How a file's bytes are text, such that ``encode(decode(data)) == data``.

    Attributes:
        codec: Python's name for it.
        errors: ``strict``, or ``surrogateescape`` for UTF-8 with a few bytes that are not.
        bom: The mark at the front, or nothing.
        label: What to tell the model; empty for plain UTF-8.
    """

    __slots__ = ("bom", "codec", "errors", "label")

    def __init__(self, codec: str, *, errors: str = "strict", bom: bytes = b"", label: str = "") -> None:
        self.codec = codec
        self.errors = errors
        self.bom = bom
        self.label = label

    def decode(self, data: bytes) -> str:
        """The text without its mark."""
        return data[len(self.bom) :].decode(self.codec, self.errors)

    def encode(self, text: str) -> bytes:
        """The bytes, mark included; raises ``UnicodeEncodeError`` for what the encoding cannot hold."""
        return self.bom + text.encode(self.codec, self.errors)


UTF_8 = Encoding("utf-8")


def detect(sample: bytes, *, whole: bool) -> Encoding | None:
    """How the bytes are text, or None where they are not; ``whole`` where the sample is all of the file."""
    for bom, codec in _BOMS:
        if sample.startswith(bom):
            return _marked(sample, bom, codec, whole=whole)
    if b"\0" in sample:
        return None
    return _unmarked(sample, whole=whole)


def _marked(sample: bytes, bom: bytes, codec: str, *, whole: bool) -> Encoding | None:
    if codec == "utf-8":
        inner = detect(sample[3:], whole=whole)
        if inner is None or inner.codec != "utf-8":
            return None
        return Encoding("utf-8", errors=inner.errors, bom=bom, label="UTF-8 with BOM")
    if not codec:
        return None
    found = Encoding(codec, bom=bom, label="UTF-16")
    if whole:
        try:
            text = found.decode(sample)
        except UnicodeDecodeError:
            return None
        return None if "\0" in text else found
    return found


def _unmarked(sample: bytes, *, whole: bool) -> Encoding | None:
    try:
        sample.decode()
    except UnicodeDecodeError as error:
        if not whole and error.start >= len(sample) - 3 and error.reason == "unexpected end of data":
            return UTF_8
    else:
        return UTF_8
    if sample.translate(None, _NOT_TEXT) != sample:
        return None
    high = len(sample) - len(sample.translate(None, bytes(range(128, 256))))
    bad = sample.decode(errors="replace").count("\ufffd") - sample.count(b"\xef\xbf\xbd")
    if high > 4 * bad:
        return Encoding("utf-8", errors="surrogateescape", label="UTF-8 with some invalid bytes")
    if 10 * high <= 3 * len(sample):
        return Encoding("latin-1", label="latin-1")
    return None


def open_regular(path: str, given: str) -> tuple[int, os.stat_result]:
    """A descriptor of a regular file and its status; never waits for a pipe's other end.

    Raises:
        ToolFailure: Anything else, or it cannot be opened. ``FileNotFoundError`` passes through.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _not_opened(error, path, given) from error
    try:
        status = os.fstat(fd)
        refuse_kind(status, given)
    except BaseException:
        os.close(fd)
        raise
    return fd, status


def _not_opened(error: OSError, path: str, given: str) -> ToolFailure:
    """What to say of a path that cannot be opened; its kind may be the reason, as with a socket."""
    try:
        refuse_kind(os.stat(path), given)
    except ToolFailure as kind:
        return kind
    except OSError:  # the reason why it cannot be opened is the better one
        pass
    return explain(error, f"cannot open {printable_or_repr(given)}")


def refuse_kind(status: os.stat_result, given: str) -> None:
    """Raise ``ToolFailure`` for what is not a regular file."""
    for is_kind, kind in _KINDS:
        if is_kind(status.st_mode):
            raise ToolFailure(f"{printable_or_repr(given)} is {kind}")


def shown_codec(path: str) -> str:
    """The codec in which ``read_file`` shows a file: ``latin-1``, or else ``utf-8``, also where it cannot be told."""
    try:
        fd, status = open_regular(path, path)
        with open(fd, "rb", buffering=0) as file:
            sample = file.read(WHOLE if status.st_size <= WHOLE else SNIFF) or b""
    except (OSError, ToolFailure):
        return "utf-8"
    encoding = detect(sample, whole=len(sample) == status.st_size)
    return "latin-1" if encoding and encoding.codec == "latin-1" else "utf-8"


def binary(given: str, sample: bytes, size: int) -> ToolFailure:
    """What to say of a file that is not text."""
    kind = next((f" ({name})" for magic, name in _MAGIC if sample.startswith(magic)), "")
    return ToolFailure(f"{printable_or_repr(given)} is a binary file{kind} of {counted(size, 'byte')}, not text")


def read_whole(path: str, given: str) -> bytes:
    """All bytes of a file of at most 32 MiB.

    Raises:
        ToolFailure: It is larger, no regular file, or cannot be read. ``FileNotFoundError`` passes through.
    """
    fd, status = open_regular(path, given)
    with open(fd, "rb", buffering=0) as file:
        data = file.read(WHOLE + 1) if status.st_size <= WHOLE else b""
        while data and len(data) <= WHOLE and (more := file.read(WHOLE)):
            data += more
    if status.st_size > WHOLE or len(data) > WHOLE:
        raise ToolFailure(
            f"{printable_or_repr(given)} has {status.st_size:,} bytes, more than is edited at once; use shell"
        )
    return data


def vanished(given: str) -> ToolFailure:
    """What to say of a file that was there a moment ago."""
    return ToolFailure(f"{printable_or_repr(given)} was moved or removed at this very moment; nothing was changed")


def write_atomic(path: str, data: bytes, given: str, before: os.stat_result | None) -> None:
    """Replace or create the file in one step: a reader sees the old content or the new one, also after a crash.

    Mode, owner and extended attributes of ``before`` are kept as far as the system allows. A further hard link keeps
    the old content, for it may belong to someone outside the workspace.

    Raises:
        ToolFailure: It cannot be written; nothing has changed then.
    """
    folder = os.path.dirname(path)
    if before is not None and not before.st_mode & 0o222:
        raise ToolFailure(f"{printable_or_repr(given)} is read-only; make it writable first (chmod u+w)")
    if before is not None and not os.access(path, os.W_OK):
        raise ToolFailure(f"{printable_or_repr(given)} may not be written: permission denied")
    temporary = os.path.join(folder, f".py-mono-{os.urandom(8).hex()}.tmp")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            with open(fd, "wb", buffering=0) as file:
                _write_all(file.fileno(), data)
                if before is not None:
                    _keep_metadata(file.fileno(), path, before)
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise explain(error, f"cannot write {printable_or_repr(given)}, nothing was changed") from error


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _keep_metadata(fd: int, path: str, before: os.stat_result) -> None:
    now = os.fstat(fd)
    if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
        try:
            os.fchown(fd, before.st_uid, before.st_gid)
        except OSError:
            _try_group(fd, before.st_gid)
    os.fchmod(fd, stat.S_IMODE(before.st_mode))
    try:
        for name in os.listxattr(path):
            os.setxattr(fd, name, os.getxattr(path, name))
    except OSError:
        return  # the file system has none, or the lock forbids them: the content is what counts


def _try_group(fd: int, group: int) -> None:
    try:
        os.fchown(fd, -1, group)
    except OSError:
        return  # neither may be given away: the file becomes the writer's own, as with every editor
