"""The parser of calls in text, loaded when a text first holds what could begin one: most of them never do.

Loading it takes longer than a step of the loop, and a person waits for the first.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from py_mono.protocol.events import ReasoningDelta, TextDelta
from py_mono.protocol.tools import ToolSpec
from py_mono.utils.lazy import load

if TYPE_CHECKING:
    from py_mono.llm.call_parser.parse import Parsed
    from py_mono.llm.call_parser.stream import CallStream

Delta = TextDelta | ReasoningDelta

_SIGNS = frozenset("<[\u25c1\n")
_BEGINS = re.compile(r"[<\[\u25c1]|\n\s*[{`~Af]")
"""What stands in a text that holds the beginning of a call, or may become one."""
_MARK = re.compile(r"[<\[\u25c1]")
_AT_START = re.compile(r"\n\s*(?:\{|```|~~~|Action:)")
_STARTS = ("{", "```", "~~~", "Action:", "functools[")
"""What a call without marks begins with, on a line of its own."""


class TextStream:
    """``CallStream`` with the same results; it is made once there is something to find."""

    def __init__(self, tools: Sequence[ToolSpec]) -> None:
        self._tools = tools
        self._parser: CallStream | None = None
        self._before: list[str] = []
        self._held = "\n"  # a line begins here
        self._begun = False
        self._shown = 0  # of what came before there was a parser, and not yet come out of it

    @property
    def found(self) -> bool:
        """Whether a call was found by now."""
        return self._parser is not None and self._parser.found

    def quick(self, piece: str) -> str | None:
        """What can be shown of a piece that begins no call, as nearly all are: it comes without the whitespace at its end.

        None, and nothing taken in, where ``feed`` has to look at it.
        """
        if self._parser is not None:
            return None if self._shown else self._parser.quick(piece)
        if not self._held and _SIGNS.isdisjoint(piece) and not piece[-1:].isspace():
            self._before.append(piece)
            return piece
        text = self._held + piece
        if not self._begun or _BEGINS.search(text) is not None:
            return None
        self._before.append(piece)
        shown = text.rstrip()
        self._held = text[len(shown) :]
        return shown

    def feed(self, piece: str) -> list[Delta]:
        """What can be shown now that this piece has come."""
        if self._parser is not None:
            return self._unseen(self._parser.feed(piece))
        self._before.append(piece)
        text = self._held + piece
        if _MARK.search(piece) or _AT_START.search(text):
            return self._look(len(piece))
        end = _decided(text)
        self._held = text[end:]
        shown = text[:end] if self._begun else text[1:end]
        self._begun = self._begun or bool(shown)
        return [TextDelta(shown)] if shown else []

    def finish(self, *, cut: bool = False) -> tuple[list[Delta], "Parsed | None"]:
        """The rest, and what it all comes to, None where there was nothing to find; see ``CallStream``."""
        before = self._look(0) if self._parser is None and self._held.strip() else []
        if self._parser is not None:
            deltas, parsed = self._parser.finish(cut=cut)
            return [*before, *self._unseen(deltas)], parsed
        rest = self._held if self._begun else self._held[1:]
        return [TextDelta(rest)] if rest else [], None

    def _look(self, newest: int) -> list[Delta]:
        """Hand all that came to a parser; what it lets out and was not shown yet. The newest piece is of this length."""
        self._parser = load("py_mono.llm.call_parser.stream:CallStream")(self._tools)
        text = "".join(self._before)
        self._shown = len(text) - newest - len(self._held) if self._begun else 0
        return self._unseen(self._parser.feed(text))

    def _unseen(self, deltas: Iterable[Delta]) -> list[Delta]:
        """The deltas without the text that was shown before there was a parser."""
        if not self._shown:
            return list(deltas)
        unseen: list[Delta] = []
        for delta in deltas:
            if isinstance(delta, ReasoningDelta):
                unseen.append(delta)
                continue
            skipped = min(self._shown, len(delta.text))
            self._shown -= skipped
            if rest := delta.text[skipped:]:
                unseen.append(TextDelta(rest))
        return unseen


def _decided(text: str) -> int:
    """How far a text is no call, whatever follows: to its last line if that may become one, without whitespace at its end.

    The parser lets out whitespace with what follows it, too.
    """
    ink = text.rstrip()
    start = ink.rfind("\n")
    line = ink[start + 1 :].lstrip()
    if start >= 0 and line and any(word.startswith(line) for word in _STARTS):
        return len(text[:start].rstrip())
    return len(ink)
