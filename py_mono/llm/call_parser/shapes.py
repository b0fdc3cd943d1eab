"""From decoded JSON to calls: the keys under which models give a name and arguments."""

import re
from collections.abc import Sequence
from typing import Any

from py_mono.llm.call_parser.cursor import Bad
from py_mono.llm.call_parser.literals import loads
from py_mono.protocol.tools import ToolCall, ToolSpec

NAMES = ("name", "tool", "tool_name", "function", "function_name", "action")
ARGUMENTS = ("arguments", "parameters", "args", "input", "tool_input", "params", "kwargs", "action_input")
BESIDE = frozenset({"id", "type", "call_id", "tool_call_id", "index"})
LISTS = ("tool_calls", "calls")
FIRST_KEYS = frozenset((*NAMES, *ARGUMENTS, *BESIDE, *LISTS))
"""What the first key of a call can be; a tool's own name is one more."""

_NAMESPACE = "functions."
NAMED = re.compile(r"""["'](?:name|tool|tool_name|function)["']\s{0,20}:\s{0,20}["']([^"'\n]{1,100})["']""")


class Tools:
    """The tools that can be called.

    Attributes:
        known: By name; None where the list is not known, and every name may be one.
    """

    def __init__(self, specs: Sequence[ToolSpec] | None) -> None:
        self.known = None if specs is None else {spec.name: spec for spec in specs}

    def name(self, written: str) -> str:
        """The name as the tool has it: without the namespace that some models put before it."""
        written = written.strip()
        bare = written.removeprefix(_NAMESPACE)
        return bare if self.known is None or written not in self.known else written

    def has(self, name: str) -> bool:
        """Whether it is a tool for sure."""
        return self.known is not None and name in self.known

    def may_be(self, name: str) -> bool:
        """Whether it can be one: known, or the list is not."""
        return self.known is None or name in self.known

    def properties(self, name: str) -> dict[str, Any]:
        """The schemas of a tool's arguments, as far as they are known."""
        found = self.known[name].parameters.get("properties") if self.known and name in self.known else None
        return found if isinstance(found, dict) else {}

    def required(self, name: str) -> set[str]:
        """The arguments that a known tool cannot do without."""
        found = self.known[name].parameters.get("required") if self.known and name in self.known else None
        return set(found) if isinstance(found, list) else set()


def malformed(raw: str, tools: Tools, name: str = "") -> ToolCall:
    """A call that was meant and cannot be read; its name where that is certain."""
    if not name:
        found = NAMED.search(raw)
        name = tools.name(found[1]) if found else ""
    return ToolCall("", name, {}, malformed=raw.strip() or raw or name)


def call_of(name: str, arguments: object, raw: str, tools: Tools) -> ToolCall:
    """A call; ``arguments`` may be JSON in a string, and where they are no object the call is malformed."""
    for _ in range(2):
        if not isinstance(arguments, str):
            break
        if not arguments.strip():
            arguments = {}
            break
        try:
            arguments, doubtful = loads(arguments)
        except Bad:
            return malformed(raw, tools, name)
        if doubtful:
            return malformed(raw, tools, name)
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, dict):
        return malformed(raw, tools, name)
    return ToolCall("", name, arguments)


def calls_in(value: object, raw: str, tools: Tools, *, tagged: bool) -> list[ToolCall] | None:
    """The calls that a value is, or None where it is something else.

    ``tagged``: it stands between marks that say it is a call. Elsewhere the name must be a known one, and the value must
    have the form of a call and nothing more.
    """
    if isinstance(value, list):
        found = [calls_in(item, raw, tools, tagged=tagged) for item in value if not isinstance(item, list)]
        if len(found) != len(value) or None in found or (not found and not tagged):
            return None
        return [call for calls in found for call in calls or ()]
    if not isinstance(value, dict):
        return None
    for key in LISTS:
        if isinstance(value.get(key), list) and (value[key] or tagged):
            return calls_in(value[key], raw, tools, tagged=tagged) if tagged or len(value) == 1 else None
    call = _call(value, raw, tools, tagged=tagged)
    return None if call is None else [call]


def _call(value: dict[str, Any], raw: str, tools: Tools, *, tagged: bool) -> ToolCall | None:
    nested = value.get("function")
    if isinstance(nested, dict):
        return _call(nested, raw, tools, tagged=tagged) if set(value) - BESIDE == {"function"} else None
    names = [key for key in NAMES if isinstance(value.get(key), str)]
    if len(names) != 1:
        return None if names else _keyed(value, tools)
    given = [key for key in ARGUMENTS if key in value]
    name = tools.name(value[names[0]])
    others = set(value) - BESIDE - {names[0], *given}
    uncertain = others or not given or not _certain(name, names[0], given, tools)
    if not name or _is_definition(value) or (uncertain and not tagged):
        return None
    if others or len(given) > 1:
        return malformed(raw, tools, name)
    return call_of(name, value[given[0]] if given else {}, raw, tools)


def _certain(name: str, name_key: str, given: list[str], tools: Tools) -> bool:
    if tools.known is None:
        return name_key == "name" and given in (["arguments"], ["parameters"])
    return tools.has(name)


def _is_definition(value: dict[str, Any]) -> bool:
    """Whether it describes a tool: models repeat the list they were given."""
    schema = value.get("parameters", value.get("arguments"))
    if not isinstance(schema, dict):
        return False
    return schema.get("type") == "object" and isinstance(schema.get("properties"), dict)


def _keyed(value: dict[str, Any], tools: Tools) -> ToolCall | None:
    """``{"read_file": {"path": "a"}}``: only of a known tool whose arguments these are."""
    if len(value) != 1:
        return None
    (name, arguments), *_ = value.items()
    if not tools.has(name) or not isinstance(arguments, dict):
        return None
    if not tools.required(name) <= arguments.keys() <= tools.properties(name).keys():
        return None
    return ToolCall("", name, arguments)
