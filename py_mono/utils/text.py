"""Text that programs print: freed from what only a terminal understands, and kept to a bounded size.

Standard library only: guests and host both use it.
"""

import codecs
import re
from collections import deque

_HOLD = 65_536  # characters of an unfinished escape sequence or line that are held back; beyond it they are let go
_SEQUENCE = re.compile(
    r"""
    (?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]                            # CSI: colours, cursor
    | (?:\x1b\]|\x9d)[^\x07\x1b\x80-\x9f]*+(?:\x07|\x1b\\|\x9c)      # OSC: titles, links, clipboard
    | (?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x80-\x9f]*+(?:\x1b\\|\x9c)  # DCS, SOS, PM, APC
    | \x1b[ -/]*[0-Z\\^-~]                                      # two and three characters; never an opener alone
    | [\x00-\x07\x0b\x0c\x0e-\x1f\x7f-\x9f]                     # any other control, openers without an end included
    """,
    re.VERBOSE,
)
"""No string holds C1 controls (ECMA-48, 5.6), and so no character of a text is looked at for one opener after the other."""
_OPEN = re.compile(
    r"""
    (?:\x1b\[|\x9b)[0-?]*[ -/]*\Z
    | (?:\x1b\]|\x9d)[^\x07\x1b\x80-\x9f]*+\x1b?\Z
    | (?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x80-\x9f]*+\x1b?\Z
    | \x1b[ -/]*\Z
    """,
    re.VERBOSE,
)
_LAST_WORD = re.compile(r"""[^\s"'<>,;(){}\[\]]*+\Z""")
_OPENER = re.compile(r"[\x1b\x90\x98\x9b\x9d-\x9f]")


def beginning(text: str, limit: int) -> str:
    """The text, where it is longer its first ``limit`` characters and an ellipsis, never with a part of a word at the end.

    Half of a key is not known for one by whoever looks for keys later.
    """
    if len(text) <= limit:
        return text
    return _LAST_WORD.sub("", text[:limit]) + "…"


def strip_escapes(text: str) -> str:
    """Without terminal escape sequences and control characters; newline, tab, return and backspace stay.

    An unfinished sequence loses its opening character, so that nothing a terminal would act on is left.
    """
    return _SEQUENCE.sub("", text)


def settle_line(line: str) -> str:
    """One line as it stands on the screen at last: what was overwritten by a carriage return or backspace is gone."""
    if "\r" in line:
        line = next((piece for piece in reversed(line.split("\r")) if piece), "")
    if "\b" not in line:
        return line
    first, *others = line.split("\b")
    kept = list(first)
    for piece in others:
        if kept:
            kept.pop()
        kept += piece
    return "".join(kept)


def plain(text: str) -> str:
    """A whole text as a terminal would leave it: no escapes, no overwritten progress lines."""
    return "\n".join(map(settle_line, strip_escapes(text).split("\n")))


class TerminalDecoder:
    """Bytes of a running program to text, piece by piece: invalid UTF-8 replaced, escape sequences left out.

    What ``feed`` returns may hold carriage returns; a sequence cut by the end of a piece waits for the next one.
    """

    __slots__ = ("_decoder", "_held")

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""

    def feed(self, data: bytes, *, final: bool = False) -> str:
        """The text that is certain so far; with ``final`` all that is left."""
        text = self._held + self._decoder.decode(data, final)
        self._held = ""
        if not final:
            cut = self._unfinished(text)
            text, self._held = text[:cut], text[cut:]
        return strip_escapes(text)

    @staticmethod
    def _unfinished(text: str) -> int:
        """Where an unfinished sequence or a return at the very end begins."""
        for opener in _OPENER.finditer(text, max(0, len(text) - _HOLD)):
            if _OPEN.match(text, opener.start()):
                return opener.start()
        return len(text) - 1 if text.endswith("\r") else len(text)


class LineSettler:
    """Holds each line back until it is complete, so that progress written over itself counts once."""

    __slots__ = ("_line",)

    def __init__(self) -> None:
        self._line = ""

    def feed(self, text: str, *, final: bool = False) -> str:
        """The lines that are complete; with ``final`` the last one too."""
        done, newline, rest = (self._line + text).rpartition("\n")
        if final or len(rest) > _HOLD:
            done, newline, rest = done + newline + rest, "", ""
        else:
            # Only what follows the last return can still be seen; keeping the rest would grow without bound.
            rest = rest[rest.rfind("\r", 0, len(rest) - 1) + 1 :] if len(rest) > _HOLD // 2 else rest
        self._line = rest
        return "\n".join(map(settle_line, done.split("\n"))) + newline if done or newline else ""


class HeadTail:
    """Keeps the first third and the last two thirds of at most ``limit`` characters, whatever is added."""

    __slots__ = ("_head", "_head_room", "_left_out", "_lines_out", "_tail", "_tail_room", "_tail_size")

    def __init__(self, limit: int) -> None:
        self._head: list[str] = []
        self._head_room = limit // 3
        self._tail: deque[str] = deque()
        self._tail_room = limit - limit // 3
        self._tail_size = 0
        self._left_out = 0
        self._lines_out = 0

    def add(self, text: str) -> None:
        """One more piece."""
        if self._head_room:
            first, text = text[: self._head_room], text[self._head_room :]
            self._head.append(first)
            self._head_room -= len(first)
        if not text:
            return
        self._tail.append(text)
        self._tail_size += len(text)
        while self._tail_size - len(self._tail[0]) >= self._tail_room:
            self._drop(self._tail.popleft())

    def _drop(self, text: str) -> None:
        self._tail_size -= len(text)
        self._left_out += len(text)
        self._lines_out += text.count("\n")

    @property
    def truncated(self) -> bool:
        """Whether something is left out."""
        return bool(self._left_out) or self._tail_size > self._tail_room

    def text(self) -> str:
        """Head, a notice where something is left out, and tail."""
        head, tail = "".join(self._head), "".join(self._tail)
        extra = max(0, len(tail) - self._tail_room)
        left_out, lines = self._left_out + extra, self._lines_out + tail.count("\n", 0, extra)
        if not left_out:
            return head + tail
        return f"{head}\n[… {left_out:,} characters, {lines:,} lines left out …]\n{tail[extra:]}"


def spoken(provider: str, model: str) -> str:
    """``PROVIDER/MODEL``, as people write it: the models of a cloud have its name in front already."""
    return model if model.startswith(f"{provider}/") else f"{provider}/{model}"


def clip(text: str, limit: int) -> str:
    """The text itself, or its head and tail with a notice between where it is longer than ``limit`` characters."""
    if len(text) <= limit:
        return text
    kept = HeadTail(limit)
    kept.add(text)
    return kept.text()
