"""Which tools are fit to be shown, and why others are not."""

from typing import Any

import pytest

from py_mono.mcp_integration.catalogue import LARGEST_SCHEMA, LONGEST_DESCRIPTION, MOST_TOOLS, judged
from py_mono.mcp_integration.listing import Tool


def _deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"not": schema}
    return {"type": "object", "properties": {"x": schema}}


def test_a_tool_is_taken_with_its_texts_cleaned() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "properties": {"a": {"type": "string", "description": "what\u202e to\x1b[31m say", "enum": ["x", "y"]}},
    }
    tools, left_out = judged([("say", "Says\u200b it.\r\nTwice.\x07", schema, True)])
    cleaned = {"a": {"type": "string", "description": "what to say", "enum": ["x", "y"]}}
    expected = {"$schema": schema["$schema"], "type": "object", "properties": cleaned}
    assert tools == (Tool("say", "Says it.\nTwice.", expected, read_only=True),)
    assert left_out == ()


def test_a_dialect_that_nobody_here_knows_is_left_out_and_never_fetched() -> None:
    ((tool,), left_out) = judged([("say", "", {"$schema": "http://127.0.0.1:9/schema", "properties": {}}, False)])
    assert (tool.parameters, left_out) == ({"type": "object", "properties": {}}, ())


def test_a_long_description_is_cut() -> None:
    ((tool,), _) = judged([("say", "word " * 1000, {}, False)])
    assert len(tool.description) == LONGEST_DESCRIPTION
    assert tool.description.endswith("…")


UNFIT = {
    "no object": (["x"], "not an object"),
    "another type": ({"type": "array"}, "'array'"),
    "types": ({"type": ["object", "null"]}, "not an object"),
    "large": ({"properties": {"a": {"enum": ["x" * LARGEST_SCHEMA]}}}, "bytes; at most 8,192"),
    "deep": (_deep(100), "nested more than 32 deep"),
    "deeper": (_deep(3000), "its schema "),  # too deep for some interpreters to encode, too long for the others
    "network": ({"properties": {"a": {"$ref": "http://127.0.0.1:9/x.json"}}}, "another document"),
    "file": ({"$defs": {"a": {"$dynamicRef": "file:///etc/passwd"}}}, "another document"),
    "based elsewhere": ({"properties": {"a": {"$id": "http://127.0.0.1:9/", "$ref": "#/x"}}}, "another document"),
    "dangling": ({"properties": {"a": {"$ref": "#/$defs/none"}}}, "no JSON Schema"),
    "wrong": ({"properties": {"a": {"type": "strin"}}}, "no JSON Schema"),
    "pattern": ({"properties": {"a": {"pattern": "("}}}, "no JSON Schema"),
    "hidden value": ({"properties": {"a": {"enum": ["x\u200b"]}}}, "invisible"),
    "hidden name": ({"properties": {"a\x1b[2J": {}}}, "invisible"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_a_schema_that_cannot_be_used_is_left_out_with_the_reason(case: str) -> None:
    schema, words = UNFIT[case]
    tools, (reason,) = judged([("bad", "", schema, False)])
    assert tools == ()
    assert reason.startswith("left out 'bad': ")
    assert words in reason


@pytest.mark.parametrize("name", ["", "x" * 129, "a\nb", "a\u202eb", "a  b", "\x1b[2J"])
def test_a_name_that_cannot_be_shown_is_left_out(name: str) -> None:
    tools, (reason,) = judged([(name, "", {}, False)])
    assert tools == ()
    assert reason.isprintable()


def test_of_two_of_one_name_the_first_is_taken() -> None:
    tools, (reason,) = judged([("a", "one", {}, False), ("a", "two", {}, True)])
    assert [tool.description for tool in tools] == ["one"]
    assert "two of that name" in reason


def test_of_very_many_the_first_are_taken_and_not_each_of_the_others_is_told() -> None:
    tools, left_out = judged((f"t{number}", "", {}, False) for number in range(MOST_TOOLS + 100))
    assert len(tools) == MOST_TOOLS
    assert len(left_out) == 21
    assert left_out[-1] == "and 80 more were left out"


def _doubling(levels: int, reference: str) -> dict[str, Any]:
    twice = {f"a{level}": {"allOf": [{"$ref": reference.format(level + 1)}] * 2} for level in range(levels)}
    return {"$defs": {**twice, f"a{levels}": {"type": "object"}}, "allOf": [{"$ref": reference.format(0)}]}


@pytest.mark.parametrize("reference", ["#/$defs/a{}", "#/%24defs/a{}"])
def test_references_that_multiply_are_left_out_for_no_check_of_them_would_end(reference: str) -> None:
    ((), (reason,)) = judged([("boom", "", _doubling(60, reference), True)])
    assert "refers to itself so often" in reason
    assert judged([("few", "", _doubling(3, reference), True)])[1] == ()


def test_a_schema_of_a_tree_is_taken() -> None:
    node = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/node"}}}}
    assert (
        judged([("tree", "", {"$defs": {"node": node}, "properties": {"root": {"$ref": "#/$defs/node"}}}, True)])[1]
        == ()
    )
