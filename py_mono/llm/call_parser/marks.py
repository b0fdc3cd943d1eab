"""What is done at a place where a call may begin."""

import re

from py_mono.llm.call_parser.cursor import Bad, Cursor, Ended, NotCall
from py_mono.llm.call_parser.families import MARKS, Mark, Read
from py_mono.llm.call_parser.line import CODE_INDENT, opens_quote
from py_mono.llm.call_parser.loose import names_tool
from py_mono.llm.call_parser.reply import Reply
from py_mono.llm.call_parser.shapes import NAMED, Tools, malformed
from py_mono.llm.call_parser.tokens import HARMONY_HEADER, harmony

LONGEST = max(map(len, MARKS))
BEGINNINGS = frozenset(mark[:size] for mark in MARKS for size in range(1, len(mark)))
MARK = re.compile("|".join(sorted(map(re.escape, MARKS), key=len, reverse=True)))
_GAP = re.compile(r"[ \t]*+")
_THINKS = "analysis"


class Marks:
    """A text that grows, and a place in it.

    Attributes:
        reply: What was found before that place.
        stuck: Whether what stands here can only be decided at the end.
    """

    def __init__(self, tools: Tools, families: frozenset[str] | None, *, whole: bool) -> None:
        self.reply = Reply(tools)
        self.stuck = False
        self._tools, self._families = tools, families
        self._text, self._at = "", 0
        self._final, self._cut = False, False
        self._whole, self._since = whole, 0
        self._ends: tuple[str, ...] = ()
        self._mode, self._aside = self._thinking, False
        self._absent: set[str] = set()

    def _thinking(self) -> bool:
        """A step within thinking, or within what is shown, not said."""
        raise NotImplementedError

    def _show(self, end: int) -> bool:
        text, self._at = self._text[self._at : end], end
        self.reply.show(text)
        return True

    def _wants(self, *families: str) -> bool:
        return not families or self._families is None or not self._families.isdisjoint(families)

    def _cursor(self, at: int) -> Cursor:
        return Cursor(self._text, at, final=self._final, cut=self._cut)

    def _at_mark(self) -> bool:
        """A step at a character that can begin a mark."""
        found = MARK.match(self._text, self._at)
        if found is None:
            waits = not self._final and self._text[self._at : self._at + LONGEST] in BEGINNINGS
            return not waits and self._show(self._at + 1)
        mark, end, shown = MARKS[found[0]], found.end(), self.reply.shown
        quoted = not shown.gap and not shown.space and opens_quote(shown.last)
        if quoted and mark.kind == "call" and mark.read and self._wants(*mark.families):
            return self._call(end, mark, mark.read, quoted=True)
        if mark.kind == "aside" and self.reply.line.blank:
            self._ends, self._mode, self._aside = mark.ends, self._thinking, True
        left = mark.kind == "drop" and not (shown.gap or mark.token)
        if quoted or left or mark.kind == "aside" or not self._wants(*mark.families):
            return self._show(end)
        if mark.kind == "think":
            return self._think(end, mark.ends)
        if mark.read:
            return self._channel(end, mark) if mark.kind == "channel" else self._call(end, mark, mark.read)
        if mark.kind == "unthink":
            self.reply.was_thinking(self._text[self._since : self._at] if self._whole else None)
            self._since = end
        return self._skip(end)

    def _skip(self, end: int) -> bool:
        self.reply.shown.take_out()
        self._at = end
        return True

    def _think(self, end: int, ends: tuple[str, ...]) -> bool:
        self.reply.begin_thinking()
        self._at, self._ends, self._mode, self._aside = end, ends, self._thinking, False
        return True

    def _channel(self, end: int, mark: Mark) -> bool:
        """Harmony: a header says whether a message is thinking, text, or for a tool."""
        head = HARMONY_HEADER.match(self._text, end)
        if head is None or "to=" in head[0]:
            return self._call(end, mark, harmony)
        return self._think(head.end(), mark.ends) if _THINKS in head[0] else self._skip(head.end())

    def _call(self, begin: int, mark: Mark, read: Read, *, quoted: bool = False) -> bool:
        """A step at the mark of a call; ``begin`` is behind it.

        What is quoted or stands in a sentence is shown whole: what is in it is no call either.
        """
        cursor = self._cursor(begin)
        try:
            calls = read(cursor, self._tools)
            if quoted or self._in_sentence(cursor.at, mark):
                return self._show(cursor.at)
        except NotCall:
            return self._show(begin)
        except (Ended, Bad) as error:
            if quoted and (self._final or isinstance(error, Bad)):
                return self._show(begin)
            self.stuck = isinstance(error, Bad) and not self._final
            return self._final and self._lost(begin, mark, bad=isinstance(error, Bad))
        self.reply.found(calls, self._text[self._at : cursor.at])
        self._at = cursor.at
        return True

    def _in_sentence(self, end: int, mark: Mark) -> bool:
        """Whether words stand before and behind it on its line, or the line shows something; raises ``Ended``.

        Around special tokens words mean nothing: models go on behind them.
        """
        line = self.reply.line
        if line.quoted or mark.token:
            return line.quoted
        if line.blank:
            return line.indent >= CODE_INDENT and not self.reply.shown.gap
        gap = _GAP.match(self._text, end)
        behind = self._cursor(gap.end() if gap else end)
        return not behind.over() and behind.next() not in "\r\n<"

    def _lost(self, begin: int, mark: Mark, *, bad: bool) -> bool:
        """The text is at its end, and the call cannot be read: it was cut, or it is malformed, and is no call either way."""
        text = self._text
        if not (bad or self._cut or mark.token or self.reply.line.blank or text[begin:].strip()):
            return self._show(begin)  # the last word of a sentence
        last, stop = max((self._last(end, begin) for end in mark.ends), default=(-1, -1))
        if bad and stop < 0 and not self._cut:
            last = stop = len(text)
        elif stop < 0 or (not bad and (self._cut or text[stop:].strip())):
            return self._drop(begin)
        first = re.compile("|".join(map(re.escape, mark.ends))).search(text, begin)
        if self._in_sentence(first.end() if first else stop, mark):
            return self._show(first.end() if first else begin)
        call = malformed(text[begin:last], self._tools)
        self.reply.found([call], text[self._at : stop])
        self._at = stop
        return True

    def _last(self, end: str, begin: int) -> tuple[int, int]:
        """Where such a mark begins and ends last; -1 where there is none, which is looked for once only."""
        place = -1 if end in self._absent else self._text.rfind(end, begin)
        if place < 0:
            self._absent.add(end)
            return -1, -1
        return place, place + len(end)

    def _drop(self, begin: int) -> bool:
        """A call was cut: nothing of it is shown, and nothing behind it is."""
        named = NAMED.search(self._text, begin)
        self.reply.note(self._tools.name(named[1]) if named else "")
        self.reply.cut = True
        self.reply.shown.take_out()
        self._at = len(self._text)
        return True

    def _loose(self, read: Read) -> bool:
        """A step where a call without marks may stand."""
        cursor = self._cursor(self._at)
        try:
            calls = read(cursor, self._tools)
        except (NotCall, Bad):
            return self._show(self._at + 1)
        except Ended:
            if not self._final:
                return False
            raw = self._text[self._at :]
            return self._drop(self._at) if names_tool(raw, self._tools, cut=self._cut) else self._show(self._at + 1)
        self.reply.found(calls, self._text[self._at : cursor.at])
        self._at = cursor.at
        return True
