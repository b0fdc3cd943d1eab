"""JSON as models write it, and Python's literals: read, never evaluated.

JSON is RFC 8259. Beyond it is read what has one meaning only: a comma after the last item, line breaks and tabs inside
strings, Python's ``True``, ``False`` and ``None``, strings in single or typographic quotes, comments, and one missing
bracket at the very end where the format's own end mark stands in its place. A repair never touches what is inside a
string. A key given twice with different values has two meanings: such a value is read to its end and marked.
"""

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from py_mono.llm.call_parser.cursor import Bad, Cursor, Ended
from py_mono.llm.call_parser.escapes import decode_json, decode_python

DEEPEST = 64
"""Levels of nesting that are read; arguments of tools have few, and everything behind this has a limit of its own."""
_DIGITS = 300

_SPACE = re.compile(r"(?:[ \t\r\n]++|//[^\n]{0,200}+(?=\n)|/\*[^*]{0,200}+\*/|\#[^\n]{0,200}+(?=\n))*+")
_COMMENT = 203
"""Characters that the longest comment can take; a longer one is no comment that a model writes into a call."""
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?")
_UNFINISHED = re.compile(r"-|\.|[eE][+-]?")
_WORD = re.compile(r"[A-Za-z_]\w*+")
_BODIES = {
    '"': ('"', re.compile(r'(?:[^"\\]++|\\.)*+', re.DOTALL)),
    "'": ("'", re.compile(r"(?:[^'\\]++|\\.)*+", re.DOTALL)),
    "\N{LEFT DOUBLE QUOTATION MARK}": (
        "\N{RIGHT DOUBLE QUOTATION MARK}",
        re.compile(r"(?:[^“”\\]++|\\.)*+", re.DOTALL),
    ),
    '"""': ('"""', re.compile(r'(?:[^"\\]++|\\.|"(?!""))*+', re.DOTALL)),
    "'''": ("'''", re.compile(r"(?:[^'\\]++|\\.|'(?!''))*+", re.DOTALL)),
}
_WORDS = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}
_ENDS = {"{": "}", "[": "]", "(": ")"}


class Literal(NamedTuple):
    """A value, and whether it has another reading (a key twice, with different values)."""

    value: Any
    doubtful: bool


def read_json(cursor: Cursor, ends: Sequence[str] = ()) -> Literal:
    """The JSON object or array that begins here; the cursor moves past it.

    ``ends`` are the end marks of the format around it: one of them may stand where the last bracket is missing.

    Raises:
        Ended: It goes on beyond the end of the text.
        Bad: It cannot be read with certainty.
    """
    reader = LiteralReader(cursor, ends=ends)
    value = reader.value()
    return Literal(value, reader.doubtful)


def loads(text: str) -> Literal:
    """The value that is the whole text, JSON of any type.

    Raises:
        Bad: It is not, or has more than one reading.
    """
    text = text.strip()
    cursor = Cursor(text + "\n")  # so that a number at the end has an end
    try:
        found = read_json(cursor) if text[:1] in {"{", "["} else Literal(LiteralReader(cursor).value(), doubtful=False)
    except Ended:
        raise Bad from None
    if cursor.at != len(text):
        raise Bad
    return found


class LiteralReader:
    """Reads values one after another; ``doubtful`` once one of them had two readings."""

    def __init__(self, cursor: Cursor, *, ends: Sequence[str] = (), python: bool = False) -> None:
        self._cursor = cursor
        self._ends = ends
        self._first = frozenset(end[0] for end in ends)
        self._python = python
        self.doubtful = False

    def space(self) -> str:
        """Skip whitespace and comments; the next character."""
        found = _SPACE.match(self._cursor.text, self._cursor.at)
        self._cursor.at = found.end() if found else self._cursor.at
        letter = self._cursor.next()
        if letter in {"/", "#"} and len(self._cursor.text) - self._cursor.at <= _COMMENT:
            raise Ended  # a comment whose end has not come
        return letter

    def value(self, depth: int = 0) -> Any:  # noqa: ANN401 - JSON is of any type
        """The value that stands here."""
        letter = self.space()
        if letter in _ENDS and (self._python or letter != "("):
            if depth == DEEPEST:
                raise Bad
            self._cursor.at += 1
            return self._object(depth + 1) if letter == "{" else self._items(_ENDS[letter], depth + 1)
        if letter in _BODIES:
            return self.string()
        if letter == "-" or letter.isdecimal():
            return self._number()
        word = self._cursor.match(_WORD)
        if word is None or word[0] not in _WORDS:
            raise Bad
        return _WORDS[word[0]]

    def string(self) -> str:
        """The string that stands here; in Python, several in a row are one."""
        text = self._one_string()
        while self._python and self.space() in {'"', "'"}:
            text += self._one_string()
        return text

    def _one_string(self) -> str:
        cursor = self._cursor
        quote = cursor.next()
        if quote not in _BODIES:
            raise Bad
        if self._python and cursor.starts((quote * 2,)) and cursor.starts((quote * 3,)):
            quote *= 3
        end, pattern = _BODIES[quote]
        start = cursor.at + len(quote)
        found = pattern.match(cursor.text, start)
        stop = found.end() if found else start
        cursor.at = stop
        if stop == len(cursor.text) or cursor.text.startswith("\\", stop):
            raise Ended
        cursor.take(end)
        body = cursor.text[start:stop]
        return decode_python(body) if self._python else decode_json(body, quote)

    def _number(self) -> int | float:
        found = self._cursor.match(_NUMBER)
        tail = self._cursor.text[self._cursor.at : self._cursor.at + 3]
        if _UNFINISHED.fullmatch(tail):
            raise Ended
        if found is None or tail[0] == "." or tail[0].isalnum() or len(found[0]) > _DIGITS:
            raise Bad
        number = int(found[0]) if found[0].lstrip("-").isdigit() else float(found[0])
        if not math.isfinite(number):
            raise Bad
        return number

    def _items(self, end: str, depth: int) -> Any:  # noqa: ANN401 - a Python value in brackets is itself
        items: list[Any] = []
        commas = 0
        while not self._closes(end, may_miss=depth == 1 and len(items) > commas):
            if len(items) > commas:
                raise Bad
            items.append(self.value(depth))
            commas += self._comma()
        return items[0] if end == ")" and len(items) == 1 and not commas else items

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        more = True
        while not self._closes("}", may_miss=depth == 1 and not more):
            if not more:
                raise Bad
            self.space()
            key = self.string()
            if self.space() != ":":
                raise Bad
            self._cursor.at += 1
            value = self.value(depth)
            self.doubtful |= key in found and not _same(found[key], value)
            found[key] = value
            more = self._comma()
        return found

    def _comma(self) -> bool:
        if self.space() != ",":
            return False
        self._cursor.at += 1
        return True

    def _closes(self, end: str, *, may_miss: bool) -> bool:
        """Whether the bracket ends here, and past it; where it may be missing, an end mark is one too."""
        letter = self.space()
        if letter == end:
            self._cursor.at += 1
            return True
        return may_miss and letter in self._first and bool(self._cursor.starts(self._ends))


def _same(one: object, other: object) -> bool:
    """Equal, and of the same types all the way down: 1 and true and 1.0 are three things."""
    return repr(one) == repr(other)
