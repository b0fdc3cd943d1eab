"""Formats made of special tokens, each as the model's public chat template prints it.

Mistral (``[TOOL_CALLS]``), DeepSeek V3, R1 and V3.1, Kimi K2, Llama's ``<|python_tag|>``, gpt-oss harmony.
"""

import re

from py_mono.llm.call_parser.blocks import alone, close, doubt, payload
from py_mono.llm.call_parser.cursor import Bad, Cursor, NotCall
from py_mono.llm.call_parser.literals import read_json
from py_mono.llm.call_parser.shapes import Tools, call_of
from py_mono.protocol.tools import ToolCall

_NAME = re.compile(r"[\w.:\-]{1,100}+")
_CALLED = re.compile(r"[^\s<>{}()\[\]\"']{1,100}")
_LONGEST_HEADER = 300

DEEPSEEK = "<\uff5ctool\u2581{}\uff5c>"
"""DeepSeek's tokens, whose bars and spaces are not the ASCII ones."""
_CALLS_END = DEEPSEEK.format("calls\u2581end")
_CALL = DEEPSEEK.format("call\u2581begin")
_CALL_END = DEEPSEEK.format("call\u2581end")
_SEPARATOR = DEEPSEEK.format("sep")
_BARE_CALL = f"function{_SEPARATOR}"
"""What the distilled models begin a call with, which leave its own mark out."""


def _object(cursor: Cursor, tools: Tools, name: str) -> ToolCall:
    """The call of ``name`` whose arguments are the JSON object that stands here."""
    cursor.blank()
    if cursor.next() != "{":
        raise Bad
    start = cursor.at
    found = read_json(cursor)
    raw = cursor.text[start : cursor.at]
    return doubt(found, raw, tools, name) or call_of(name, found.value, raw, tools)


MISTRAL_ENDS = ("[/TOOL_CALLS]",)


def _called(written: str, tools: Tools) -> str:
    """The name that is all of this text; raises ``Bad`` where it can be none."""
    if not _CALLED.fullmatch(written.strip()):
        raise Bad
    return tools.name(written)


def mistral(cursor: Cursor, tools: Tools) -> list[ToolCall]:
    """``[TOOL_CALLS]`` and a JSON list, or since tokenizer v11 ``name[CALL_ID]…[ARGS]{…}``."""
    cursor.blank()
    if cursor.next() in "[{":
        calls = payload(cursor, tools, MISTRAL_ENDS, several=False)
        if cursor.text.startswith(MISTRAL_ENDS, cursor.at):
            cursor.take(*MISTRAL_ENDS)
        alone(cursor)
        return calls
    head = cursor.match(_NAME)
    if head is None:
        raise NotCall
    if cursor.starts(("[CALL_ID]",)):
        cursor.take("[CALL_ID]")
        cursor.match(_NAME)
    if cursor.starts(("[ARGS]",)):
        cursor.take("[ARGS]")
    elif cursor.next() != "{":
        raise NotCall
    call = _object(cursor, tools, tools.name(head[0]))
    alone(cursor)
    return [call]


def deepseek(cursor: Cursor, tools: Tools) -> list[ToolCall]:
    """A section of calls: ``name``, separator and JSON (V3.1), or ``function``, separator, name and fenced JSON."""
    calls = []
    cursor.blank()
    while found := cursor.starts((_CALL, _BARE_CALL)):
        cursor.at += len(_CALL) if found == _CALL else 0
        calls.append(_deepseek_call(cursor, tools))
        cursor.blank()
        if cursor.over():
            return calls
    if cursor.starts((_CALLS_END,)):
        cursor.take(_CALLS_END)
    if not calls:
        raise NotCall
    return calls


def deepseek_call(cursor: Cursor, tools: Tools) -> list[ToolCall]:
    """One call whose section was not opened."""
    return [_deepseek_call(cursor, tools)]


def _deepseek_call(cursor: Cursor, tools: Tools) -> ToolCall:
    name = cursor.until(_SEPARATOR)
    fenced = False
    cursor.blank()
    if cursor.next() != "{":
        name = cursor.until("\n")
        cursor.blank()
        fenced = bool(cursor.starts(("```json", "```")))
        if fenced:
            cursor.take("```json", "```")
    call = _object(cursor, tools, _called(name, tools))
    if fenced:
        cursor.blank()
        cursor.take("```")
    close(cursor, "", (_CALL_END,))
    return call


def kimi(cursor: Cursor, tools: Tools) -> list[ToolCall]:
    """A section of calls: ``functions.name:0``, a token, JSON."""
    calls = []
    cursor.blank()
    while cursor.starts(("<|tool_call_begin|>",)):
        cursor.take("<|tool_call_begin|>")
        calls += kimi_call(cursor, tools)
        cursor.blank()
        if cursor.over():
            return calls
    if cursor.starts(ends := ("<|tool_calls_section_end|>", "<|tool_call_section_end|>")):
        cursor.take(*ends)
    if not calls:
        raise NotCall
    return calls


def kimi_call(cursor: Cursor, tools: Tools) -> list[ToolCall]:
    """One call whose section was not opened."""
    name = cursor.until("<|tool_call_argument_begin|>").strip()
    call = _object(cursor, tools, _called(re.sub(r":\d+$", "", name), tools))
    close(cursor, "", ("<|tool_call_end|>",))
    return [call]


def python_tag(cursor: Cursor, tools: Tools) -> list[ToolCall]:
    """JSON objects with semicolons between, or a built-in tool's ``name.call(key=value)``."""
    calls = payload(cursor, tools, ())
    alone(cursor)
    return [ToolCall("", call.name.removesuffix(".call"), call.arguments, call.malformed) for call in calls]


HARMONY_HEADER = re.compile(r"(?:(?!<\|message\|>)[^\n]){0,200}?<\|message\|>")
_RECIPIENT = re.compile(r"to=(?:functions\.)?([\w.\-]{1,100})")
HARMONY_ENDS = ("<|call|>", "<|end|>", "<|return|>")


def harmony(cursor: Cursor, tools: Tools) -> list[ToolCall]:
    """A message to a tool: its header names the recipient, its body is JSON."""
    head = HARMONY_HEADER.match(cursor.text, cursor.at)
    if head is None:
        if len(cursor.text) - cursor.at <= _LONGEST_HEADER and "\n" not in cursor.text[cursor.at :]:
            cursor.wait()
        raise NotCall
    to = _RECIPIENT.search(head[0])
    if to is None:
        raise NotCall
    cursor.at = head.end()
    name = tools.name(to[1])
    call = _object(cursor, tools, name)
    alone(cursor)
    cursor.blank()
    if not cursor.over() and (token := cursor.starts(HARMONY_ENDS)):
        cursor.at += len(token)
    return [call]
