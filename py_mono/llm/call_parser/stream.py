"""Calls in a reply that is still coming: what is no call is let out at once, and a call never as prose."""

import re
from collections.abc import Callable, Iterator, Sequence

from py_mono.llm.call_parser.parse import Parsed
from py_mono.llm.call_parser.scan import Scanner
from py_mono.llm.call_parser.shapes import Tools
from py_mono.protocol.events import ReasoningDelta, TextDelta
from py_mono.protocol.tools import ToolSpec

_CLOSING = re.compile(r"[>}\])`]")
_SHORT = 256
_LOOKS = 8
"""How often a text that is held back is gone through again, all in all, beyond the looks that its growth pays for."""


class CallStream:
    """One reply, piece by piece.

    The deltas let out are, put together, ``Parsed.text`` and ``Parsed.reasoning``, wherever the pieces end.
    """

    def __init__(self, tools: Sequence[ToolSpec] | None) -> None:
        self._scanner = Scanner(Tools(tools), None, whole=False)
        self._quick = self._scanner.quick()
        self._search: Callable[[str], object] | None = None
        self._add = self._scanner.reply.shown.add
        self._waiting: list[str] = []
        self._size = 0
        self._work = 0
        self._next = 0

    @property
    def found(self) -> bool:
        """Whether a call was found by now."""
        return bool(self._scanner.reply.calls)

    def quick(self, piece: str) -> str | None:
        """What can be shown of a piece of text that begins no call, before any was found.

        None, and nothing taken in, where ``feed`` has to look at it.
        """
        if self._search is None or self._search(piece) is not None:
            return None
        return self._add(piece)

    def feed(self, piece: str) -> Iterator[TextDelta | ReasoningDelta]:
        """What can be shown now that this piece has come."""
        if self._quick is not None and self._quick.search(piece) is None:
            reply = self._scanner.reply
            if self._scanner.thinks:
                reply.think(piece)
            else:
                reply.show(piece)
            return self._deltas()
        self._waiting.append(piece)
        self._size += len(piece)
        if self._due(piece):
            self._look(final=False, cut=False)
        return self._deltas()

    def finish(self, *, cut: bool = False) -> tuple[list[TextDelta | ReasoningDelta], Parsed]:
        """The rest, and what it all comes to; ``cut`` where the reply is known to have been cut."""
        self._look(final=True, cut=cut)
        self._scanner.reply.end()
        return list(self._deltas()), Parsed.of(self._scanner)

    def _due(self, piece: str) -> bool:
        """Whether it is worth while to look again: a long text that is held back must not be read at each piece."""
        held = self._scanner.held + self._size
        if held <= _SHORT:
            return True
        if self._scanner.stuck:
            return False
        return held >= self._next or (self._work < _LOOKS * held and _CLOSING.search(piece) is not None)

    def _look(self, *, final: bool, cut: bool) -> None:
        before = self._scanner.held
        self._scanner.feed("".join(self._waiting), final=final, cut=cut)
        held = self._scanner.held
        self._work = self._work + held if before and held >= before else 0
        self._next = held + held // 4
        self._waiting.clear()
        self._size = 0
        self._quick = self._scanner.quick()
        shows = not self._scanner.thinks and not self._scanner.reply.calls
        self._search = self._quick.search if self._quick and shows else None
        reply = self._scanner.reply
        self._add = reply.let_out if self._scanner.in_fence else reply.shown.add  # elsewhere a piece begins no line

    def _deltas(self) -> Iterator[TextDelta | ReasoningDelta]:
        deltas, self._scanner.reply.deltas = self._scanner.reply.deltas, []
        return iter(deltas)
