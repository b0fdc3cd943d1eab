"""Gemma's formats: ``call:name{key:…}`` with a token for a quote (FunctionGemma, Gemma 4), as their templates print it."""

import re
from collections.abc import Callable
from typing import Any

from py_mono.llm.call_parser.cursor import Bad, Cursor, Ended, NotCall
from py_mono.llm.call_parser.literals import DEEPEST, loads
from py_mono.llm.call_parser.shapes import Tools
from py_mono.protocol.tools import ToolCall

_HEAD = re.compile(r"call:([\w.\-]{1,100}+)\s{0,20}(?=\{)")
_PARTIAL_HEAD = re.compile(r"(?:c(?:a(?:l(?:l(?::[\w.\-]{0,100}+\s{0,20})?)?)?)?)?\Z")
_KEY = re.compile(r"\s*+([\w.\- ]{1,100}+)\s*+:")
_BARE = re.compile(r"[^,{}\[\]<:\s][^,{}\[\]<]{0,300}+(?=[,}\]])")


def gemma(quote: str, end: str) -> Callable[[Cursor, Tools], list[ToolCall]]:
    """A reader for the format whose strings stand between two ``quote`` and whose calls end with ``end``."""

    def read(cursor: Cursor, tools: Tools) -> list[ToolCall]:
        cursor.blank()
        head = _HEAD.match(cursor.text, cursor.at)
        if head is None:
            if _PARTIAL_HEAD.match(cursor.text, cursor.at):
                cursor.wait()
            raise NotCall
        cursor.at = head.end()
        arguments = _Reader(cursor, quote).mapping(1)
        cursor.blank()
        if not (cursor.over() and not cursor.cut):
            cursor.take(end)
        return [ToolCall("", tools.name(head[1]), arguments)]

    return read


class _Reader:
    def __init__(self, cursor: Cursor, quote: str) -> None:
        self._cursor = cursor
        self._quote = quote

    def mapping(self, depth: int) -> dict[str, Any]:
        """``{key:value,…}``."""
        cursor = self._cursor
        found: dict[str, Any] = {}
        cursor.take("{")
        while not self._past("}"):
            if found:
                cursor.take(",")
            key = self._key()
            if key in found:
                raise Bad
            found[key] = self._value(depth)
        return found

    def _key(self) -> str:
        cursor = self._cursor
        cursor.blank()
        if cursor.starts((self._quote,)):
            cursor.take(self._quote)
            key = cursor.until(self._quote)
            cursor.take(":")
            return key
        found = cursor.match(_KEY)
        if found is None:
            if len(cursor.text) - cursor.at <= DEEPEST and ":" not in cursor.text[cursor.at :]:
                raise Ended
            raise Bad
        return found[1].strip()

    def _value(self, depth: int) -> Any:  # noqa: ANN401 - JSON is of any type
        cursor = self._cursor
        cursor.blank()
        if depth == DEEPEST:
            raise Bad
        if cursor.next() == "{":
            return self.mapping(depth + 1)
        if cursor.next() == "[":
            return self._list(depth + 1)
        if cursor.starts((self._quote,)):
            cursor.take(self._quote)
            return cursor.until(self._quote)
        found = _BARE.match(cursor.text, cursor.at)
        if found is None:
            if not re.search(r"[,{}\[\]<]", cursor.text[cursor.at : cursor.at + 400]):
                raise Ended
            raise Bad
        cursor.at = found.end()
        value = loads(found[0]).value
        if isinstance(value, str):
            raise Bad
        return value

    def _list(self, depth: int) -> list[Any]:
        cursor = self._cursor
        items: list[Any] = []
        cursor.take("[")
        while not self._past("]"):
            if items:
                cursor.take(",")
            items.append(self._value(depth))
        return items

    def _past(self, end: str) -> bool:
        self._cursor.blank()
        found = self._cursor.next() == end
        self._cursor.at += found
        return found
