"""The tools of a server, judged: what a model may be shown, and what is left out, with the reason."""

from collections.abc import Collection, Iterable
from typing import Any
from urllib.parse import unquote

import jsonschema_rs
import msgspec

from py_mono.mcp_integration.listing import Tool
from py_mono.mcp_integration.words import cleaned, hidden, line

MOST_TOOLS = 128
"""Of one server: more than a model can choose among."""
LONGEST_DESCRIPTION = 1_000
"""Characters; the rest is cut off. About 250 tokens: what a page of instructions in it would be is not read."""
LARGEST_SCHEMA = 8_192
"""Bytes of JSON; a tool beyond it is left out, for half a schema is none. 2,000 tokens, more than all our own tools have."""
_DEEPEST = 32
_MOST_PARTS = 20_000
"""With every reference followed: a schema of the longest text has a thousand without any."""
_DEFINITIONS = frozenset({"$defs", "definitions"})
_LONGEST_NAME = 128  # the longest that the protocol recommends
_LONGEST_HINT = 400
_LONGEST_REASON = 200
_MOST_REASONS = 20
_REFERENCES = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})
_ELSEWHERE = frozenset({"$id", "id", "$schema"})
_DIALECTS = frozenset({
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2019-09/schema",
    *(f"http://json-schema.org/draft-0{number}/schema{end}" for number in (4, 6, 7) for end in ("", "#")),
})  # fmt: skip
"""Those that are known without being fetched; each means something else by a few of its words."""
_HINTS = frozenset({"description", "title", "$comment"})


class Unfit(Exception):
    """A tool cannot be offered; why, in words."""


def judged(tools: Iterable[tuple[str, str, Any, bool]]) -> tuple[tuple[Tool, ...], tuple[str, ...]]:
    """What is fit of ``(name, description, schema, read_only)``, and a line for each that is not."""
    fit: dict[str, Tool] = {}
    reasons: list[str] = []
    for name, description, schema, read_only in tools:
        try:
            fit[name] = Tool(_fit_name(name, fit), line_of(description), fit_schema(schema), read_only)
        except Unfit as error:
            reasons.append(f"left out {line(name, 40)!r}: {line(str(error), _LONGEST_REASON)}")
    if len(reasons) > _MOST_REASONS:
        reasons[_MOST_REASONS:] = [f"and {len(reasons) - _MOST_REASONS} more were left out"]
    return tuple(fit.values()), tuple(reasons)


def line_of(description: str) -> str:
    """A description as a model may read it."""
    text = cleaned(description, 2 * LONGEST_DESCRIPTION).strip()
    return text if len(text) <= LONGEST_DESCRIPTION else text[: LONGEST_DESCRIPTION - 1] + "…"


def fit_schema(schema: object) -> dict[str, Any]:
    """A schema that can be shown and checked against. Raises Unfit."""
    if not isinstance(schema, dict):
        raise Unfit("its schema is not an object")
    if schema.get("type", "object") != "object":
        raise Unfit(f"its arguments are not an object but {schema.get('type')!r}")
    try:
        size = len(msgspec.json.encode(schema))
    except (RecursionError, TypeError, ValueError):
        raise Unfit("its schema cannot be written as JSON") from None
    if size > LARGEST_SCHEMA:
        raise Unfit(f"its schema has {size:,} bytes; at most {LARGEST_SCHEMA:,} are taken")
    fit: dict[str, Any] = _walked({name: value for name, value in schema.items() if name not in _ELSEWHERE}, 0)
    if (dialect := schema.get("$schema")) in _DIALECTS:
        fit["$schema"] = dialect
    fit.setdefault("type", "object")
    fit.setdefault("properties", {})
    _refuse_explosive(fit)
    try:
        # References were looked at before: this would fetch what they name, from the network and from files.
        jsonschema_rs.validator_for(fit)
    except ValueError as error:  # its own errors are among them
        raise Unfit(f"its schema is no JSON Schema: {str(error).partition(chr(10))[0]}") from None
    return fit


def _refuse_explosive(schema: dict[str, Any]) -> None:
    """Refuse references that multiply: to check against them could take longer than anybody lives. Raises Unfit."""
    named: dict[str, Any] = {"#": schema}
    _name_parts(schema, "#", named)
    known: dict[int, int] = {}

    def size(part: Any) -> int:  # noqa: ANN401 - any part of a schema
        if not isinstance(part, dict | list):
            return 0
        if id(part) not in known:
            known[id(part)] = 1  # while it is counted: what refers to itself goes on as deep as the arguments do
            inside = list(part.values() if isinstance(part, dict) else part)
            if isinstance(part, dict):
                inside += [
                    named.get(unquote(part[word])) for word in _REFERENCES & part.keys() if isinstance(part[word], str)
                ]
            known[id(part)] = 1 + sum(map(size, inside))
        return known[id(part)]

    try:
        total = size({word: value for word, value in schema.items() if word not in _DEFINITIONS})
    except RecursionError:
        total = _MOST_PARTS + 1
    if total > _MOST_PARTS:
        raise Unfit(f"its schema refers to itself so often that it has more than {_MOST_PARTS:,} parts")


def _name_parts(part: Any, path: str, named: dict[str, Any]) -> None:  # noqa: ANN401 - any part of a schema
    """Under what each part can be referred to: its JSON pointer (RFC 6901), and its anchors."""
    if isinstance(part, dict):
        named |= {f"#{part[word]}": part for word in ("$anchor", "$dynamicAnchor") if isinstance(part.get(word), str)}
    members = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for name, value in members:
        below = f"{path}/{str(name).replace('~', '~0').replace('/', '~1')}"
        named[below] = value
        _name_parts(value, below, named)


def _fit_name(name: str, others: Collection[str]) -> str:
    if name in others:
        raise Unfit("there are two of that name")
    if len(others) == MOST_TOOLS:
        raise Unfit(f"there are more than {MOST_TOOLS} tools")
    if not name or len(name) > _LONGEST_NAME:
        raise Unfit(f"its name has {len(name)} characters; 1 to {_LONGEST_NAME} are taken")
    if hidden(name) or line(name, _LONGEST_NAME) != name:
        raise Unfit("its name holds control or invisible characters")
    return name


def _walked(part: Any, depth: int) -> Any:  # noqa: ANN401 - any part of a schema
    """A part of a schema, its hints cleaned. Raises Unfit where it refers elsewhere or hides something."""
    if depth > _DEEPEST:
        raise Unfit(f"its schema is nested more than {_DEEPEST} deep")
    if isinstance(part, str):
        if hidden(part):
            raise Unfit("its schema holds control or invisible characters")
        return part
    if isinstance(part, list):
        return [_walked(item, depth + 1) for item in part]
    if isinstance(part, dict):
        return {_walked(name, depth): _member(name, value, depth) for name, value in part.items()}
    return part


def _member(name: str, value: Any, depth: int) -> Any:  # noqa: ANN401 - any part of a schema
    if isinstance(value, str):
        if name in _REFERENCES and not value.startswith("#"):
            raise Unfit("its schema refers to another document")
        if name in _ELSEWHERE:
            raise Unfit("its schema says that it is part of another document")
        if name in _HINTS:
            return line(value, _LONGEST_HINT)
    return _walked(value, depth + 1)
