"""Where text for a person goes: what the terminal can do, colours, widths, and text made harmless for it."""

import os
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Literal, Protocol

Style = Literal["dim", "bold", "red", "green", "yellow", "cyan"]

_SGR: dict[Style, str] = {"dim": "2", "bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_NO_COLOURS = frozenset({"dim", "bold"})

_SEQUENCES = (
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor, screen
    r"|\x1b[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC and its kin: titles, clipboard, links
    r"|\x1b[ -/]*[0-~]?"  # the short ones
    r"|\x9b[0-?]*[ -/]*[@-~]"  # CSI in one character
)
_DANGEROUS = (
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and newline
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # bidirectional controls: they reorder what is read
)
_WORDS = r"\s*\S+"
_LINE_ENDS = r"\r+\n|\r"
_LONGEST_LINE = 500
_SURROGATES = "[\ud800-\udfff]"

_compiled = cache(re.compile)
"""At the first use: nothing before the prompt needs any of these."""


def harmless(text: str) -> str:
    """``text`` without anything a terminal acts on; tabs and newlines stay, a lone surrogate becomes U+FFFD.

    A sequence that was cut in two pieces loses its escape character and is then shown as plain text.
    """
    if text.isprintable():  # nothing of what is taken out is
        return text
    text = _compiled(_LINE_ENDS).sub("\n", _compiled(_SEQUENCES).sub("", text))
    return _compiled(_SURROGATES).sub("\ufffd", _compiled(_DANGEROUS).sub("", text))


def one_line(text: str) -> str:
    """``text`` harmless, on one line, runs of blanks as one."""
    return " ".join(harmless(text).split())


def last_part(pieces: Sequence[str], limit: int) -> str:
    """The end of a text that came in pieces: about ``limit`` characters, at most so many more as a piece has."""
    size, at = 0, len(pieces)
    while at and size < limit:
        at -= 1
        size += len(pieces[at])
    return "".join(pieces[at:])[-limit:]


def cell_width(text: str) -> int:
    """How many columns a terminal gives harmless text."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def clip(text: str, width: int) -> str:
    """Harmless text of one line, cut to ``width`` columns; an ellipsis says that it was cut."""
    if cell_width(text) <= width:
        return text
    kept, used = [], 1
    for character in text:
        used += _cells(character)
        if used > width:
            break
        kept.append(character)
    return "".join(kept) + "…"


def first_lines(text: str, limit: int) -> list[str]:
    """The first ``limit`` lines of a text, harmless, none longer than 500 characters; one more says how many are left out."""
    lines = [line[:_LONGEST_LINE] for line in harmless(text).rstrip("\n").split("\n")]
    return lines if len(lines) <= limit + 1 else [*lines[:limit], f"… {len(lines) - limit} more lines"]


def last_lines(text: str, limit: int) -> list[str]:
    """The last lines of a text, as ``first_lines`` gives the first ones; the one more stands before them."""
    lines = [line[:_LONGEST_LINE] for line in harmless(text).rstrip("\n").split("\n")]
    return lines if len(lines) <= limit + 1 else [f"… {len(lines) - limit} lines before", *lines[-limit:]]


def duration(seconds: float) -> str:
    """A time for a person: ``3 ms``, ``0.3 s``, ``12 s``, ``2 min 5 s``."""
    if round(seconds, 1) < 0.1:  # noqa: PLR2004 - where one digit after the point would say nothing
        return f"{seconds * 1000:.0f} ms"
    if round(seconds, 1) < 10:  # noqa: PLR2004 - where one digit after the point is worth reading
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def wrap(text: str, width: int) -> list[str]:
    """Harmless text of one line as rows of at most ``width`` columns (a wide character needs two)."""
    rows, used = [""], 0
    for character in text.expandtabs(4):
        cells = _cells(character)
        if used + cells > width and rows[-1]:
            rows.append("")
            used = 0
        rows[-1] += character
        used += cells
    return rows


def wrap_words(text: str, width: int) -> str:
    """Harmless text whose lines are broken at blanks to at most ``width`` columns; a longer word stays whole."""
    return "\n".join(row for line in text.split("\n") for row in _rows(line, width))


def _rows(line: str, width: int) -> list[str]:
    rows = [""]
    for word in _compiled(_WORDS).findall(line):  # each with the blanks before it: columns stay columns
        if rows[-1] and cell_width(rows[-1] + word) > width:
            rows.append(word.lstrip())
        else:
            rows[-1] += word
    return rows


def _cells(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class TextSink(Protocol):
    """What a ``Screen`` needs of a text stream (``sys.stdout`` is one)."""

    @property
    def encoding(self) -> str:
        """What it can show."""

    def write(self, text: str, /) -> int:
        """Take text."""

    def flush(self) -> None:
        """Show it."""

    def isatty(self) -> bool:
        """Whether it is a terminal."""

    def fileno(self) -> int:
        """Its descriptor; raises ``OSError`` where it has none."""


class Screen:
    """A text stream for a person: colours where it is a terminal, plain text elsewhere.

    Attributes:
        terminal: Whether it is one that understands escape sequences.
        colour: Whether to use them for colour (``NO_COLOR`` says no).
        redact: Applied to each piece of text that is written.
        failure: What the first failed write said, or None; nothing is written after it.
    """

    def __init__(
        self,
        stream: TextSink,
        environment: Mapping[str, str],
        *,
        terminal: bool | None = None,
        columns: int = 0,
        redact: Callable[[str], str] = str,
    ) -> None:
        """Take a stream.

        Args:
            stream: Where text goes.
            environment: For ``NO_COLOR`` and ``TERM``.
            terminal: None asks the stream.
            columns: A fixed width; 0 asks the terminal each time.
            redact: Applied to each piece of text that is written.
        """
        self._stream = stream
        self._columns = columns
        self.redact = redact
        self.failure: OSError | ValueError | None = None
        known = stream.isatty() if terminal is None else terminal
        self.terminal = known and environment.get("TERM", "") not in {"dumb", ""}
        self.colour = self.terminal and not environment.get("NO_COLOR")
        self._status = ""

    @property
    def width(self) -> int:
        """Columns now, at least 10; 80 where there is no terminal."""
        if self._columns:
            return max(self._columns, 10)
        try:
            return max(os.get_terminal_size(self._stream.fileno()).columns or 80, 10)
        except (OSError, ValueError):
            return 80

    def fold(self, text: str) -> str:
        """Harmless text of the program's own, broken at words where a terminal would break it anywhere."""
        return wrap_words(text, self.width) if self.terminal else text

    def paint(self, text: str, style: Style | None) -> str:
        """``text`` in a style, line by line, so that what is cut or redrawn does not bleed."""
        if style is None or not text or not (self.colour or (self.terminal and style in _NO_COLOURS)):
            return text
        lines = text.split("\n")
        return "\n".join(f"\x1b[{_SGR[style]}m{line}\x1b[0m" if line else "" for line in lines)

    def write(self, text: str) -> None:
        """Write text that is already harmless. Never raises: nobody is helped when the reader went away."""
        if self.failure is not None or not text:
            return
        try:
            self._write(self._erasure() + self.redact(text))
            self._stream.flush()
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            self.failure = error

    def show_status(self, text: str) -> None:
        """Show what is waited for on the last line, until the next text; only on a terminal, and only harmless text."""
        text = clip(text, self.width - 1) if self.terminal else ""
        if text != self._status:
            self.write(self.paint(text, "dim") or self._erasure())
            self._status = text

    def _erasure(self) -> str:
        """What takes the status away."""
        shown, self._status = self._status, ""
        return "\r\x1b[2K" if shown else ""

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            encoding = self._stream.encoding or "ascii"
            self._stream.write(text.encode(encoding, "replace").decode(encoding))
