"""Results held to the size of the window: what is left out is said, and how to get it."""

import asyncio
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from py_mono.protocol.ports import ToolSource
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec

_NOTE_ROOM = 240
"""Bytes kept free for the note; the longest one is shorter."""
_HOW = {
    "shell": "print less (grep, head, tail, sed -n), or write it to a file and read_file that in pages",
    "grep": "narrow pattern, path or glob",
    "list_files": "list one folder, not recursive",
}


class CappedTools:
    """The tools of another source, no result of which is longer than so many bytes of UTF-8.

    Pages of ``read_file`` end earlier and say with which line to go on; anything else keeps its beginning and its end,
    where programs say what they did and how it ended.
    """

    def __init__(self, source: ToolSource, limit: int) -> None:
        """``limit`` in bytes; 0 leaves results as they are."""
        self._source = source
        self._limit = limit

    async def specs(self) -> Sequence[ToolSpec]:
        """See ``ToolSource``."""
        return await self._source.specs()

    async def call(self, call: ToolCall, on_output: Callable[[str], None]) -> ToolResult:
        """See ``ToolSource``; what a cancelled call came to is held to the size as well."""
        try:
            return self._fitted(call, await self._source.call(call, on_output))
        except asyncio.CancelledError as cancelled:
            if cancelled.args and isinstance(cancelled.args[0], ToolResult):
                raise asyncio.CancelledError(self._fitted(call, cancelled.args[0])) from cancelled
            raise

    def _fitted(self, call: ToolCall, result: ToolResult) -> ToolResult:
        size = len(result.content.encode(errors="replace"))
        if not self._limit or size <= self._limit:
            return result
        paged = call.name == "read_file" and not result.is_error
        text = _page(call, result, self._limit) if paged else _ends(result, self._limit)
        return replace(result, content=text, details={**result.details, "truncated": True})


def _page(call: ToolCall, result: ToolResult, limit: int) -> str:
    """As many whole lines as fit, and with which line to go on; of a first line that is too long alone its beginning."""
    first, room, kept = int(call.arguments.get("offset", 1)), limit - _NOTE_ROOM, list[str]()
    total = int(result.details.get("lines") or 0)
    for line in result.content.split("\n"):
        room -= len(line.encode(errors="replace")) + 1
        if room < 0:
            break
        kept.append(line)
    last = first + len(kept) - 1
    if kept:
        of = f" of {total:,}" if total else ""
        what = f"lines {first}-{last}{of}"
    else:
        last = first
        kept = [_head(result.content, limit - _NOTE_ROOM)]
        what = f"the beginning of line {first}; its rest with shell and cut -c"
    on = "" if total and last >= total else f"; continue with offset={last + 1}"
    return "\n".join((*kept, f"[{what}: cut to fit the context window{on}]"))


def _ends(result: ToolResult, limit: int) -> str:
    """Beginning and end, whole lines where there are any, with a note between."""
    text, room = result.content, max(limit - _NOTE_ROOM, 0)
    head, tail = _head(text, room // 3), _tail(text, room - room // 3)
    if "\n" in head:
        head = head[: head.rindex("\n")]
    if "\n" in tail:
        tail = tail[tail.index("\n") + 1 :]
    gone = text[len(head) : len(text) - len(tail)].removeprefix("\n").removesuffix("\n")
    lines = f", {gone.count(chr(10)) + 1:,} lines" if "\n" in gone else ""
    least = "at least " if result.details.get("truncated") else ""  # the tool itself had left something out there
    how = _HOW.get(result.name, "ask for less at a time")
    size = len(gone.encode(errors="replace"))
    note = f"[… {least}{size:,} bytes{lines} left out to fit the context window; to see them: {how} …]"
    return f"{head}\n{note}\n{tail}"


def _head(text: str, size: int) -> str:
    return text[:size].encode(errors="replace")[:size].decode(errors="ignore")


def _tail(text: str, size: int) -> str:
    return text[-size:].encode(errors="replace")[-size:].decode(errors="ignore") if size else ""
