"""What arguments come to, in every form in which servers hand them on."""

from typing import Any

import pytest

from py_mono.llm.call_arguments import call_with
from py_mono.protocol.tools import ToolCall


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        ({"path": "a"}, {"path": "a"}),
        ('{"path": "a"}', {"path": "a"}),
        (r'"{\"path\": \"a\"}"', {"path": "a"}),
        (None, {}),
        (" \n", {}),
        ("null", {}),
    ],
)
def test_an_object_is_found_in_text_and_in_text_in_text(arguments: object, meant: dict[str, Any]) -> None:
    assert call_with(arguments, name="read_file", id_="7") == ToolCall("7", "read_file", meant)


@pytest.mark.parametrize(
    ("arguments", "raw"),
    [
        ('{"path": "a', '{"path": "a'),
        (["a", 1], '["a",1]'),
        ("[1]", "[1]"),
        ("[" * 100_000, "[" * 100_000),
        (r'"\"\\\"three times\\\"\""', r'"\"\\\"three times\\\"\""'),
    ],
)
def test_what_is_no_object_is_a_malformed_call_with_its_text_as_it_came(arguments: object, raw: str) -> None:
    assert call_with(arguments, name="read_file") == ToolCall("", "read_file", {}, raw)
