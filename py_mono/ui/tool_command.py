"""``py-mono tool``: the operator's own calls, with the tools and the lock the model has, and no model."""

import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from py_mono.protocol.errors import SandboxError
from py_mono.protocol.ports import ToolSource
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec
from py_mono.ui.lines import LineReader
from py_mono.ui.output import Output
from py_mono.ui.tool_lines import tool_lines

_LONGEST_LINE = 64 * 1024 * 1024


def print_list(specs: Sequence[ToolSpec], *, version: str, as_json: bool) -> int:
    """The tools: a line each, or one JSON object with their schemas."""
    output = Output(sys.stdout.buffer)
    if as_json:
        listed = {"version": version, "tools": msgspec.to_builtins(specs)}
        output.answer(json.dumps(listed, ensure_ascii=False, indent=2))
    else:
        output.answer(tool_lines(specs))
    return 1 if output.lost else 0


async def call_one(tools: ToolSource, name: str, arguments: str) -> int:
    """Call one tool; its text on stdout. 0, or 1 where it refused or failed."""
    output = Output(sys.stdout.buffer)
    try:
        result = await _call(tools, "operator", name, _decoded(arguments), arguments)
    except SandboxError as error:
        output.answer(_said(error))
        return 1
    output.answer(result.content)
    return 1 if result.is_error or output.lost else 0


async def serve(tools: ToolSource, reopen: Callable[[], Awaitable[ToolSource]]) -> int:
    """Answer each JSON line ``{"tool", "args"}`` on stdin with one line ``{"ok", "output"}``, in order, until it ends.

    ``reopen`` gives new tools where the worker behind these has died.
    """
    output = Output(sys.stdout.buffer)
    lines = LineReader(sys.stdin.fileno(), longest=_LONGEST_LINE)
    number = 0
    while output.failure is None:
        try:
            line = await lines.read_line()
        except EOFError:
            break
        if line.strip():
            number += 1
            try:
                output.write(await _serve_line(tools, str(number), line))
            except SandboxError as error:
                output.write(_answer(ok=False, text=_said(error)))
                tools = await reopen()
    return 1 if output.lost else 0


async def _serve_line(tools: ToolSource, call_id: str, line: str) -> bytes:
    try:
        asked: Any = json.loads(line)
    except ValueError as error:
        return _answer(ok=False, text=f"this line is not JSON: {error}")
    except RecursionError:
        return _answer(ok=False, text="this line is nested too deeply")
    if not isinstance(asked, dict) or not isinstance(asked.get("tool"), str):
        return _answer(
            ok=False, text='a line must be an object such as {"tool": "read_file", "args": {"path": "a.py"}}'
        )
    arguments = asked.get("args", {})
    result = await _call(tools, call_id, asked["tool"], arguments, json.dumps(arguments))
    return _answer(ok=not result.is_error, text=result.content)


def _answer(*, ok: bool, text: str) -> bytes:
    return json.dumps({"ok": ok, "output": text}, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


async def _call(tools: ToolSource, call_id: str, name: str, arguments: object, raw: str) -> ToolResult:
    if isinstance(arguments, dict):
        call = ToolCall(call_id, name, arguments)
    else:
        call = ToolCall(call_id, name, {}, malformed=raw or "nothing")
    return await tools.call(call, lambda _: None)


def _said(error: SandboxError) -> str:
    return f"{error}\n{error.remedy}" if error.remedy else str(error)


def _decoded(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
