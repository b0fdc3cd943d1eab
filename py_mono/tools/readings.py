"""What arguments mean that do not fit as they stand: only readings that leave nothing to choose.

The shapes are those that models are seen to send: JSON text where the value itself belongs (earendil-works/pi#9931),
the call's own envelope inside its arguments (ollama/ollama#11805, vllm-project/vllm#41531), other agents' names for an
argument (openclaw/openclaw#2596, NorthlandPositronics/Cogtrix#2259).
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from py_mono.protocol.tools import ToolSpec
from py_mono.tools.names import plain, respelled

_NUMBER = re.compile(r"[+-]?\d{1,40}(\.\d{1,40})?")
"""More digits than these are no number that was meant; Python refuses to read very long ones."""
_ENVELOPES = ("arguments", "parameters")
_DEEPEST = 3
_SYNONYMS = {
    "path": ("filepath", "filename", "file", "absolutepath", "targetfile"),
    "command": ("cmd",),
    "content": ("text", "contents", "filetext", "filecontent"),
    "old_content": ("oldstring", "oldstr", "oldtext"),
    "new_content": ("newstring", "newstr", "newtext"),
}
"""Other agents' names for what the built-in tools must be given, without case and underscores."""


def typed(value: object, schema: object) -> object:
    """A value in the type that its schema asks for, where it spells one: ``"5"``, ``5.0``, ``"true"``, ``"[1]"``.

    Text stays text wherever the schema allows text.
    """
    if not isinstance(schema, dict):
        return value
    kind = _kind(schema)
    if kind == "boolean" and isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if kind in {"integer", "number"}:
        if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
            value = float(value) if "." in value else int(value)
        return int(value) if kind == "integer" and isinstance(value, float) and value.is_integer() else value
    if kind == "array":
        value = _from_json(value, list)
        return [typed(item, schema.get("items")) for item in value] if isinstance(value, list) else value
    if kind == "object":
        value = _from_json(value, dict)
        return typed_members(value, schema) if isinstance(value, dict) and "properties" in schema else value
    return value


def typed_members(arguments: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The members of an object, each in its type; a null for one that may be left out is left out."""
    properties, required = schema.get("properties", {}), schema.get("required", ())
    return {
        name: typed(value, properties.get(name, {}))
        for name, value in arguments.items()
        if value is not None or name in required or name not in properties
    }


def enclosed(spec: ToolSpec, arguments: dict[str, Any]) -> dict[str, Any] | None:
    """The arguments of a call that was put whole, under its own name, into the arguments; None where it was not."""
    key = _envelope(spec, arguments)
    named = arguments.get("name")
    if not key or len(arguments) != len(("name", key)) or not isinstance(named, str):
        return None
    return _inner(arguments[key]) if respelled(named, (spec.name,)) else None


def readings(spec: ToolSpec, arguments: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Other readings, best first; each is to be taken only if it then fits the schema."""
    for _ in range(_DEEPEST):
        yield (renamed := _renamed(spec, arguments))
        key = _envelope(spec, renamed)
        inner = _inner(renamed[key]) if key and len(renamed) == 1 else enclosed(spec, renamed)
        if inner is None:
            return
        arguments = inner
        yield arguments


def _kind(schema: dict[str, Any]) -> str:
    """The one type a schema allows beside null; empty where there are several, or none is named."""
    members = schema.get("anyOf") or schema.get("oneOf") or [schema]
    kinds: list[object] = []
    for member in members if isinstance(members, list) else ():
        stated = member.get("type") if isinstance(member, dict) else None
        kinds += stated if isinstance(stated, list) else [stated]
    found = [kind for kind in kinds if kind != "null"]
    return found[0] if len(found) == 1 and isinstance(found[0], str) else ""


def _from_json(value: object, wanted: type) -> object:
    """What JSON text holds, text in text too, if that is of the type wanted; else the value itself."""
    found = value
    for _ in range(_DEEPEST):
        if not isinstance(found, str):
            break
        try:
            found = msgspec.json.decode(found)
        except (ValueError, RecursionError):
            break
    return found if isinstance(found, wanted) else value


def _inner(value: object) -> dict[str, Any] | None:
    found = _from_json(value, dict)
    return found if isinstance(found, dict) else None


def _envelope(spec: ToolSpec, arguments: dict[str, Any]) -> str:
    """The member that can only be the call's own envelope, since the tool has no argument of that name."""
    properties = spec.parameters.get("properties", {})
    return next((key for key in _ENVELOPES if key in arguments and key not in properties), "")


def _renamed(spec: ToolSpec, arguments: dict[str, Any]) -> dict[str, Any]:
    """The same values under the tool's own names, where each unknown name can stand for one of them only."""
    properties = spec.parameters.get("properties", {})
    names = {name: name if name in properties else _meant(spec, name) for name in arguments}
    if len(set(names.values())) < len(
        names
    ):  # two for one, the real name among them or not: nobody can say which is meant
        return arguments
    return {names[name]: value for name, value in arguments.items()}


def _meant(spec: ToolSpec, name: str) -> str:
    properties, required, wanted = (
        spec.parameters.get("properties", {}),
        spec.parameters.get("required", ()),
        plain(name),
    )
    found = [known for known in properties if plain(known) == wanted]
    if spec.source == "builtin":  # of other tools nobody can say what their arguments are also called
        found += [known for known in required if wanted in _SYNONYMS.get(known, ())]
    return found[0] if len(found) == 1 else name
