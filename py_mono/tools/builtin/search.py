"""GUEST. A stand-in for ripgrep: the same output for the same options, as a program of its own.

It is a program because a regular expression can take for ever and holds the interpreter while it does: a process can
be ended. Run as ``main([PATTERN, CASE, GLOB, HIDDEN_FILE, PATH])``; each match is ``path NUL line:column:text``.
"""

import os
import re
import sys

from py_mono.tools.builtin.globs import glob_expression
from py_mono.tools.builtin.walk import entries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_FIRST = 65_536
_BLOCK = 16 * 1024 * 1024
_FLUSH = 65_536


def main(arguments: list[str]) -> None:
    """Search, and exit as grep does: 0 with matches, 1 without."""
    pattern, case, glob, hidden_file, root = arguments
    expression = re.compile(pattern, re.MULTILINE | (re.IGNORECASE if case == "i" else 0))
    wanted = re.compile(glob_expression(glob)).fullmatch if glob else None
    base = len(root.rstrip("/")) + 1
    out: list[bytes] = []
    size, found = 0, False
    for path in _files(root, hidden_file):
        if wanted and not wanted(path[base:] or os.path.basename(path)):
            continue
        lines = _search(path, expression)
        if lines:
            found = True
            head = os.fsencode(path) + b"\0"
            piece = b"".join([head + line for line in lines])
            out.append(piece)
            size += len(piece)
            if size > _FLUSH:
                _write(out)
                size = 0
    _write(out)
    sys.exit(0 if found else 1)


def _files(root: str, hidden_file: str) -> "Iterable[str]":
    if not os.path.isdir(root):
        return [root]
    return (
        path
        for path, entry in entries(root, depth=1_000, hidden_file=hidden_file)
        if entry.is_file(follow_symlinks=False)
    )


def _write(out: list[bytes]) -> None:
    data = memoryview(b"".join(out))
    out.clear()
    while data:
        data = data[os.write(1, data) :]


def _search(path: str, expression: "re.Pattern[str]") -> list[bytes]:
    """The matches of one file, none where it is binary or cannot be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        data = os.read(fd, _FIRST)
        if len(data) < _FIRST:
            return _in_text(data, expression, 0)[0] if data else []
        return _in_blocks(fd, data, expression)
    except OSError:
        return []
    finally:
        os.close(fd)


def _in_blocks(fd: int, data: bytes, expression: "re.Pattern[str]") -> list[bytes]:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        while more := os.read(fd, _BLOCK):
            data += more
        return _in_text(data, expression, 0)[0]
    lines: list[bytes] = []
    number = 0
    while data:
        if b"\0" in data:
            return []
        more = os.read(fd, _BLOCK)
        cut = data.rfind(b"\n") + 1 if more else len(data)
        if cut:
            found, number = _in_text(data[:cut], expression, number)
            lines += found
        data = data[cut:] + more
    return lines


def _in_text(data: bytes, expression: "re.Pattern[str]", number: int) -> tuple[list[bytes], int]:
    """Matching lines, and how many lines went before the next piece; ``number`` went before this one."""
    if data[:3] == b"\xef\xbb\xbf":
        data = data[3:]
    elif data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = data.decode("utf-16", "replace").encode("utf-8", "replace")
    if b"\0" in data:
        return [], 0
    text = data.decode("utf-8", "surrogateescape")
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    found = []
    at, counted, end_of_text = 0, 0, len(text) - text.endswith("\n")
    while at <= end_of_text and (match := expression.search(text, at, end_of_text)):
        start, end = text.rfind("\n", 0, match.start()) + 1, text.find("\n", match.start(), end_of_text)
        if end < 0:
            end = end_of_text
        if match.end() > end:  # it runs over a line end: what counts is the line by itself
            match = expression.search(text, start, end)
        if match and end_of_text:
            number += text.count("\n", counted, start)
            counted = start
            found.append(_shown(number + 1, match.start() - start, text[start:end]))
        at = end + 1
    return found, number + text.count("\n", counted)


def _shown(number: int, column: int, line: str) -> bytes:
    return f"{number}:{len(line[:column].encode(errors='surrogateescape')) + 1}:{line}\n".encode(
        errors="surrogateescape"
    )
