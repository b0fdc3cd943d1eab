"""Calls whose arguments stand between tags as raw text.

``<function=name><parameter=key>`` (Qwen3-Coder, Seed-OSS, and with JSON inside Llama 3), ``<invoke name="…"><parameter
name="…">`` (MiniMax M2, DeepSeek V3.2 DSML, Anthropic's older form), ``<arg_key>``/``<arg_value>`` (GLM 4.5 and later),
``<name>``/``<arguments>`` (``<tool_use>``): each as its public chat template prints it. Nothing in a value is an entity.
"""

import re
from collections.abc import Callable, Sequence

from py_mono.llm.call_parser.blocks import close, doubt, payload
from py_mono.llm.call_parser.cursor import Bad, Cursor, Ended, NotCall
from py_mono.llm.call_parser.literals import loads, read_json
from py_mono.llm.call_parser.shapes import Tools, call_of, malformed
from py_mono.llm.call_parser.typed import argument
from py_mono.protocol.tools import ToolCall

_FUNCTION = "<function="
_FUNCTION_ENDS = ("</function>", "</tool_call>", "</seed:tool_call>")
_NAME = re.compile(r"""["']?([\w.:\-]{1,100}+)["']?\s{0,20}>""")
_PARAMETER = re.compile(r"""<parameter=["']?([^<>"'\n]{1,100}+)["']?>""")
DSML = "<\uff5cDSML\uff5c"
_INVOKE = re.compile(r"""<(?:\uff5cDSML\uff5c)?invoke\s{1,20}name=["']([^"'<>\n]{1,100}+)["']\s{0,20}>""")
_INVOKED = re.compile(
    r"""<(?:\uff5cDSML\uff5c)?parameter\s{1,20}name=["']([^"'<>\n]{1,100}+)["']"""
    r"""(?:\s{1,20}string=["'](true|false)["'])?\s{0,20}>"""
)
_NEXT_PARAMETER = re.compile(r"""<parameter=["']?([^<>"'\n]{1,100}+)["']?>""")
_NEXT_INVOKED = re.compile(r"""<(?:\uff5cDSML\uff5c)?parameter\s{1,20}name=["']([^"'<>\n]{1,100}+)["']""")
_NEXT_CALL = re.compile(
    r"""<function=[\w.:\-]{1,100}+>\s*<parameter=|<(?:\uff5cDSML\uff5c)?invoke\s{1,20}name=["'][^"'<>\n]{1,100}+["']"""
    r"""|</?arg_(?:key|value)>|</(?:\uff5cDSML\uff5c)?parameter>[ \t]*+\n|\A[^<>\n]{0,20}=["']?(?:true|false)["']?>"""
)
"""What a value holds where the tag that should have ended it, or the one that followed it, was not written right."""
_PARAMETER_END = re.compile(r"</(?:\uff5cDSML\uff5c)?parameter>")
_VALUE_END = re.compile("</arg_value>")
_OPEN_GLM_NAME = re.compile(r"[\w.:\-]{1,100}+\s{0,20}\Z")
_GLM_NAME = re.compile(r"([\w.:\-]{1,100}+)\s{0,20}(?=<)")
_LONGEST_TAG = 300

Values = dict[str, object]


def _tag(cursor: Cursor, pattern: re.Pattern[str]) -> re.Match[str]:
    """The tag that stands here, moved past; raises ``Ended`` where its end has not come, and ``Bad``."""
    found = pattern.match(cursor.text, cursor.at)
    if found is None:
        if ">" not in cursor.text[cursor.at : cursor.at + _LONGEST_TAG] and len(cursor.text) - cursor.at < _LONGEST_TAG:
            raise Ended
        raise Bad
    cursor.at = found.end()
    return found


def _raw_value(cursor: Cursor, end: re.Pattern[str], after: Sequence[str]) -> str:
    """The text up to an end tag that is followed by one of ``after``: another such text may stand in a value."""
    start = cursor.at
    while True:
        found = end.search(cursor.text, cursor.at)
        if found is None:
            raise Ended
        cursor.at = found.end()
        cursor.blank()
        if cursor.starts(after):
            return cursor.text[start : found.start()]
        cursor.at = found.end()


def _put(found: Values, key: str, value: object) -> None:
    if key in found and found[key] != value:
        raise Bad
    found[key] = value


def function(cursor: Cursor, tools: Tools) -> ToolCall:
    """A ``<function=…>`` element; the cursor stands behind the ``=``."""
    start = cursor.at
    name = tools.name(_tag(cursor, _NAME)[1])
    cursor.blank()
    if cursor.next() == "{":
        inside = cursor.at
        found = read_json(cursor)
        raw = cursor.text[inside : cursor.at]
        cursor.blank()
        cursor.take("</function>")
        return doubt(found, raw, tools, name) or call_of(name, found.value, raw, tools)
    if not cursor.starts(("<parameter=", *_FUNCTION_ENDS)):
        raise NotCall
    values: Values = {}
    clear = True
    while not cursor.starts(_FUNCTION_ENDS):
        key = _tag(cursor, _PARAMETER)[1].strip()
        after = ("<parameter=", *_FUNCTION_ENDS)
        text = _raw_value(cursor, _PARAMETER_END, after)
        clear &= not _holds_next(text, _NEXT_PARAMETER, name, tools)
        _put(values, key, argument(_without_breaks(text), name, key, tools))
        cursor.blank()
    if cursor.starts(("</function>",)):
        cursor.take("</function>")
    if not clear:
        return malformed(cursor.text[start : cursor.at], tools, name)
    return ToolCall("", name, values)


def _holds_next(text: str, parameter: re.Pattern[str], name: str, tools: Tools) -> bool:
    """Whether the value may hold the next one or a call too, its own end tag missing: that would be two readings."""
    keys = {found[1] for found in parameter.finditer(text)}
    known = tools.properties(name)
    return bool(keys & known.keys() if known else keys) or _NEXT_CALL.search(text) is not None


def _without_breaks(text: str) -> str:
    return text.removeprefix("\n").removesuffix("\n")


def _within_breaks(text: str) -> str:
    """Without the line breaks around it, where there is one on each side; one at the end alone is the value's own."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == "\n" else text


def invoke(cursor: Cursor, tools: Tools) -> ToolCall:
    """An ``<invoke name="…">`` element, its arguments as elements or as one JSON object."""
    begin = cursor.at
    name = tools.name(_tag(cursor, _INVOKE)[1])
    ends = ("</invoke>", f"</{DSML[1:]}invoke>")
    cursor.blank()
    if cursor.next() == "{":
        start = cursor.at
        found = read_json(cursor)
        raw = cursor.text[start : cursor.at]
        cursor.blank()
        cursor.take(*ends)
        return doubt(found, raw, tools, name) or call_of(name, found.value, raw, tools)
    values: Values = {}
    clear = True
    while not cursor.starts(ends):
        tag = _tag(cursor, _INVOKED)
        after = ("<parameter", f"{DSML}parameter", *ends)
        text = _raw_value(cursor, _PARAMETER_END, after)
        clear &= not _holds_next(text, _NEXT_INVOKED, name, tools)
        _put(values, tag[1], _declared(text, tag[2], name, tag[1], tools))
        cursor.blank()
    cursor.take(*ends)
    return ToolCall("", name, values) if clear else malformed(cursor.text[begin : cursor.at], tools, name)


def _declared(text: str, is_string: str | None, name: str, key: str, tools: Tools) -> object:
    """The value: DSML says itself whether it is a string."""
    if is_string == "true":
        return text
    if is_string == "false":
        found = loads(text)
        if found.doubtful:
            raise Bad
        return found.value
    return argument(_within_breaks(text), name, key, tools)


def invokes(*ends: str) -> Callable[[Cursor, Tools], list[ToolCall]]:
    """A reader of ``<invoke>`` elements within a container; one that holds JSON or Python is read too."""

    def read(cursor: Cursor, tools: Tools) -> list[ToolCall]:
        cursor.blank()
        tags = ("<invoke", f"{DSML}invoke")
        if not cursor.starts(tags):
            calls = payload(cursor, tools, ends)
            close(cursor, "", ends)
            return calls
        calls = []
        while cursor.starts(tags):
            calls.append(invoke(cursor, tools))
            cursor.blank()
            if cursor.over():
                return calls
        cursor.take(*ends)
        return calls

    return read


def one_function(cursor: Cursor, tools: Tools) -> list[ToolCall]:
    """``<function=…>`` without anything around it."""
    head = _NAME.match(cursor.text, cursor.at)
    if head is None:
        if len(cursor.text) - cursor.at < _LONGEST_TAG and re.fullmatch(
            r"""["']?[\w.:\-]{0,100}["']?\s*""", cursor.text[cursor.at :]
        ):
            cursor.wait()
        raise NotCall
    return [function(cursor, tools)]


def one_invoke(cursor: Cursor, tools: Tools) -> list[ToolCall]:
    """``<invoke name="…">`` without anything around it; the cursor stands behind ``<invoke``."""
    cursor.at -= len("<invoke ")
    try:
        _tag(Cursor(cursor.text, cursor.at, final=cursor.final), _INVOKE)
    except Bad:
        raise NotCall from None
    return [invoke(cursor, tools)]


def tool_call(*ends: str) -> Callable[[Cursor, Tools], list[ToolCall]]:
    """A reader of what stands in ``<tool_call>``: JSON, a function element, or GLM's keys and values."""

    def read(cursor: Cursor, tools: Tools) -> list[ToolCall]:
        cursor.blank()
        if cursor.starts((_FUNCTION,)):
            calls = []
            while not cursor.over() and cursor.starts((_FUNCTION,)):
                cursor.take(_FUNCTION)
                calls.append(function(cursor, tools))
                cursor.blank()
        elif cursor.next() not in "{[" and (name := _glm_name(cursor, tools)):
            calls = [_glm(cursor, tools, name)]
        else:
            calls = payload(cursor, tools, ends)
        close(cursor, "<tool_call>", ends)
        return calls

    return read


def _glm_name(cursor: Cursor, tools: Tools) -> str:
    """The name before the first key, moved past; empty where something else stands here."""
    text = cursor.text
    found = _GLM_NAME.match(text, cursor.at)
    if found is None:
        if _OPEN_GLM_NAME.match(text, cursor.at):
            cursor.wait()
        return ""
    behind = Cursor(text, found.end(), final=cursor.final)
    if not behind.starts(("<arg_key>",)) and not (behind.starts(("</tool_call>",)) and tools.has(tools.name(found[1]))):
        return ""
    cursor.at = found.end()
    return tools.name(found[1])


def _glm(cursor: Cursor, tools: Tools, name: str) -> ToolCall:
    start = cursor.at
    values: Values = {}
    clear = True
    while cursor.starts(("<arg_key>",)):
        cursor.take("<arg_key>")
        key = cursor.until("</arg_key>").strip()
        clear &= "<" not in key
        cursor.blank()
        cursor.take("<arg_value>")
        text = _raw_value(cursor, _VALUE_END, ("<arg_key>", "</tool_call>"))
        clear &= _NEXT_CALL.search(text) is None
        _put(values, key, argument(text, name, key, tools))
        cursor.blank()
    return ToolCall("", name, values) if clear else malformed(cursor.text[start : cursor.at], tools, name)


def tool_use(cursor: Cursor, tools: Tools) -> list[ToolCall]:
    """``<tool_use>`` with ``<name>`` and ``<arguments>`` (JSON), or with JSON."""
    cursor.blank()
    if not cursor.starts(("<name>",)):
        calls = payload(cursor, tools, ("</tool_use>",))
        close(cursor, "<tool_use>", ("</tool_use>",))
        return calls
    cursor.take("<name>")
    name = tools.name(cursor.until("</name>"))
    cursor.blank()
    cursor.take("<arguments>")
    cursor.blank()
    start = cursor.at
    found = read_json(cursor)
    raw = cursor.text[start : cursor.at]
    for end in ("</arguments>", "</tool_use>"):
        cursor.blank()
        cursor.take(end)
    return [doubt(found, raw, tools, name) or call_of(name, found.value, raw, tools)]
