"""Arguments that do not fit as they stand: taken where they can mean one thing only, else refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_mono.protocol.tools import ToolSpec
from py_mono.tools.schema import check

WRITE = ToolSpec(
    "write_file",
    "Write.",
    {
        "type": "object",
        "properties": {"path": {"type": "string"}, "content": {"type": "string"}},
        "required": ["path", "content"],
        "additionalProperties": False,
    },
    "write",
)
EDIT = ToolSpec(
    "edit_file",
    "Edit.",
    {
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "old_content": {"type": "string"},
            "new_content": {"type": "string"},
            "replace_all": {"type": "boolean"},
        },
        "required": ["path", "old_content", "new_content"],
        "additionalProperties": False,
    },
    "write",
)
GREP = ToolSpec(
    "grep",
    "Search.",
    {
        "type": "object",
        "properties": {
            "pattern": {"type": "string"},
            "path": {"type": "string"},
            "case_insensitive": {"type": "boolean"},
        },
        "required": ["pattern"],
        "additionalProperties": False,
    },
)
SEARCH = ToolSpec(
    "ctx_search",
    "Search.",
    {
        "type": "object",
        "properties": {
            "queries": {"type": "array", "items": {"type": "string"}},
            "edits": {
                "type": "array",
                "items": {"type": "object", "properties": {"at": {"type": "integer"}}, "required": ["at"]},
            },
            "headers": {"type": "object"},
            "filter": {"anyOf": [{"type": "object", "properties": {}}, {"type": "null"}]},
            "either": {"type": ["string", "array"]},
        },
    },
    source="mcp:context",
)
EXTRACT = ToolSpec(
    "ExtractName",
    "Extract.",
    {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    source="mcp:names",
)

RUN = ToolSpec(
    "run",
    "Run.",
    {
        "type": "object",
        "properties": {"name": {"type": "string"}, "arguments": {"type": "object"}},
        "required": ["name"],
        "additionalProperties": False,
    },
    source="control",
)

ACCEPTED: list[tuple[str, ToolSpec, dict[str, Any], dict[str, Any]]] = [
    ("pi#5697: an array as text", SEARCH, {"queries": '["test"]'}, {"queries": ["test"]}),
    ("pi#9931: an array of objects as text", SEARCH, {"edits": '[{"at": "3"}]'}, {"edits": [{"at": 3}]}),
    ("cecli#536: objects as text in an array", SEARCH, {"edits": [{"at": 1}, '{"at": 2}']}, {"edits": [{"at": 1}, {"at": 2}]}),
    ("atomic-agent#182: an object as text", SEARCH, {"headers": '{"User-Agent": "x"}'}, {"headers": {"User-Agent": "x"}}),
    ("kimi-cli#2513: encoded twice", SEARCH, {"queries": json.dumps('["a"]')}, {"queries": ["a"]}),
    ("an object or null", SEARCH, {"filter": '{"a": 1}'}, {"filter": {"a": 1}}),
    ("text where text is allowed", SEARCH, {"either": '["a"]'}, {"either": '["a"]'}),
    (
        "ollama#11805: the call inside its arguments",
        EXTRACT,
        {"arguments": {"name": "John"}, "name": "ExtractName"},
        {"name": "John"},
    ),
    ("vllm#40959: an envelope", WRITE, {"arguments": {"path": "a", "content": "b"}}, {"path": "a", "content": "b"}),
    ("vllm#41531: an envelope of text", WRITE, {"arguments": '{"path": "a", "content": "b"}'}, {"path": "a", "content": "b"}),
    ("ollama#12413: parameters", WRITE, {"parameters": {"path": "a", "content": "b"}}, {"path": "a", "content": "b"}),
    ("two envelopes", WRITE, {"arguments": {"arguments": {"path": "a", "content": "b"}}}, {"path": "a", "content": "b"}),
    (
        "the call inside its arguments, other names too",
        WRITE,
        {"name": "WriteFile", "parameters": {"file_path": "a", "text": "b"}},
        {"path": "a", "content": "b"},
    ),
    ("openclaw#2596: file_path", WRITE, {"file_path": "a", "content": "b"}, {"path": "a", "content": "b"}),
    ("aft#148: filePath", WRITE, {"filePath": "a", "contents": "b"}, {"path": "a", "content": "b"}),
    (
        "copilot-cli#3254: old_str and new_str",
        EDIT,
        {"filename": "a", "old_str": "b", "new_str": "c", "replaceAll": "true"},
        {"path": "a", "old_content": "b", "new_content": "c", "replace_all": True},
    ),
    ("another spelling", GREP, {"Pattern": "x", "caseInsensitive": True}, {"pattern": "x", "case_insensitive": True}),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "given", "meant"), [row[1:] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED])
def test_what_can_mean_one_thing_only_is_taken_as_meant(
    spec: ToolSpec, given: dict[str, Any], meant: dict[str, Any]
) -> None:
    before = json.dumps(given)
    assert check(spec, given) == (meant, "")
    assert json.dumps(given) == before


REFUSED: list[tuple[str, ToolSpec, dict[str, Any], str]] = [
    ("two names for one", WRITE, {"file_path": "a", "filename": "b", "content": "c"}, '"path" is a required property'),
    ("a name beside the real one", WRITE, {"path": "a", "file_path": "a", "content": "c"}, "'file_path' was unexpected"),
    ("an optional one in other words", GREP, {"pattern": "x", "file_path": "a"}, "'file_path' was unexpected"),
    ("another tool's call", WRITE, {"name": "shell", "arguments": {"path": "a", "content": "b"}}, "('name', 'arguments' were unexpected)"),
    ("a call and more", WRITE, {"name": "write_file", "arguments": {"path": "a", "content": "b"}, "x": 1}, "unexpected"),
    ("the tool's own arguments", RUN, {"arguments": {"name": "x"}}, '"name" is a required property'),
    ("an envelope and more", WRITE, {"arguments": {"content": "b"}, "path": "a"}, "'arguments' was unexpected"),
    ("an envelope that does not fit", WRITE, {"arguments": {"path": "a"}}, "'arguments' was unexpected"),
    ("an array where an object belongs", SEARCH, {"headers": "[1]"}, 'headers: "[1]" is not of type "object"'),
    ("broken JSON", SEARCH, {"queries": '["a"'}, 'is not of type "array"'),
    ("a word where a list belongs", SEARCH, {"queries": "test"}, 'queries: "test" is not of type "array"'),
    ("synonyms of a tool not ours", ToolSpec("w", "", WRITE.parameters, source="mcp:x"), {"file": "a", "text": "b"}, "unexpected"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "given", "error"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_leaves_a_choice_is_refused(spec: ToolSpec, given: dict[str, Any], error: str) -> None:
    assert error in check(spec, given)[1]


def test_json_given_as_the_content_of_a_file_is_refused_with_what_to_do() -> None:
    """The shape of anthropics/claude-code#6690 and anomalyco/opencode#14832: how it was to be laid out nobody can say."""
    _, wrong = check(WRITE, {"path": "a.json", "content": {"name": "x", "version": 1}})
    assert wrong == (
        'wrong arguments for write_file: content: {"name":"x","version":1} is not of type "string". Give content as one '
        "string, with the JSON as its text, or write the file with shell. It takes {path: string, content: string}"
    )


def test_what_fits_as_it_stands_is_never_taken_in_another_sense() -> None:
    open_ended = ToolSpec("put", "", {"type": "object", "properties": {"path": {"type": "string"}}}, source="mcp:x")
    for fits in ({"arguments": {"path": "a"}}, {"file": "a"}, {"name": "put", "arguments": [1]}, {"parameters": "{}"}):
        assert check(open_ended, fits) == (fits, "")


names = st.sampled_from(
    ["path", "file_path", "Path", "content", "text", "arguments", "parameters", "name", "old_str", "new_content", "x"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.sampled_from(['{"path": "a"}', "write_file"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from([WRITE, EDIT, GREP]), st.dictionaries(names, values, max_size=4))
def test_no_reading_invents_or_loses_a_text(spec: ToolSpec, arguments: dict[str, Any]) -> None:
    meant, wrong = check(spec, arguments)
    if not wrong:
        assert set(spec.parameters["required"]) <= set(meant) <= set(spec.parameters["properties"])
        said = json.dumps(arguments)
        for value in meant.values():
            assert isinstance(value, bool) or json.dumps(value)[1:-1] in said.replace('\\"', '"') or value in said


@pytest.mark.parametrize("odd", [True, None, "x", {"type": 3}, {"type": [None]}, {"anyOf": [True]}])
def test_odd_schemas_of_one_argument_do_not_break_the_reading(odd: object) -> None:
    spec = ToolSpec("odd", "", {"type": "object", "properties": {"a": odd}}, source="mcp:odd")
    meant, _ = check(spec, {"a": "[1]"})
    assert meant == {"a": "[1]"}
