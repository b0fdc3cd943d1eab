"""``py-mono debug``: what the program makes of something, without a model, a network or a worker."""

import json
import sys
from typing import TYPE_CHECKING

from py_mono.llm.call_parser.families import NAMES
from py_mono.llm.call_parser.parse import parse
from py_mono.protocol.errors import ConfigError
from py_mono.protocol.tools import ToolSpec
from py_mono.utils.stdout import write

if TYPE_CHECKING:
    from py_mono.ui.arguments import Arguments

_SHOWN = 200


def run(arguments: "Arguments", settings: object) -> int:
    """``debug parse-tool-calls``: a reply on stdin, its calls as one JSON list on stdout, the rest said on stderr.

    Raises:
        ConfigError: There is no such format, or the list of tools is none.
    """
    del settings
    if arguments.format not in NAMES:
        raise ConfigError(
            f"--format: there is no format {arguments.format!r}", remedy=f"take one of {', '.join(NAMES)}"
        )
    tools = None if arguments.tools is None else read_tools(arguments.tools)
    text = sys.stdin.buffer.read().decode("utf-8", "replace")
    parsed = parse(text, tools, form=arguments.format)
    for call in parsed.calls:
        if call.malformed:
            sys.stderr.write(f"py-mono: a call{_of(call.name)} cannot be read: {call.malformed[:_SHOWN]!a}\n")
    if parsed.cut:
        sys.stderr.write(f"py-mono: a call{_of(parsed.broken_name)} was cut off, and is none\n")
    found = [{"name": call.name, "arguments": call.arguments} for call in parsed.calls if not call.malformed]
    return write(_printable(found) + "\n")


def _of(name: str) -> str:
    return f" of {name!a}" if name else ""


def _printable(value: object) -> str:
    """JSON with its characters as they are, where stdout takes them and no terminal would act on them."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(value)
    return json.dumps(value) if sys.stdout.isatty() else text


def read_tools(path: str) -> list[ToolSpec]:
    """The tools of an OpenAI tool list: a JSON file, its items ``{"type": "function", "function": {…}}`` or the inner part alone.

    Raises:
        ConfigError: It cannot be read, or is not that.
    """
    remedy = 'it holds a JSON list such as [{"type": "function", "function": {"name": "read_file", "parameters": {…}}}]'
    try:
        with open(path, "rb") as file:
            listed = json.loads(file.read().decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"--tools: {path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"--tools: {path} is not JSON: {error}", remedy=remedy) from error
    if isinstance(listed, dict) and isinstance(listed.get("tools"), list):
        listed = listed["tools"]
    if not isinstance(listed, list):
        raise ConfigError(f"--tools: {path} holds no list of tools", remedy=remedy)
    return [_spec(item, f"--tools: {path}: item {number}", remedy) for number, item in enumerate(listed, 1)]


def _spec(item: object, where: str, remedy: str) -> ToolSpec:
    inner = item.get("function", item) if isinstance(item, dict) else None
    if not isinstance(inner, dict) or not isinstance(inner.get("name"), str) or not inner["name"]:
        raise ConfigError(f"{where} names no function", remedy=remedy)
    parameters = inner.get("parameters", {})
    if not isinstance(parameters, dict):
        raise ConfigError(f"{where}: the parameters of {inner['name']} are no JSON Schema", remedy=remedy)
    return ToolSpec(inner["name"], str(inner.get("description", "")), parameters)
