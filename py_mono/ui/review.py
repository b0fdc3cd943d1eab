"""What a turn did, shown before it is kept: all of it, nothing, or file by file."""

import asyncio
import os
import re
import termios
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from py_mono.ui.asking import Read
from py_mono.ui.lines import LineReader
from py_mono.ui.rendering.diffs import diff_rows
from py_mono.ui.terminal import Screen, one_line

if TYPE_CHECKING:
    from py_mono.protocol.ports import FileDiff, Redact
    from py_mono.ui.terminal import Style

_SIGNS = {"added": "A", "modified": "M", "deleted": "D"}
_MOST_ROWS = 400
_TERMINAL = "/dev/tty"

Line = Callable[[str, "Style | None"], None]
"""Shows a line of its own, already harmless."""


def show_diff(files: "Sequence[FileDiff]", screen: Screen, line: Line) -> None:
    """Each file with a number and its diff; of a very long one its beginning."""
    for number, file in enumerate(files, 1):
        note = f" ({one_line(file.note)})" if file.note else ""
        line(f"{number}  {_SIGNS[file.kind]} {one_line(file.path)}{note}", "bold")
        rows = diff_rows(file.text, screen) if file.text else []
        for row in rows[:_MOST_ROWS]:
            line(f"   {row.text}", row.style)
        if len(rows) > _MOST_ROWS:
            line(f"   … {len(rows) - _MOST_ROWS} more lines", "dim")


def chosen(text: str, paths: Sequence[str]) -> frozenset[str] | None:
    """Which paths an answer keeps; None where it is no answer."""
    word = text.strip().lower()
    if word in {"y", "yes", "all"}:
        return frozenset(paths)
    if word in {"n", "no", "none"}:
        return frozenset()
    if text.strip() in paths:
        return frozenset({text.strip()})
    found = set[str]()
    for part in re.split(r"[,\s]+", text.strip()):
        first, dash, last = part.partition("-")
        if part in paths:
            found.add(part)
        elif first.isdecimal() and (last.isdecimal() if dash else not last):
            begin, end = int(first[:9]), int((last or first)[:9])
            if not 0 < begin <= end <= len(paths):
                return None
            found.update(paths[begin - 1 : end])
        else:
            return None
    return frozenset(found)


def without_folders(files: "Sequence[FileDiff]") -> "list[FileDiff]":
    """What a person judges: a folder only where nothing in it is named, for it goes with that."""
    above = {file.path[:end] for file in files for end, letter in enumerate(file.path) if letter == "/"}
    return [file for file in files if file.path not in above]


class LateReview:
    """``Gate.review_changes`` before it is known who shows things.

    Attributes:
        ask: Who asks, once that is known.
    """

    def __init__(self) -> None:
        self.ask: Callable[[Sequence[FileDiff]], Awaitable[Collection[str]]] | None = None

    async def __call__(self, files: "Sequence[FileDiff]") -> Collection[str]:
        """Which paths stay; cancelled where nobody can be asked."""
        if self.ask is None:
            raise asyncio.CancelledError
        return await self.ask(files)


class Reviewer:
    """Asks a person; see ``Gate.review_changes``."""

    def __init__(self, screen: Screen, line: Line, read: Read) -> None:
        self._screen = screen
        self._line = line
        self._read = read

    async def __call__(self, files: "Sequence[FileDiff]") -> Collection[str]:
        """Which paths stay. Cancelled where nobody answers."""
        judged = without_folders(files)
        paths = [file.path for file in judged]
        show_diff(judged, self._screen, self._line)
        self._say("keep this?  y all · n none · numbers or paths of what to keep, such as 1 3-4 · f file by file")
        try:
            keep = await self._answer(paths)
        except EOFError:
            raise asyncio.CancelledError from None
        self._line(f"kept {len(keep)} of {len(paths)}", "dim")
        folders = {file.path for file in files} - set(paths)
        return keep | {folder for folder in folders if any(path.startswith(f"{folder}/") for path in keep)}

    async def _answer(self, paths: list[str]) -> frozenset[str]:
        goes_on = False
        while True:
            text = await self._read("keep: y, n, 1 3-4, f", goes_on)
            goes_on = True
            if text.strip().lower() == "f":
                return frozenset([path for path in paths if await self._keeps(path)])
            keep = chosen(text, paths)
            if keep is not None:
                return keep
            self._say(f"That is none of the answers: type y, n, f, or numbers from 1 to {len(paths)}.")

    async def _keeps(self, path: str) -> bool:
        goes_on = True
        while True:
            word = (await self._read(f"keep {one_line(path)}? y, n", goes_on)).strip().lower()
            if word in {"y", "yes", "n", "no"}:
                self._line(f"   {'keeping' if word[0] == 'y' else 'taking back'} {one_line(path)}", "dim")
                return word[0] == "y"

    def _say(self, text: str) -> None:
        self._line(self._screen.fold(text), None)


class Terminal:
    """Asks at the terminal itself, wherever input and output lead."""

    def __init__(self, environment: Mapping[str, str], redact: "Redact") -> None:
        """Raises OSError where there is none."""
        self._descriptor = _open_terminal()
        self._reader = LineReader(self._descriptor)
        stream = os.fdopen(self._descriptor, "w", encoding="utf-8", errors="replace", closefd=False)
        self.screen = Screen(stream, environment, redact=redact)

    def line(self, text: str, style: "Style | None") -> None:
        """Show a line."""
        self.screen.write((self.screen.paint(text, style) if style else text) + "\n")

    async def read(self, mark: str, goes_on: bool) -> str:  # noqa: FBT001 - a callback's plain form
        """A line typed after this was called. Raises EOFError."""
        if not goes_on:
            with suppress(termios.error):
                termios.tcflush(self._descriptor, termios.TCIFLUSH)
        self.screen.write(f"{mark} > ")
        return await self._reader.read_line()


def someone_there() -> bool:
    """Whether there is a terminal, and so perhaps a person."""
    try:
        os.close(_open_terminal())
    except OSError:
        return False
    return True


def _open_terminal() -> int:
    try:
        return os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        if not os.isatty(0):
            raise
        return os.dup(0)
