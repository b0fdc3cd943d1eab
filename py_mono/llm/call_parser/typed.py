"""Arguments that stand in a text as they are: of which type they are is for the tool's schema to say."""

from typing import Any

from py_mono.llm.call_parser.cursor import Bad
from py_mono.llm.call_parser.literals import loads
from py_mono.llm.call_parser.shapes import Tools

_OTHERS = frozenset({"integer", "number", "boolean", "array", "object", "null"})


def argument(text: str, name: str, key: str, tools: Tools) -> Any:  # noqa: ANN401 - JSON is of any type
    """The value that an argument's text stands for: the text itself, unless the schema wants another type."""
    wanted = _types(tools.properties(name).get(key))
    if not wanted or not wanted <= _OTHERS:
        return text
    try:
        found = loads(text)
    except Bad:
        return text
    return text if found.doubtful else found.value


def _types(schema: object) -> set[str]:
    if not isinstance(schema, dict):
        return set()
    kind = schema.get("type")
    if isinstance(kind, str):
        return {kind}
    if isinstance(kind, list):
        return {str(one) for one in kind}
    either = schema.get("anyOf", schema.get("oneOf"))
    if isinstance(either, list):
        found = [_types(one) for one in either]
        return set().union(*found) if all(found) else set()
    return set()
