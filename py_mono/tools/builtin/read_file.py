"""GUEST. Read a text file, page by page."""

import os
from io import BufferedReader, BytesIO

from py_mono.tools.builtin.context import Output, ToolFailure
from py_mono.tools.builtin.paths import counted, missing, resolve, shown
from py_mono.tools.builtin.textfile import SNIFF, WHOLE, Encoding, binary, detect, open_regular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from py_mono.tools.builtin.context import Context

_LONG_LINE = 2_000
_BLOCK = 1024 * 1024
_COUNTED = 1024 * 1024 * 1024  # bytes beyond which the total of lines is not worth the wait

SPEC: "dict[str, Any]" = {
    "name": "read_file",
    "description": "Read a text file; a long one comes in pages.",
    "parameters": {
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "offset": {"type": "integer", "minimum": 1, "description": "first line"},
            "limit": {"type": "integer", "minimum": 1},
        },
        "required": ["path"],
        "additionalProperties": False,
    },
    "effect": "read",
}


class _Page:
    """What was taken from a file: the lines shown, and where the file stands.

    ``more`` tells that lines follow; ``total`` is 0 where they were not counted.
    """

    __slots__ = ("clipped", "lines", "more", "total")

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.clipped: list[int] = []
        self.more = False
        self.total = 0


def run(context: "Context", *, path: str, offset: int = 1, limit: int | None = None) -> Output:
    """Lines ``offset`` to ``offset + limit - 1``, as many as the output limit allows, as they stand in the file."""
    real = resolve(context, path)
    try:
        fd, status = open_regular(real, path)
    except FileNotFoundError:
        raise missing(context, real, path) from None
    with open(fd, "rb") as file:
        sample = file.read(WHOLE if status.st_size <= WHOLE else SNIFF)
        whole = len(sample) < WHOLE and not file.peek(1)
        encoding = detect(sample, whole=whole)
        if encoding is None:
            raise binary(path, sample, max(status.st_size, len(sample)))
        if whole:
            context.reads.record(real, sample)
            page = _page(context, _utf8_lines(sample, encoding), Encoding("utf-8"), offset, limit)
        elif encoding.codec.startswith("utf-16"):
            raise ToolFailure(f"{shown(context, real)} is UTF-16 and larger than 32 MiB; convert it with iconv first")
        else:
            file.seek(len(encoding.bom))
            page = _page(context, file, encoding, offset, limit)
    return _output(context, real, page, encoding, offset)


def _utf8_lines(data: bytes, encoding: Encoding) -> "BufferedReader":
    if encoding.codec == "utf-8":
        return BufferedReader(BytesIO(data[len(encoding.bom) :]))
    return BufferedReader(BytesIO(encoding.decode(data).encode()))


def _page(context: "Context", file: BufferedReader, encoding: Encoding, offset: int, limit: int | None) -> _Page:
    page = _Page()
    skipped = _skip(context, file, offset - 1)
    if skipped < offset - 1:
        page.total = skipped
        return page
    room, codec = context.output_limit, encoding.codec
    while limit is None or len(page.lines) < limit:
        start = file.tell()
        raw, length = _line(file)
        if not length:
            break
        line = raw.decode(codec, "replace").removesuffix("\n").removesuffix("\r")
        if len(line) > _LONG_LINE or length > len(raw):
            page.clipped.append(offset + len(page.lines))
            line = f"{line[:_LONG_LINE]}… [line of {length:,} bytes, cut]"
        room -= len(line) + 1
        if room < 0 and page.lines:
            file.seek(start)
            break
        page.lines.append(line)
    page.more = bool(file.peek(1))
    shown_to = offset - 1 + len(page.lines)
    if not page.more:
        page.total = shown_to
    elif os.fstat(file.fileno()).st_size - file.tell() <= _COUNTED if _is_file(file) else True:
        page.total = shown_to + _skip(context, file, None)
    return page


def _is_file(file: BufferedReader) -> bool:
    return not isinstance(file.raw, BytesIO)


def _line(file: BufferedReader) -> tuple[bytes, int]:
    """The start of the next line and its whole length in bytes; a line of any length takes little memory."""
    raw = file.readline(4 * _LONG_LINE + 2)
    length = len(raw)
    piece = raw
    while piece and not piece.endswith(b"\n"):
        piece = file.readline(_BLOCK)
        length += len(piece)
    return raw, length


def _skip(context: "Context", file: BufferedReader, lines: int | None) -> int:
    """Go forward by that many lines, or to the end; how many there were (a last one without newline counts)."""
    passed, last = 0, b"\n"
    while lines is None or passed < lines:
        if context.cancelled.is_set():
            raise ToolFailure("cancelled")
        block = file.read(_BLOCK)
        if not block:
            return passed + (last != b"\n")
        count = block.count(b"\n")
        if lines is not None and passed + count >= lines:
            at = -1
            for _ in range(lines - passed):
                at = block.index(b"\n", at + 1)
            file.seek(at + 1 - len(block), os.SEEK_CUR)
            return lines
        passed, last = passed + count, block[-1:]
    return passed


def _output(context: "Context", real: str, page: _Page, encoding: Encoding, offset: int) -> Output:
    name = shown(context, real)
    if not page.lines:
        if page.total == 0 and offset == 1:
            return Output(f"[{name} is empty]", details={"lines": 0})
        raise ToolFailure(f"offset {offset} is past the end: {name} has {counted(page.total, 'line')}")
    last = offset - 1 + len(page.lines)
    total = f"{page.total:,}" if page.total else "many more"
    here = f"line {last}" if last == offset else f"lines {offset}-{last}"
    notes = []
    if page.more:
        notes.append(f"{here} of {total}; continue with offset={last + 1}")
    elif offset > 1:
        notes.append(f"{here} of {total}, the end")
    if page.clipped:
        notes.append("the rest of a cut line: grep, or shell with cut -c")
    if encoding.label:
        notes.append(encoding.label)
    text = "\n".join(page.lines)
    notice = f"\n[{'; '.join(notes)}]" if notes else ""
    return Output(text + notice, details={"lines": page.total, "truncated": page.more or bool(page.clipped)})
