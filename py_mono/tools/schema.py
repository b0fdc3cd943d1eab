"""Are these arguments what the tool's schema asks for? Checked by the host, once, before any call."""

from typing import Any

from py_mono.protocol.tools import ToolSpec
from py_mono.tools.readings import enclosed, readings, typed_members
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
_MOST_ERRORS = 3
_LONGEST_ERROR = 300
_MOST_CHOICES = 8


def check(spec: ToolSpec, arguments: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The arguments to call with, and what is wrong with them: a sentence for the model, or empty.

    What only looks wrong is taken as meant, where it can mean one thing only: strings that spell a number, a boolean, a
    list or an object where the schema wants one, 5.0 for an integer, null for an argument that may be left out, the
    call's own envelope inside its arguments, another spelling of an argument's name. Small models write all of these.
    Nothing is taken in another sense that fits as it stands, and nothing that fits in no sense is run.
    """
    meant = typed_members(arguments, spec.parameters)
    if _plainly_valid(spec.parameters, meant):
        return meant, ""
    errors = _errors(spec.parameters, meant)
    if not errors and enclosed(spec, arguments) is None:
        return meant, ""
    for reading in readings(spec, arguments):
        other = typed_members(reading, spec.parameters)
        if reading != arguments and not _errors(spec.parameters, other):
            return other, ""
    if not errors:
        return meant, ""
    return meant, f"wrong arguments for {spec.name}: {'; '.join(errors)}.{_advice(spec, meant)} It takes {shape(spec)}"


def shape(spec: ToolSpec) -> str:
    """What a tool takes, in the words of a refusal: names, types, and which may be left out."""
    required = spec.parameters.get("required", ())
    members = (
        f"{name}: {_kind(schema)}{'' if name in required else ' (optional)'}"
        for name, schema in spec.parameters.get("properties", {}).items()
    )
    return f"{{{', '.join(members)}}}"


def _kind(schema: object) -> str:
    """What a value can be, in a few words: its type, the values of a short choice, or what it is one of."""
    if not isinstance(schema, dict):
        return "any"
    choice, kinds = schema.get("enum"), schema.get("type")
    if isinstance(choice, list) and 0 < len(choice) <= _MOST_CHOICES:
        return "|".join(str(value) for value in choice)
    if isinstance(kinds, list):
        return " or ".join(str(kind) for kind in kinds) or "any"
    if kinds is None and isinstance(schema.get("anyOf"), list):
        return " or ".join(dict.fromkeys(map(_kind, schema["anyOf"]))) or "any"
    return str(kinds or "any")


def _advice(spec: ToolSpec, arguments: dict[str, Any]) -> str:
    """What to do where JSON stands for text: how it was to be written as text, nobody but the model can say."""
    for name, schema in spec.parameters.get("properties", {}).items():
        if _type(schema) == "string" and isinstance(arguments.get(name), dict | list):
            by_shell = ", or write the file with shell" if spec.name == "write_file" else ""
            return f" Give {name} as one string, with the JSON as its text{by_shell}."
    return ""


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


def _plain_type(schema: object, value: object) -> bool:
    kind = _type(schema)
    if not isinstance(schema, dict) or not schema.keys() <= _SILENT or not isinstance(kind, str) or kind not in _TYPES:
        return False
    if isinstance(value, str) and not _is_text(value):
        return False
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _type(schema: object) -> object:
    return schema.get("type") if isinstance(schema, dict) else None


def _is_text(value: str) -> bool:
    """Whether it can be written as UTF-8: a lone surrogate would reach the tool as another character."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


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
