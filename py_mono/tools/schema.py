"""Are these arguments what the tool's schema asks for? Checked by the host, once, before any call."""

import re
from typing import Any

from py_mono.protocol.tools import ToolSpec
from py_mono.utils.lazy import load

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "object": dict,
    "array": list,
}
_SILENT = frozenset({"type", "description", "default", "title"})
"""Keywords of a property that the short way understands."""
_NUMBER = re.compile(r"[+-]?\d{1,40}(\.\d{1,40})?")
"""More digits than these are no number that was meant; Python refuses to read very long ones."""
_MOST_ERRORS = 3
_LONGEST_ERROR = 300


def check(spec: ToolSpec, arguments: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The arguments to call with, and what is wrong with them: a sentence for the model, or empty.

    Strings that spell a number or a boolean where the schema wants one are taken as meant, so is 5.0 for an integer, and
    a null for an argument that may be left out is left out: small models write all of these, and there is only one thing
    they can mean.
    """
    properties = spec.parameters.get("properties", {})
    required = spec.parameters.get("required", ())
    meant = {
        name: _as_meant(value, properties.get(name, {}))
        for name, value in arguments.items()
        if value is not None or name in required or name not in properties
    }
    if _plainly_valid(spec.parameters, meant):
        return meant, ""
    errors = _errors(spec.parameters, meant)
    if not errors:
        return meant, ""
    shape = ", ".join(
        f"{name}: {schema.get('type', 'any')}{'' if name in required else ' (optional)'}"
        for name, schema in properties.items()
    )
    return meant, f"wrong arguments for {spec.name}: {'; '.join(errors)}. It takes {{{shape}}}"


def _plainly_valid(schema: dict[str, Any], arguments: dict[str, Any]) -> bool:
    """Whether a flat schema is met; False means only that the short way cannot tell.

    It spares the common case the import of the validator, which costs as much as a whole step.
    """
    properties = schema.get("properties", {})
    if not set(schema) <= {"type", "properties", "required", "additionalProperties", "description"}:
        return False
    if not set(schema.get("required", ())) <= arguments.keys() <= properties.keys():
        return False
    return all(_plain_type(properties[name], value) for name, value in arguments.items())


def _plain_type(schema: dict[str, Any], value: object) -> bool:
    kind = schema.get("type")
    if not schema.keys() <= _SILENT or not isinstance(kind, str) or kind not in _TYPES:
        return False
    if isinstance(value, str) and not _is_text(value):
        return False
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _is_text(value: str) -> bool:
    """Whether it can be written as UTF-8: a lone surrogate would reach the tool as another character."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_meant(value: object, schema: dict[str, Any]) -> object:
    kind = schema.get("type")
    if kind == "boolean" and isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if kind not in {"integer", "number"}:
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value) if "." in value else int(value)
    return int(value) if kind == "integer" and isinstance(value, float) and value.is_integer() else value


def _errors(schema: dict[str, Any], arguments: dict[str, Any]) -> list[str]:
    """What the validator says, each with the path of the field; also where it cannot judge the arguments at all."""
    found: list[str] = []
    try:
        for value in arguments.values():  # the validator takes them for text, and the tool would get another character
            if isinstance(value, str):
                value.encode()
        for error in load("jsonschema_rs:validator_for")(schema).iter_errors(arguments):
            path = ".".join(str(part) for part in error.instance_path)
            found.append(f"{path}: {error.message}" if path else error.message)
            if len(found) == _MOST_ERRORS:
                break
    except UnicodeError:
        found.append("they hold characters that are no Unicode text (lone surrogates)")
    except ValueError as error:  # nested too deeply, say, or the schema itself is none
        found.append(f"they cannot be checked: {error}")
    return [text if len(text) <= _LONGEST_ERROR else text[:_LONGEST_ERROR] + "…" for text in found]
