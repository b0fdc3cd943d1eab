"""Calls without marks of their own: JSON and Python on a line of their own or in a fence, and ReAct's two lines.

They count only where they name a known tool, for an answer may well show JSON.
"""

import re

from py_mono.llm.call_parser.blocks import alone, looks_python, payload, python_call
from py_mono.llm.call_parser.cursor import Bad, Cursor, Ended, NotCall
from py_mono.llm.call_parser.literals import LiteralReader, read_json
from py_mono.llm.call_parser.shapes import FIRST_KEYS, NAMED, NAMES, Tools, call_of, calls_in, malformed
from py_mono.protocol.tools import ToolCall

JSON_FENCES = frozenset({"", "json", "tool_call", "tool_calls", "tool", "tool_use", "function_call", "jsonc"})
PYTHON_FENCES = frozenset({"tool_code", "tool_call", "tool_calls"})
_FIRST_KEY = re.compile(r"""\{\s{0,200}+["'“]([\w.\-]{1,100}+)["'”]""")
_OPEN_KEY = re.compile(r"""\{\s{0,200}+(?:["'“][\w.\-]{0,100}+)?\Z""")
_PAIR = re.compile(
    r"""{?\s{0,200}+"([^"\\\n]{1,100}+)"\s{0,20}+:\s{0,200}+"""
    r"""(?:"([^"\\\n]{0,1000}+)"\s{0,200}+,|(?:-?\d[\d.]{0,30}+|true|false|null)\s{0,200}+,|[\[{])"""
)
_OPEN_LIST = re.compile(r"\[\s{0,200}+\Z")
_IN_LIST = re.compile(r"\[\s{0,200}+(?=[\{A-Za-z_])")
_PYTHON_NAME = re.compile(r"\[\s{0,200}+([A-Za-z_][\w.\-]{0,99}+)\s{0,20}")
_GAP = re.compile(r"[ \t]*+")
_REACT = re.compile(r"Action:[ \t]*+[`\[*]{0,2}([\w.\-]{1,100}+)[`\]*]{0,2}[ \t]*\r?\n\s*Action Input:[ \t]*")
_REACT_OPEN = re.compile(r"Action:[ \t]*+[`\[*]{0,2}[\w.\-]{0,100}+[`\]*]{0,2}[ \t]*(?:\r?\n\s{0,99}[\w :]{0,14})?\Z")
ACTION = "Action:"


def begins_call(cursor: Cursor, tools: Tools) -> bool:
    """Whether the bracket that stands here can begin a call; raises ``Ended`` where that is open."""
    text, at = cursor.text, cursor.at
    if text[at] == "[":
        if _OPEN_LIST.match(text, at):
            raise Ended
        inside = _IN_LIST.match(text, at)
        if inside is None:
            return False
        at = inside.end()
        if text[at] != "{":
            name = _PYTHON_NAME.match(text, cursor.at)
            if name and name.end() == len(text):
                raise Ended
            return bool(name and text[name.end()] == "(" and tools.has(tools.name(name[1])))
    key = _FIRST_KEY.match(text, at)
    if key is None:
        if _OPEN_KEY.match(text, at):
            raise Ended
        return False
    return tools.has(key[1]) or (key[1] in FIRST_KEYS and _may_become_call(text, at, tools))


def _may_become_call(text: str, at: int, tools: Tools) -> bool:
    """False as soon as the first keys of an object tell that it is none: a long one is not held back for its end."""
    while pair := _PAIR.match(text, at):
        key, value = pair[1], pair[2]
        if key not in FIRST_KEYS or (key in NAMES and value is not None and not tools.may_be(tools.name(value))):
            return False
        if text[pair.end() - 1] != ",":
            break
        at = pair.end()
    return True


def bare(cursor: Cursor, tools: Tools) -> list[ToolCall]:
    """JSON or a Python list on a line of its own; several JSON values may follow each other with semicolons."""
    if not begins_call(cursor, tools):
        raise NotCall
    calls = _values(cursor, tools)
    gap = _GAP.match(cursor.text, cursor.at)
    behind = Cursor(cursor.text, gap.end() if gap else cursor.at, final=cursor.final)
    if not behind.over() and behind.next() not in "\r\n;<":
        raise NotCall  # it stands in a sentence
    return calls


def names_tool(raw: str, tools: Tools, *, cut: bool) -> bool:
    """Whether the beginning of something without marks was to be a call."""
    found = NAMED.search(raw)
    if found is None:
        return cut and len(raw) > len("{")
    return tools.may_be(tools.name(found[1]))


def _values(cursor: Cursor, tools: Tools) -> list[ToolCall]:
    if looks_python(cursor):
        return _python(cursor, tools)
    calls: list[ToolCall] = []
    while True:
        start = cursor.at
        try:
            value, doubtful = read_json(cursor)
        except Bad:
            raise NotCall from None
        raw = cursor.text[start : cursor.at]
        found = calls_in(value, raw, tools, tagged=False)
        if found is None:
            raise NotCall
        calls += [malformed(raw, tools)] if doubtful else found
        end = cursor.at
        cursor.blank()
        if cursor.over() or cursor.next() != ";":
            cursor.at = end
            return calls
        cursor.at += 1
        cursor.blank()
        if cursor.over() or cursor.next() != "{":
            cursor.at = end
            return calls


def _python(cursor: Cursor, tools: Tools) -> list[ToolCall]:
    """A list of calls of known tools, or one or more of them without brackets, a line each."""
    listed = cursor.next() == "["
    cursor.at += listed
    reader = LiteralReader(cursor, python=True)
    calls: list[ToolCall] = []
    while True:
        reader.space()
        call = python_call(cursor, tools)
        if not tools.may_be(call.name):
            raise NotCall
        calls.append(call)
        if not listed:
            return calls
        letter = reader.space()
        cursor.at += 1
        if letter == "]":
            return calls
        if letter != ",":
            raise NotCall


def calls_in_list(cursor: Cursor, tools: Tools) -> list[ToolCall]:
    """Phi's ``functools[…]``; the cursor stands at the bracket."""
    calls = payload(cursor, tools, ())
    alone(cursor)
    return calls


def fenced(cursor: Cursor, tools: Tools, language: str, fence: str) -> list[ToolCall]:
    """What stands in a fence, where all of it is calls; the cursor stands behind the opening line."""
    cursor.blank()
    first = cursor.next()
    python = language in PYTHON_FENCES and first not in "{["
    printed = python and bool(cursor.starts(("print(",)))
    cursor.at += len("print(") if printed else 0
    if not (
        looks_python(cursor) if python else language in JSON_FENCES and first in "{[" and begins_call(cursor, tools)
    ):
        raise NotCall
    calls: list[ToolCall] = []
    while True:
        calls += _values(cursor, tools)
        cursor.blank()
        if printed:
            cursor.take(")")
            cursor.blank()
        if cursor.over() and cursor.cut:
            raise Ended
        if cursor.over() or cursor.starts((fence,)):
            cursor.at = min(len(cursor.text), cursor.at + len(fence))
            return calls
        cursor.at += cursor.next() in ",;"
        cursor.blank()
        if cursor.next() not in "{[" and not python:
            raise NotCall


def react(cursor: Cursor, tools: Tools) -> list[ToolCall]:
    """``Action:`` and the name on one line, ``Action Input:`` and JSON on the next."""
    head = _REACT.match(cursor.text, cursor.at)
    if head is None:
        cursor.starts((ACTION,))
        if _REACT_OPEN.match(cursor.text, cursor.at):
            raise Ended
        raise NotCall
    name = tools.name(head[1])
    if not tools.may_be(name):
        raise NotCall
    cursor.at = head.end()
    cursor.blank()
    if cursor.over() or cursor.next() != "{":
        raise NotCall
    start = cursor.at
    found = read_json(cursor)
    raw = cursor.text[start : cursor.at]
    alone(cursor)
    return [malformed(raw, tools, name) if found.doubtful else call_of(name, found.value, raw, tools)]
