"""Calls between an opening and a closing mark, written as JSON or as Python.

Hermes and Qwen 2.5/3 (``<tool_call>``), Granite (``<|tool_call|>``), MiniMax M1, Jamba and Hunyuan (``<tool_calls>``),
Nemotron (``<TOOLCALL>``), Cohere (``<|START_ACTION|>``), InternLM (``<|action_start|><|plugin|>``), Apertus, LFM2
(``<|tool_call_start|>``), Llama 4 (``<|python_start|>``): each as its public chat template prints it.
"""

import re
from collections.abc import Sequence

from py_mono.llm.call_parser.cursor import Bad, Cursor, Ended, NotCall
from py_mono.llm.call_parser.literals import Literal, LiteralReader, read_json
from py_mono.llm.call_parser.shapes import Tools, calls_in, malformed
from py_mono.protocol.tools import ToolCall

_FUNCTION = re.compile(r"([A-Za-z_][\w.\-]{0,99}+)\s{0,20}\(")
_KEY = re.compile(r"([A-Za-z_]\w{0,99}+)\s{0,20}=(?!=)\s{0,20}")
_OPEN_KEY = re.compile(r"[A-Za-z_]\w{0,99}+\s{0,20}\Z")
_OPEN_FUNCTION = re.compile(r"[A-Za-z_][\w.\-]{0,99}+\s{0,20}\Z")
_GOES_ON = frozenset('"}]')
_REST = re.compile(r"[^\n<\[;\"}\]]*+")
_IN_LIST = re.compile(r"\[\s{0,200}+")


def json_calls(cursor: Cursor, tools: Tools, ends: Sequence[str] = (), *, several: bool = True) -> list[ToolCall]:
    """One JSON value or ``several``, each a call or a list of calls; commas and semicolons may stand between them."""
    calls: list[ToolCall] = []
    while True:
        start = cursor.at
        value, doubtful = read_json(cursor, ends)
        raw = cursor.text[start : cursor.at]
        found = None if doubtful else calls_in(value, raw, tools, tagged=True)
        calls += [malformed(raw, tools)] if found is None else found
        if not several:
            return calls
        cursor.blank()
        if cursor.over():
            return calls
        if cursor.next() in ",;":
            cursor.at += 1
            cursor.blank()
            if cursor.over():
                return calls
        if cursor.next() not in "{[" or cursor.starts(ends):
            return calls


def python_call(cursor: Cursor, tools: Tools) -> ToolCall:
    """``name(key=value, …)``, the values literals; an argument without a key, or a key twice, is no certain call."""
    start = cursor.at
    if not looks_python(cursor):
        raise Bad
    head = cursor.match(_FUNCTION)
    if head is None:
        raise Bad
    reader = LiteralReader(cursor, python=True)
    name = tools.name(head[1])
    arguments: dict[str, object] = {}
    doubtful = False
    more = True
    while reader.space() != ")":
        if not more:
            raise Bad
        key = cursor.match(_KEY)
        if key is None and _OPEN_KEY.match(cursor.text, cursor.at):
            raise Ended
        if key is None:
            reader.value()
            doubtful = True
        else:
            value = reader.value()
            doubtful |= key[1] in arguments
            arguments[key[1]] = value
        more = reader.space() == ","
        cursor.at += more
    cursor.at += 1
    if doubtful or reader.doubtful:
        return malformed(cursor.text[start : cursor.at], tools, name)
    return ToolCall("", name, arguments)


def python_calls(cursor: Cursor, tools: Tools) -> list[ToolCall]:
    """``[f(a=1), g(b="x")]``, or the same without brackets, one a line or with commas between."""
    listed = cursor.next() == "["
    cursor.at += listed
    reader = LiteralReader(cursor, python=True)
    calls: list[ToolCall] = []
    while True:
        if listed and reader.space() == "]":
            cursor.at += 1
            return calls
        calls.append(python_call(cursor, tools))
        cursor.blank()
        if cursor.over():
            if listed:
                raise Ended
            return calls
        if cursor.next() == ",":
            cursor.at += 1
            cursor.blank()
        elif listed and cursor.next() != "]":
            raise Bad
        if not listed and (cursor.over() or not (cursor.next().isalpha() or cursor.next() == "_")):
            return calls


def looks_python(cursor: Cursor) -> bool:
    """Whether a function call stands here, or a list that begins with one; raises ``Ended`` where that is open."""
    text, at = cursor.text, cursor.at
    head = _IN_LIST.match(text, at)
    start = head.end() if head else at
    if start == len(text):
        cursor.wait()
    found = _FUNCTION.match(text, start)
    if found is None and _OPEN_FUNCTION.match(text, start):
        cursor.wait()
    return found is not None


def payload(cursor: Cursor, tools: Tools, ends: Sequence[str], *, several: bool = True) -> list[ToolCall]:
    """Calls as JSON, one value or ``several``, or as Python.

    Raises:
        NotCall: Neither begins here.
    """
    cursor.blank()
    first = cursor.next()
    if first == "{":
        return json_calls(cursor, tools, ends, several=several)
    if looks_python(cursor):
        return python_calls(cursor, tools)
    if first == "[":
        inside = _IN_LIST.match(cursor.text, cursor.at)
        if inside and cursor.text[inside.end() : inside.end() + 1] in {"{", "]"}:
            return json_calls(cursor, tools, ends, several=several)
    raise NotCall


def close(cursor: Cursor, opener: str, ends: Sequence[str], *, required: bool = True) -> None:
    """Move past the closing mark.

    It may be missing at the very end of a reply that was not cut, and before the next opening mark; where it is not
    required, anywhere.

    Raises:
        Ended: It has not come.
        Bad: Something else stands in its place.
    """
    if not required:
        alone(cursor)
    cursor.blank()
    if cursor.over():
        if required and cursor.cut:
            raise Ended
        return
    if token := cursor.starts(ends):
        cursor.at += len(token)
    elif required and not cursor.starts((opener,)):
        raise Bad


def alone(cursor: Cursor) -> None:
    """Where a format has no closing mark: raises ``Bad`` where the line goes on like a value, which then ended too early."""
    rest = _REST.match(cursor.text, cursor.at)
    behind = Cursor(cursor.text, rest.end() if rest else cursor.at, final=cursor.final)
    if not behind.over() and behind.next() in _GOES_ON:
        raise Bad


def doubt(found: Literal, raw: str, tools: Tools, name: str) -> ToolCall | None:
    """The malformed call where a value has two readings or is no object, else None."""
    return malformed(raw, tools, name) if found.doubtful or not isinstance(found.value, dict) else None
