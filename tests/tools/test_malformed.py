"""What a model is told of a call that could not be read."""

import pytest

from py_mono.protocol.tools import ToolCall, ToolSpec
from py_mono.tools.malformed import explain

WRITE = ToolSpec(
    "write_file",
    "Writes.",
    {
        "type": "object",
        "properties": {"path": {"type": "string"}, "mode": {"type": "integer"}},
        "required": ["path"],
    },
)


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        ('{"path": }', "expecting value at character 10, near '{\"path\": }'"),
        (
            '<tool_call>{"name": "write_file", "arguments": {"path": "say "hi""}}</tool_call>',
            'expecting \',\' delimiter at character 52, near \'uments": {"path": "say "hi""}}</tool_call>\'',
        ),
        ('{"path": "a', 'unterminated string at character 10, near \'{"path": "a\''),
        ("XML syntax error on line 127", "XML syntax error on line 127"),
        ('{"path": "a", "path": "b"}', '{"path": "a", "path": "b"}'),
        ("x" * 300, "x" * 200 + "…"),
        ("[" * 100_000, "[" * 200 + "…"),
    ],
)
def test_it_says_what_is_wrong_where_and_what_would_be_right(raw: str, fault: str) -> None:
    assert explain(ToolCall("1", "write_file", {}, raw), WRITE, ["write_file"]) == (
        f"the arguments of write_file are not a JSON object, so nothing was run: {fault}. Send {{path: string, mode: integer "
        '(optional)} as one JSON object: names and texts in double quotes, inside a text \\n for a new line and \\" for a '
        "quote. What is long can be written in several smaller calls."
    )


def test_a_call_that_names_no_tool_is_told_which_there_are() -> None:
    assert explain(ToolCall("1", "unknown", {}, "broken"), None, ["read_file", "shell"]) == (
        "the call of 'unknown' could not be read, so nothing was run: broken. The tools are: read_file, shell"
    )
