"""GUEST. Create a file, or replace all of it."""

import os

from py_mono.tools.builtin.context import Output, ToolFailure
from py_mono.tools.builtin.diffs import unified
from py_mono.tools.builtin.guard import displayable, refuse_stale
from py_mono.tools.builtin.paths import counted, explain, printable_or_repr, resolve, shown
from py_mono.tools.builtin.textfile import detect, read_whole, refuse_kind, vanished, write_atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from py_mono.tools.builtin.context import Context

SPEC: "dict[str, Any]" = {
    "name": "write_file",
    "description": "Create or replace a whole file.",
    "parameters": {
        "type": "object",
        "properties": {"path": {"type": "string"}, "content": {"type": "string"}},
        "required": ["path", "content"],
        "additionalProperties": False,
    },
    "effect": "write",
}


def run(context: "Context", *, path: str, content: str) -> Output:
    """Write the content in one step; parent folders are made. A file whose lines all end with CRLF keeps that."""
    real = resolve(context, path)
    if path.endswith("/") or real == context.workspace:
        raise ToolFailure(f"{printable_or_repr(path)} names a folder; give the path of a file")
    try:
        data = content.encode()
    except UnicodeEncodeError as error:
        raise ToolFailure(
            f"content holds half a surrogate pair at character {error.start}; give whole characters"
        ) from None
    before = _status(real, path)
    old = b""
    if before is not None:
        refuse_kind(before, path)
        old = _old_content(context, real, path, before)
    data, kept = _line_ends(data, old)
    if before is None:
        _make_parents(real, path)
    elif old == data:
        context.reads.record(real, data)
        return Output(f"{shown(context, real)} already holds exactly this; nothing was written")
    write_atomic(real, data, path, before)
    context.reads.record(real, data)
    return _output(context, real, old, data, created=before is None, kept=kept)


def _status(real: str, given: str) -> os.stat_result | None:
    try:
        return os.stat(real)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise explain(error, f"cannot write {printable_or_repr(given)}") from error


def _old_content(context: "Context", real: str, given: str, before: os.stat_result) -> bytes:
    """What is there now, for the guard and the diff; nothing of a file too large to have been read whole."""
    if before.st_size > 32 * 1024 * 1024:
        return b""
    try:
        old = read_whole(real, given)
    except FileNotFoundError:
        raise vanished(given) from None
    refuse_stale(context, real, old)
    return old


def _line_ends(data: bytes, old: bytes) -> tuple[bytes, bool]:
    """The content with CRLF where the file has nothing else and the content has none."""
    lines = old.count(b"\n")
    if lines and old.count(b"\r\n") == lines and b"\r" not in data and b"\n" in data and b"\0" not in old:
        return data.replace(b"\n", b"\r\n"), True
    return data, False


def _make_parents(real: str, given: str) -> None:
    try:
        os.makedirs(os.path.dirname(real), exist_ok=True)
    except OSError as error:
        raise explain(error, f"cannot make the folder for {printable_or_repr(given)}") from error


def _output(context: "Context", real: str, old: bytes, data: bytes, *, created: bool, kept: bool) -> Output:
    name = shown(context, real)
    lines = data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
    said = f"{'created' if created else 'overwrote'} {name}: {counted(lines, 'line')}, {counted(len(data), 'byte')}"
    if kept:
        said += " (its CRLF line ends were kept)"
    encoding = detect(old, whole=True)
    before = encoding.decode(old) if encoding else ""
    diff, _ = unified(before.replace("\r\n", "\n"), data.decode().replace("\r\n", "\n"), name)
    return Output(said, details={"diff": displayable(diff), "created": created})
