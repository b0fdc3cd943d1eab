import io
import json
import sys
from pathlib import Path

import pytest

from py_mono.config import Settings
from py_mono.llm.call_parser.families import NAMES
from py_mono.protocol.errors import ConfigError
from py_mono.protocol.tools import ToolSpec
from py_mono.ui.arguments import parse
from py_mono.ui.debug_command import read_tools, run
from py_mono.ui.subcommands import FORMATS

SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}


def test_the_help_names_every_format() -> None:
    assert FORMATS.removeprefix("formats:").split() == list(NAMES)


def listed(tmp_path: Path, text: str) -> str:
    path = tmp_path / "tools.json"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_tools_are_read_in_both_forms(tmp_path: Path) -> None:
    inner = {"name": "read_file", "description": "Read.", "parameters": SCHEMA}
    tools = [{"type": "function", "function": inner}, {"name": "now"}]
    expected = [ToolSpec("read_file", "Read.", SCHEMA), ToolSpec("now", "", {})]
    assert read_tools(listed(tmp_path, json.dumps(tools))) == expected
    assert read_tools(listed(tmp_path, "\ufeff" + json.dumps({"tools": tools}))) == expected
    assert read_tools(listed(tmp_path, "[]")) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("3", "holds no list of tools"),
        ("{}", "holds no list of tools"),
        ("[3]", "item 1 names no function"),
        ('[{"name": "a"}, {"type": "function"}]', "item 2 names no function"),
        ('[{"name": ""}]', "item 1 names no function"),
        ('[{"function": null}]', "item 1 names no function"),
        ('[{"name": "a", "parameters": []}]', "the parameters of a are no JSON Schema"),
    ],
)
def test_a_list_of_tools_that_is_none_is_refused_with_what_would_be_one(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        read_tools(listed(tmp_path, text))
    assert '[{"type": "function"' in refused.value.remedy


def test_a_missing_list_of_tools_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.json cannot be read: No such file"):
        read_tools(str(tmp_path / "nowhere.json"))


class _Stdin:
    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


def printed(data: bytes, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    monkeypatch.setattr(sys, "stdin", _Stdin(data))
    return run(parse(["debug", "parse-tool-calls", *options]), Settings())


def test_half_a_surrogate_pair_is_printed_escaped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = b'<tool_call>{"name": "f", "arguments": {"a": "\\ud800"}}</tool_call>'
    assert printed(data, monkeypatch) == 0
    assert capsys.readouterr().out == '[{"name": "f", "arguments": {"a": "\\ud800"}}]\n'


def test_an_unknown_format_is_refused_with_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="there is no format 'xml'") as refused:
        printed(b"", monkeypatch, "--format", "xml")
    assert "hermes" in refused.value.remedy
