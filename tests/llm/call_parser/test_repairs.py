import json

import pytest

from py_mono.llm.call_parser.families import MARKS
from py_mono.llm.call_parser.parse import Parsed, parse
from py_mono.llm.call_parser.stream import CallStream
from py_mono.protocol.tools import ToolCall
from tests.llm.call_parser.samples import READ, READ_JSON, TOOLS, WRITE_JSON, call


def tagged(inside: str) -> tuple[ToolCall, ...]:
    return parse(f"<tool_call>\n{inside}\n</tool_call>", TOOLS).calls


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ('{"name": "read_file", "arguments": {"path": "a,}",},}', call("read_file", path="a,}")),
        ('{"name": "read_file", "arguments": {"path": "a\n\tb"}}', call("read_file", path="a\n\tb")),
        ("{'name': 'read_file', 'arguments': {'path': 'it\\'s \"a\"'}}", call("read_file", path='it\'s "a"')),
        ("{'name': 'read_file', 'arguments': {'path': \"it's\"}}", call("read_file", path="it's")),
        (
            '{"name": "list_files", "arguments": {"recursive": True, "path": None}}',
            call("list_files", recursive=True, path=None),
        ),
        ('{“name”: “read_file”, “arguments”: {“path”: “a "b"”}}', call("read_file", path='a "b"')),
        (
            '{"name": "read_file", /* which */ "arguments": {"path": "a//b # c"} // there\n}',
            call("read_file", path="a//b # c"),
        ),
        ('{"name": "read_file", # which\n"arguments": {"path": "/* a */"}}', call("read_file", path="/* a */")),
        ('{"name": "read_file", "arguments": {"path": "a"}', call("read_file", path="a")),
        ('[{"name": "read_file", "arguments": {"path": "a"}}', call("read_file", path="a")),
        ('{"name": "read_file", "arguments": "{\'path\': \'a\'}"}', call("read_file", path="a")),
        (
            '{"name": "read_file", "arguments": "\\"{\\\\\\"path\\\\\\": \\\\\\"a\\\\\\"}\\""}',
            call("read_file", path="a"),
        ),
        ('{"name": "list_files", "arguments": ""}', call("list_files")),
        ('{"name": "list_files", "arguments": null}', call("list_files")),
        ('{"name": "list_files"}', call("list_files")),
        ('{"name": "functions.list_files", "arguments": {}}', call("list_files")),
        ('{"name": "read_file", "arguments": {"path": "a", "path": "a"}}', call("read_file", path="a")),
        ('{"name": "read_file", "arguments": {"path": "\\ud83e\\udd8a \\ud800"}}', call("read_file", path="🦊 \ud800")),
        ('{"read_file": {"path": "a"}}', call("read_file", path="a")),
    ],
)
def test_json_is_repaired_where_it_has_one_meaning(inside: str, expected: ToolCall) -> None:
    assert tagged(inside) == (expected,)


@pytest.mark.parametrize(
    ("inside", "name"),
    [
        ('{"name": "read_file", "arguments": {"path": "a", "path": "b"}}', "read_file"),
        ('{"name": "read_file", "arguments": {"offset": 1, "offset": true, "path": "b"}}', "read_file"),
        ('{"name": "read_file", "arguments": {"path": "a"}, "parameters": {"path": "b"}}', "read_file"),
        ('{"name": "read_file", "tool": "write_file", "arguments": {"path": "a"}}', "read_file"),
        ('{"name": "write_file", "arguments": {"path": "a"}, "content": "x"}', "write_file"),
        ('{"name": "write_file", "path": "a", "content": "x"}', "write_file"),
        ('{"name": "read_file", "arguments": {"path": "say "hi" now"}}', "read_file"),
        ('{"name": "read_file", "arguments": {"path": "\\d+"}}', "read_file"),
        ("{'name': 'read_file', 'arguments': {'path': 'a\\/b'}}", "read_file"),
        ('{"name": "read_file", "arguments": {"path": "a"', "read_file"),
        ('{"name": "read_file", "arguments": {"path": "a"},', "read_file"),
        ('{"name": "read_file", "arguments": {"path" "a"}}', "read_file"),
        ('{"name": "read_file" "arguments": {"path": "a"}}', "read_file"),
        ('{"name": "read_file", "arguments": {path: "a"}}', "read_file"),
        ('{"name": "read_file", "arguments": {"path": a}}', "read_file"),
        ('{"name": "read_file", "arguments": {"path": NaN}}', "read_file"),
        ('{"name": "read_file", "arguments": {"offset": 1e999}}', "read_file"),
        ('{"name": "read_file", "arguments": {"offset": 012}}', "read_file"),
        (f'{{"name": "read_file", "arguments": {{"offset": {"9" * 5000}}}}}', "read_file"),
        (f'{{"name": "read_file", "arguments": {{"path": {"[" * 70}{"]" * 70}}}}}', "read_file"),
        (f'{{"name": "read_file", "arguments": {{"path": {"[" * 70_000}{"]" * 70_000}}}}}', "read_file"),
        ('{"name": "read_file", "arguments": ["a"]}', "read_file"),
        ('{"name": "read_file", "arguments": "a.txt"}', "read_file"),
        ('{"name": "read_file", "arguments": "{\\"path\\": \\"a"}', "read_file"),
        ('{"name": "read_file", "arguments": 3}', "read_file"),
        ('{"arguments": {"path": "a"}}', ""),
        ('{"name": "read_file", "arguments": {"path": "a"}} and more', "read_file"),
        ("{}", ""),
        ("{...}", ""),
        ("<function=read_file>\n<parameter=path>\na\n<parameter=limit>\n3\n</parameter>\n</function>", "read_file"),
        ("<function=read_file><parameter=path>a</parameter><parameter=path>b</parameter></function>", ""),
        ("<function=read_file><parameter=path>a<parameter=limit>3</parameter></function>", "read_file"),
        (
            "<function=read_file>\n<parameter=path>\na\n</parameter>\n<paramter=limit>\n3\n</parameter>\n</function>",
            "read_file",
        ),
        ("read_file<arg_key>path</arg_key><arg_value>a<arg_key>limit</arg_key><arg_value>3</arg_value>", "read_file"),
        ("read_file<arg_key>path<arg_value>a</arg_value><arg_key>limit</arg_key><arg_value>3</arg_value>", "read_file"),
        ('read_file("a")', "read_file"),
        ("[read_file(path='a', path='b')]", "read_file"),
        ("[read_file(path=open('a').read())]", ""),
        ("[read_file(path='a' + 'b')]", ""),
        ("[read_file(path=f'{a}')]", ""),
        ("[read_file(**{'path': 'a'})]", ""),
        ("[read_file(path='it's')]", ""),
    ],
)
def test_what_has_another_meaning_or_none_is_malformed_and_never_guessed(inside: str, name: str) -> None:
    printed = f"<tool_call>\n{inside}\n</tool_call>\nWell."
    parsed = parse(printed, TOOLS)
    assert [(found.name, found.arguments) for found in parsed.calls] == [(name, {})]
    assert parsed.calls[0].malformed in printed
    assert parsed.calls[0].malformed
    assert (parsed.text, parsed.cut, parsed.broken_name) == ("Well.", False, name)


@pytest.mark.parametrize(
    ("python", "expected"),
    [
        ("[read_file(path='a', offset=-3)]", call("read_file", path="a", offset=-3)),
        ('read_file(path="a\nb\\tc")', call("read_file", path="a\nb\tc")),
        ("[read_file(path='''a 'b' \"c\"''')]", call("read_file", path="a 'b' \"c\"")),
        ("[read_file(path=('a\\n'\n  'b'),)]", call("read_file", path="a\nb")),
        ("[read_file(path='\\d \\x41 \\u00e9 \\U0001F98A \\101 \\\n.')]", call("read_file", path="\\d A é 🦊 A .")),
        ("[read_file(path='\\ud83e\\udd8a')]", call("read_file", path="🦊")),
        (
            "[plan(steps=(1, 2.5), options={'a': {'b': [true, None]}})]",
            call("plan", steps=[1, 2.5], options={"a": {"b": [True, None]}}),
        ),
        ("[list_files()]", call("list_files")),
    ],
)
def test_python_literals_are_read_and_nothing_else(python: str, expected: ToolCall) -> None:
    assert parse(f"<|tool_call_start|>{python}<|tool_call_end|>", TOOLS).calls == (expected,)


@pytest.mark.parametrize(
    "printed",
    [
        '<invoke name="read_file">\n<parameter name="path">a\n<parameter name="limit">3</parameter>\n</invoke>',
        (
            '<invoke name="read_file">\n<parameter name="path">a</parameter\n</invoke>\n<invoke name="grep">\n'
            '<parameter name="pattern">b</parameter>\n</invoke>'
        ),
        (
            "<function=read_file>\n<parameter=path>\na\n</parameter\n</function>\n<function=grep>\n<parameter=pattern>\n"
            "b\n</parameter>\n</function>"
        ),
        (
            '<|tool_call_begin|>functions.read_file:0{"path": "a"}<|tool_call_end|><|tool_call_begin|>functions.grep:1'
            '<|tool_call_argument_begin|>{"pattern": "b"}<|tool_call_end|>'
        ),
    ],
)
def test_a_value_or_a_name_never_swallows_what_follows_it(printed: str) -> None:
    parsed = parse(printed, TOOLS)
    assert [(found.arguments, bool(found.malformed)) for found in parsed.calls] == [({}, True)]


@pytest.mark.parametrize(
    "printed",
    [
        '[TOOL_CALLS]read_file[ARGS]{"path": "a", }offset": 3}',
        '[TOOL_CALLS] [{"name": "read_file", "arguments": {"path": "a"}}], "offset": 3}]',
        '<|python_tag|>{"name": "read_file", "parameters": {"path": "a"}}"}',
        '<|channel|>commentary to=functions.read_file<|message|>{"path": "a"}, "offset": 3}<|call|>',
        'functools[{"name": "read_file", "arguments": {"path": "a"}}]]"}',
        '<function_call>{"name": "read_file", "arguments": {"path": "a"}}"}',
        """Action: read_file\nAction Input: {"path": '"a', }]"}""",
    ],
)
def test_a_value_that_ends_within_a_line_may_have_ended_too_early(printed: str) -> None:
    assert [call for call in parse(printed, TOOLS).calls if not call.malformed] == []


def test_a_sentence_behind_a_call_without_an_end_mark_is_text() -> None:
    parsed = parse('[TOOL_CALLS]read_file[ARGS]{"path": "a"} and then I wait.', TOOLS)
    assert (parsed.calls, parsed.text) == ((call("read_file", path="a"),), "and then I wait.")


def test_what_stands_within_an_unreadable_call_is_no_call() -> None:
    hidden = f'</tool_call>\n<tool_call>{WRITE_JSON}</tool_call>"'
    printed = f'<tool_call>{{"name": "read_file", "arguments": {{"path": "say "hi" {hidden}}}}}</tool_call>'
    parsed = parse(printed, TOOLS)
    assert [found.name for found in parsed.calls] == ["read_file"]
    assert parsed.calls[0].malformed


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize(
    ("printed", "name"),
    [
        ("On it.\n<tool_call>", ""),
        ('On it.\n<tool_call>{"name": "write_file", "arguments": {"path": "a}}</tool_call>\nWell.', "write_file"),
        ('On it.\n<tool_call>\n{"name": "write_file", "arguments": {"path": "a"}', "write_file"),
        (
            'On it.\n<tool_call>\n{"name": "write_file", "arguments": {"path": "a", "content": "</tool_call> x',
            "write_file",
        ),
        (
            "On it.\n<function=write_file>\n<parameter=path>\na\n</parameter>\n<parameter=content>\nx\n</parameter>\n",
            "",
        ),
        ('On it.\n[TOOL_CALLS][{"name": "write_file", "arguments": {"path": "a"}}', "write_file"),
        ("On it.<|tool_call_start|>[write_file(path='a', content='x')", ""),
        ('On it.\n```json\n{"name": "write_file", "arguments": {"path": "a"', "write_file"),
        ('On it.\n{"name": "write_file", "arguments": {"path": "a"', "write_file"),
    ],
)
def test_a_call_that_was_cut_is_said_to_be_and_shown_nowhere(printed: str, name: str, *, cut: bool) -> None:
    assert parse(printed, TOOLS, cut=cut) == Parsed("On it.", "", (), cut=True, broken_name=name)


def test_json_of_something_else_that_was_cut_is_text() -> None:
    for printed in ('{"name": "Bob", "age": 3', "{", '```json\n{"a": 1', "[1, 2"):
        assert parse(printed, TOOLS) == Parsed(printed, "", (), cut=False, broken_name="")


def test_a_missing_end_mark_is_forgiven_only_where_nothing_was_cut() -> None:
    printed = f"<tool_call>\n{READ_JSON}"
    assert parse(printed, TOOLS).calls == (READ,)
    assert parse(printed, TOOLS, cut=True) == Parsed("", "", (), cut=True, broken_name="read_file")


HOSTILE = [
    *MARKS,
    *(f"{mark}{{" for mark in MARKS),
    *(f'{mark}{{"name": "' for mark in MARKS),
    *(
        f"{mark}\n"
        for mark in ("{", "[", "```json\n{", "```json", "`", '{"arguments":/*', "{'arguments': '", '{"arguments": [1,')
    ),
    '{"name":"read_file","arguments":',
    "<tool_call><function=read_file><parameter=path>",
    "<function=read_file><parameter=path></parameter>",
    '<invoke name="read_file"><parameter name="path"></parameter>x',
    "<tool_call>read_file<arg_key>a</arg_key><arg_value></arg_value>",
    "Action: read_file\nAction Input: {\n",
    "[read_file(path='",
    "<|tool_call_start|>[read_file(path='a'),",
    "<|tool_call>call:read_file{a:[",
    "functools[\n",
    "a <tool_call>{x</tool_call> b ",
    '\\"',
    "<" * 7,
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_long_row_of_anything_is_gone_through_in_its_length(piece: str) -> None:
    """The suite's timeout is the assertion: what grows with the square of the length does not end."""
    text = piece * (20_000 // len(piece))
    whole = parse(text, TOOLS)
    stream = CallStream(TOOLS)
    shown = "".join(delta.text for at in range(0, len(text), 4000) for delta in stream.feed(text[at : at + 4000]))
    rest, parsed = stream.finish()
    assert parsed.calls == whole.calls
    assert len(shown) + sum(len(delta.text) for delta in rest) == len(parsed.text) + len(parsed.reasoning)


def test_a_long_call_in_small_pieces_is_not_read_again_at_each_of_them() -> None:
    content = "x = {1: [2]}  # `}`\n" * 5_000
    printed = f"<tool_call>\n{json.dumps({'name': 'write_file', 'arguments': {'path': 'a', 'content': content}})}\n</tool_call>"
    stream = CallStream(TOOLS)
    assert [delta for at in range(0, len(printed), 4) for delta in stream.feed(printed[at : at + 4])] == []
    assert stream.finish()[1].calls == (call("write_file", path="a", content=content),)
