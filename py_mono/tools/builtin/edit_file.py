"""GUEST. Replace a quoted part of a file, byte for byte or not at all."""

import os

from py_mono.tools.builtin.context import Output, ToolFailure
from py_mono.tools.builtin.diffs import unified
from py_mono.tools.builtin.guard import displayable, refuse_stale
from py_mono.tools.builtin.matching import Match, find, replacement, without_overlap
from py_mono.tools.builtin.nearest import nearest
from py_mono.tools.builtin.paths import missing, resolve, shown
from py_mono.tools.builtin.textfile import Encoding, binary, detect, read_whole, vanished, write_atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from py_mono.tools.builtin.context import Context

_LISTED = 10

SPEC: "dict[str, Any]" = {
    "name": "edit_file",
    "description": "Replace old_content, copied exactly and unique in the file, by new_content.",
    "parameters": {
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "old_content": {"type": "string"},
            "new_content": {"type": "string"},
            "replace_all": {"type": "boolean"},
        },
        "required": ["path", "old_content", "new_content"],
        "additionalProperties": False,
    },
    "effect": "write",
}


def run(context: "Context", *, path: str, old_content: str, new_content: str, replace_all: bool = False) -> Output:
    """Find the old text, replace it, write the file in one step; or refuse and say what stands there instead."""
    real = resolve(context, path)
    _refuse_halves(old_content=old_content, new_content=new_content)
    if not old_content:
        raise ToolFailure("old_content is empty; quote the text to replace, or use write_file to write a whole file")
    if old_content == new_content:
        raise ToolFailure("old_content and new_content are the same; nothing would change")
    try:
        data = read_whole(real, path)
    except FileNotFoundError:
        raise missing(context, real, path) from None
    encoding = detect(data, whole=True)
    if encoding is None or encoding.encode(text := encoding.decode(data)) != data:
        raise binary(path, data, len(data))
    refuse_stale(context, real, data)
    name = shown(context, real)
    matches, old, new, drift = _matches(text, old_content, new_content)
    _refuse_unclear(name, text, old, matches, replace_all=replace_all)
    after = _apply(name, text, matches, old, new)
    if after == text:
        raise ToolFailure(f"nothing would change in {name}: line ends and indentation are kept as they are in the file")
    changed = _encoded(name, encoding, after)
    try:
        before = os.stat(real)
    except OSError:
        raise vanished(path) from None
    write_atomic(real, changed, path, before)
    context.reads.record(real, changed)
    return _output(name, text, after, matches, drift)


def _refuse_halves(**texts: str) -> None:
    """Refuse lone surrogates: in a file of mixed bytes they would be written as bytes that nobody named."""
    for name, text in texts.items():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ToolFailure(
                f"{name} holds half a surrogate pair at character {error.start}; give whole characters"
            ) from None


def _matches(text: str, old: str, new: str) -> tuple[list[Match], str, str, str]:
    """All matches, with the old and new text as they were matched."""
    matches, drift = find(text, old)
    if not matches and old.endswith("\n") and (new.endswith("\n") or not new) and not text.endswith("\n"):
        # The file's last line has no line end, which the model cannot see.
        bare_old, bare_new = _without_end(old), _without_end(new)
        matches, drift = find(text, bare_old) if bare_old else ([], "")
        matches = [match for match in matches if match.end == len(text)]
        if matches:
            return matches, bare_old, bare_new, drift
    return matches, old, new, drift


def _without_end(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")


def _refuse_unclear(name: str, text: str, old: str, matches: list[Match], *, replace_all: bool) -> None:
    if not matches:
        near = nearest(text, old)
        if near is None:
            raise ToolFailure(f"old_content is not in {name}, and nothing like it; read_file shows what is there")
        number, line, wanted = near
        raise ToolFailure(
            f"old_content is not in {name}. Nearest is line {number}:\n{displayable(line)}\n"
            f"where old_content has:\n{wanted}\nCopy the text exactly as read_file shows it."
        )
    if len(matches) > 1 and not replace_all:
        numbers = [_line_of(text, match.start) for match in matches]
        listed = ", ".join(map(str, numbers[:_LISTED])) + (", …" if len(numbers) > _LISTED else "")
        line = text.split("\n")[numbers[0] - 1].removesuffix("\r")
        raise ToolFailure(
            f"old_content occurs {len(matches)} times in {name}, at lines {listed}; line {numbers[0]} is:\n"
            f"{displayable(line)}\nQuote more lines around the one you mean, or set replace_all."
        )


def _line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _apply(name: str, text: str, matches: list[Match], old: str, new: str) -> str:
    parts, at = [], 0
    for match in without_overlap(matches):
        put = replacement(text, match, old, new)
        if put is None:
            raise ToolFailure(
                f"old_content matches {name} at line {_line_of(text, match.start)} only with other indentation, and "
                "new_content cannot be indented the same way; copy the lines exactly as read_file shows them"
            )
        parts += [text[at : match.start], put]
        at = match.end
    return "".join((*parts, text[at:]))


def _encoded(name: str, encoding: Encoding, text: str) -> bytes:
    try:
        data = encoding.encode(text)
    except UnicodeEncodeError as error:
        what = encoding.label or "UTF-8"
        raise ToolFailure(f"{name} is {what}, which cannot hold {text[error.start]!a}; nothing was changed") from None
    if detect(data, whole=True) is None:
        raise ToolFailure("new_content holds characters that would make the file binary; nothing was changed")
    return data


def _output(name: str, before: str, after: str, matches: list[Match], drift: str) -> Output:
    replaced = without_overlap(matches)
    first, last = _line_of(before, replaced[0].start), _line_of(before, replaced[-1].start)
    if len(replaced) > 1:
        said = f"edited {name}: {len(replaced)} replacements, lines {first} to {last}"
    else:
        added = after.count("\n") - before.count("\n")
        last = _line_of(before, max(replaced[0].start, replaced[0].end - 1)) + added
        said = f"edited {name}: line {first}" if last <= first else f"edited {name}: lines {first}-{last}"
    if drift:
        said += f" (matched in spite of different {drift})"
    diff, _ = unified(before.replace("\r\n", "\n"), after.replace("\r\n", "\n"), name)
    return Output(said, details={"diff": displayable(diff), "replacements": len(replaced)})
