"""One list of tools, one check of the arguments."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec
from py_mono.tools.registry import DISPATCHER, ToolRegistry
from py_mono.tools.schema import check

READ = ToolSpec(
    "read_file",
    "Read.",
    {
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "offset": {"type": "integer", "minimum": 1},
            "all": {"type": "boolean"},
        },
        "required": ["path"],
        "additionalProperties": False,
    },
)
DEEP = ToolSpec(
    "edits",
    "Edit.",
    {
        "type": "object",
        "properties": {
            "edits": {
                "type": "array",
                "items": {"type": "object", "properties": {"new": {"type": "string"}}, "required": ["new"]},
            }
        },
        "required": ["edits"],
    },
)
SHAPE = "It takes {path: string, offset: integer (optional), all: boolean (optional)}"


class Echo:
    """A source that says what it was called with."""

    def __init__(self, *specs: ToolSpec) -> None:
        self._specs = specs
        self.calls: list[ToolCall] = []

    async def specs(self) -> Sequence[ToolSpec]:
        return self._specs

    async def call(self, call: ToolCall, on_output: Callable[[str], None]) -> ToolResult:
        del on_output
        self.calls.append(call)
        return ToolResult(call.id, call.name, "called")


async def call(source: Echo, name: str, arguments: dict[str, Any], malformed: str = "") -> ToolResult:
    return await ToolRegistry([source]).call(ToolCall("1", name, arguments, malformed), lambda _: None)


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        ({"path": "a"}, {"path": "a"}),
        ({"path": "a", "offset": 5}, {"path": "a", "offset": 5}),
        ({"path": "a", "offset": "5"}, {"path": "a", "offset": 5}),
        ({"path": "a", "offset": " 12345678901234567890 "}, {"path": "a", "offset": 12345678901234567890}),
        ({"path": "a", "all": "True"}, {"path": "a", "all": True}),
        ({"path": "a", "offset": None, "all": None}, {"path": "a"}),
        ({"path": "5"}, {"path": "5"}),
        ({"path": "a", "offset": 5.0}, {"path": "a", "offset": 5}),
        ({"path": "a", "offset": " 5.0 "}, {"path": "a", "offset": 5}),
        ({"path": "a", "offset": 1e15}, {"path": "a", "offset": 10**15}),
    ],
)
async def test_arguments_reach_the_tool_as_they_were_meant(arguments: dict[str, Any], meant: dict[str, Any]) -> None:
    source = Echo(READ)
    result = await call(source, "read_file", arguments)
    assert result == ToolResult("1", "read_file", "called")
    assert [one.arguments for one in source.calls] == [meant]
    assert {type(value) for value in source.calls[0].arguments.values()} <= {str, int, bool}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, '"path" is a required property'),
        ({"path": 3}, 'path: 3 is not of type "string"'),
        ({"path": None}, 'path: null is not of type "string"'),
        ({"path": "a", "offset": 0}, "offset: 0 is less than the minimum of 1"),
        ({"path": "a", "offset": "five"}, 'offset: "five" is not of type "integer"'),
        ({"path": "a", "offset": 5.5}, 'offset: 5.5 is not of type "integer"'),
        ({"path": "a", "offset": "5.5"}, 'offset: 5.5 is not of type "integer"'),
        ({"path": "a", "offset": True}, 'offset: true is not of type "integer"'),
        ({"path": "a", "limit": 1}, "Additional properties are not allowed ('limit' was unexpected)"),
    ],
)
async def test_wrong_arguments_are_refused_and_the_field_is_named(arguments: dict[str, Any], error: str) -> None:
    source = Echo(READ)
    result = await call(source, "read_file", arguments)
    assert result == ToolResult("1", "read_file", f"wrong arguments for read_file: {error}. {SHAPE}", is_error=True)
    assert source.calls == []


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"in": value}
    return value


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"path": "a", "offset": "9" * 5000}, 'offset: "' + "9" * 291 + "…"),
        ({"path": "a", "offset": "9" * 41 + ".0"}, 'offset: "' + "9" * 41 + '.0" is not of type "integer"'),
        ({"path": "\ud800", "x": 1}, "they hold characters that are no Unicode text (lone surrogates)"),
        ({"path": "a\udcff"}, "they hold characters that are no Unicode text (lone surrogates)"),
        ({"path": "a", "\udcff": 1}, "they hold characters that are no Unicode text (lone surrogates)"),
        (
            {"path": nested(2000)},
            "they cannot be checked: Recursion limit reached. Give path as one string, with the JSON as its text",
        ),
    ],
    ids=[
        "digits",
        "digits and a point",
        "a value's surrogate",
        "a lone value's surrogate",
        "a name's surrogate",
        "depth",
    ],
)
async def test_arguments_that_cannot_be_checked_are_refused_in_words(arguments: dict[str, Any], error: str) -> None:
    result = await call(Echo(READ), "read_file", arguments)
    assert result == ToolResult("1", "read_file", f"wrong arguments for read_file: {error}. {SHAPE}", is_error=True)


async def test_a_tool_whose_schema_is_none_is_refused_in_words() -> None:
    source = Echo(ToolSpec("odd", "Odd.", {"type": "nope"}))
    result = await call(source, "odd", {"a": 1})
    assert result.is_error
    assert "wrong arguments for odd: they cannot be checked: " in result.content
    assert source.calls == []


async def test_the_dispatcher_hands_on_what_was_meant() -> None:
    source = Echo(READ)
    await call(source, "call_tool", {"name": "read_file", "arguments": {"path": "a", "offset": 2.0, "all": "true"}})
    assert [repr(one.arguments) for one in source.calls] == ["{'path': 'a', 'offset': 2, 'all': True}"]


def test_the_path_of_a_deep_error_is_told() -> None:
    assert 'edits.0: "new" is a required property' in check(DEEP, {"edits": [{"old": "x"}]})[1]


async def test_malformed_arguments_never_run() -> None:
    source = Echo(READ)
    result = await call(source, "read_file", {}, malformed='{"path": "a')
    assert result.is_error
    assert "nothing was run: unterminated string at character 10" in result.content
    assert source.calls == []


async def test_an_unknown_tool_is_answered_with_those_there_are() -> None:
    result = await call(Echo(READ, DEEP), "fly", {})
    assert result == ToolResult("1", "fly", "there is no tool 'fly'. The tools are: read_file, edits", is_error=True)


async def test_a_name_in_another_spelling_calls_the_tool_by_its_own() -> None:
    source = Echo(READ)
    assert await call(source, "functions.ReadFile", {"path": "a"}) == ToolResult("1", "read_file", "called")
    inside = {"name": "Read_File", "arguments": '{"path": "b"}'}
    assert await call(source, "callTool", inside) == ToolResult("1", "read_file", "called")
    assert source.calls == [ToolCall("1", "read_file", {"path": "a"}), ToolCall("1", "read_file", {"path": "b"})]


async def test_a_foreign_name_is_never_run_as_another_tool() -> None:
    source = Echo(READ)
    for name in ("cat", "read", "repo_browser.read_file"):
        result = await call(source, name, {"path": "a"})
        assert result.content == f"there is no tool {name!r}; the tool for that is read_file. The tools are: read_file"
    assert source.calls == []


async def test_for_a_small_window_less_is_shown_than_can_be_called() -> None:
    source = Echo(READ, ToolSpec("grep", "Search.", {}), ToolSpec("shell", "Run.", {}))
    registry = ToolRegistry([source], small=True)
    assert [spec.name for spec in await registry.specs()] == ["read_file", "shell", "call_tool"]
    assert (await registry.call(ToolCall("1", "grep", {}), lambda _: None)).content == "called"
    refused = await registry.call(ToolCall("1", "find", {}), lambda _: None)
    assert (
        refused.content == "there is no tool 'find'; the tool for that is shell (ls). The tools are: read_file, shell"
    )
    wrong = await registry.call(ToolCall("1", "read_file", {"path": "a", "offset": 0}), lambda _: None)
    assert "offset: 0 is less than the minimum of 1" in wrong.content


async def test_the_first_source_keeps_a_name_and_the_dispatcher_comes_last() -> None:
    first, second = Echo(READ), Echo(ToolSpec("read_file", "Impostor.", {}), DEEP)
    registry = ToolRegistry([first, second])
    assert await registry.specs() == (READ, DEEP, DISPATCHER)
    await registry.call(ToolCall("1", "read_file", {"path": "a"}), lambda _: None)
    assert (len(first.calls), len(second.calls)) == (1, 0)


async def test_the_dispatcher_checks_both_layers_of_arguments() -> None:
    source = Echo(READ)
    assert "required property" in (await call(source, "call_tool", {"arguments": {}})).content
    assert "wrong arguments for read_file" in (await call(source, "call_tool", {"name": "read_file"})).content
    assert "no tool 'call_tool'" in (await call(source, "call_tool", {"name": "call_tool"})).content
    ok = await call(source, "call_tool", {"name": "read_file", "arguments": {"path": "a", "offset": "2"}})
    assert ok == ToolResult("1", "read_file", "called")
    assert source.calls == [ToolCall("1", "read_file", {"path": "a", "offset": 2})]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["path", "offset", "all", "x"]), json_values))
def test_whatever_comes_is_judged_and_what_passes_fits_the_schema(arguments: dict[str, Any]) -> None:
    meant, wrong = check(READ, arguments)
    if not wrong:
        assert isinstance(meant["path"], str)
        assert isinstance(meant.get("offset", 1), int)
        assert isinstance(meant.get("all", True), bool)
        assert set(meant) <= {"path", "offset", "all"}


async def test_without_a_source_there_is_no_tool_and_nothing_to_dispatch_to() -> None:
    registry = ToolRegistry([])
    assert await registry.specs() == ()
    for name in ("shell", "call_tool"):
        result = await registry.call(ToolCall("1", name, {"name": "shell"}), print)
        assert (result.is_error, result.content) == (True, "there are no tools in this session; answer in words")
