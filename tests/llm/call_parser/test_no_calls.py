import json

import pytest

from py_mono.llm.call_parser.parse import Parsed, parse
from py_mono.llm.call_parser.stream import CallStream
from tests.llm.call_parser.samples import READ, READ_JSON, TOOLS, WRITE_JSON, call, compact

UNKNOWN = compact("fly", height=3)
TAGGED = f"<tool_call>\n{READ_JSON}\n</tool_call>"
DEFINITION = json.dumps(
    {"name": "read_file", "description": "Read.", "parameters": {"type": "object", "properties": {"path": {}}}}
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n ",
        "Just an answer with <b>tags</b>, [lists] and {braces}.",
        f"```python\n{READ_JSON}\n```",
        f"```python\n{TAGGED}\n```\nThat is how.",
        f"```xml\n{TAGGED}\n```",
        f"```\n{TAGGED}\n```",
        f"~~~yaml\n{TAGGED}\n~~~",
        f"1. Like this:\n\n   ```python\n   x\n   ```\n   ```sh\n{TAGGED}\n   ```",
        f"````md\n```json\n{READ_JSON}\n```\n````",
        f"Write `<tool_call>{READ_JSON}</tool_call>` to call it.",
        f"Write ``<tool_call>{READ_JSON}</tool_call>`` to call it.",
        f"Models say <tool_call>{READ_JSON}</tool_call> when they want to read.",
        f"A call looks like this: <tool_call>{READ_JSON}</tool_call>.",
        f'It prints "<tool_call>{READ_JSON}</tool_call>"\nat the end.',
        f"It prints “<tool_call>{READ_JSON}</tool_call>”",
        f"> <tool_call>{READ_JSON}</tool_call>",
        f"> {READ_JSON}",
        f"> <tool_call>\n{READ_JSON}\n</tool_call>",
        f"It prints “<tool_call>\n{READ_JSON}\n</tool_call>”",
        f"„<tool_call>{READ_JSON}</tool_call>“",
        f"A call, <tool_call>\n{READ_JSON}\n</tool_call>, reads it.",
        f"> <|tool_call_start|>[{READ_JSON}]<|tool_call_end|>",
        f"| <|tool_call_start|>[{READ_JSON}]<|tool_call_end|> | reads |",
        f"# <tool_call>{READ_JSON}</tool_call>",
        f"+<tool_call>{READ_JSON}</tool_call>",
        f"As code:\n\n    <tool_call>\n    {READ_JSON}\n    </tool_call>",
        f"As code:\n\n\t{READ_JSON}",
        f"Like this: ```xml\n{TAGGED}\n```",
        f"```{'x' * 250}\n{TAGGED}\n```",
        f"The tool said:\n<tool_response>\n{TAGGED}\n{READ_JSON}\n</tool_response>",
        f"<tool_result>{TAGGED}",
        f"[TOOL_RESULTS]{TAGGED}[/TOOL_RESULTS]",
        f"<|tool_response_start|>{TAGGED}<|tool_response_end|>",
        f"<|im_start|>user\n{TAGGED}<|im_end|>",
        f"<!--\n{TAGGED}\n-->\nThat is all.",
        f"<pre>\n{TAGGED}\n</pre>",
        f"<code>{READ_JSON}</code>",
        "The tags <tool_call> and </tool_call> stand around JSON, and <function=name> around parameters.",
        "[TOOL_CALLS] is Mistral's mark, <|tool_call_start|> LFM2's.",
        "Use <invoke name> for that, and <tool_use> too.",
        f"The call {READ_JSON} reads it.",
        f"{READ_JSON} reads it.",
        f"    {READ_JSON}",
        UNKNOWN,
        f"```json\n{UNKNOWN}\n```",
        "[fly(height=3)]",
        "Action: fly\nAction Input: {}",
        "Action: read the file",
        "Action: read_file\nAction Input: a.txt",
        DEFINITION,
        f"```json\n{DEFINITION}\n```",
        f"```json\n[{DEFINITION}]\n```",
        f'```json\n{{"examples": [{READ_JSON}]}}\n```',
        f'{{"examples": [\n{READ_JSON}\n]}}',
        f'{{"example":\n{READ_JSON}\n}}',
        '```json\n{"name": "grep", "version": "3.11", "arguments": {"pattern": "x"}}\n```',
        '```json\n{"name": "grep"}\n```',
        '```json\n{"name": "Bob", "arguments": {}}\n```',
        '```json\n{"read_file": {"colour": "red"}}\n```',
        '{"read_file": {}}',
        '```json\n{"name": ["read_file"], "arguments": {}}\n```',
        f"```json\n{READ_JSON}\nand more\n```",
        f"```json\n[{READ_JSON}, 1]\n```",
        "[read_file, write_file]",
        "[1, 2, 3]",
        "{}",
        "[]",
        "{",
        "[",
        "```json",
        "```json\n{",
        "read_file(path='a')",
        "```tool_code\nos.remove('a')\n```",
        "<",
        "<tool_call",
        "a < b and b > c\nif (a<b) [x] {y}",
    ],
)
def test_an_answer_that_shows_something_like_a_call_is_text_as_it_stands(text: str) -> None:
    assert parse(text, TOOLS) == Parsed(text, "", (), cut=False, broken_name="")


@pytest.mark.parametrize(
    ("text", "shown", "reasoning"),
    [
        (f"<think>{TAGGED}</think>\nNo.", "No.", TAGGED),
        (f"<think>\n{TAGGED}\n", "", TAGGED),
        (f"<thinking>a</thinking>b<think>{READ_JSON}</think>c", "bc", f"a\n\n{READ_JSON}"),
        (f"[THINK]{TAGGED}[/THINK]No.", "No.", TAGGED),
        (f"\u25c1think\u25b7{TAGGED}\u25c1/think\u25b7No.", "No.", TAGGED),
        (f"<|channel>thought\n{TAGGED}<channel|>No.", "No.", TAGGED),
        (f"<|channel|>analysis<|message|>{TAGGED}<|end|>", "", TAGGED),
        (f"I could say {TAGGED}\nbut no.\n</think>\n\nNo.", "No.", f"I could say {TAGGED}\nbut no."),
        (f"{READ_JSON}\n</think>No.", "No.", READ_JSON),
        (f"<think>a</think>{TAGGED}</think>No.", "No.", f"a\n\n{TAGGED}"),
        (f"<think>a <think>b</think> {TAGGED}</think>No.", "No.", f"a <think>b\n\n{TAGGED}"),
        (f"<|START_THINKING|>{TAGGED}<|END_THINKING|>No.", "No.", TAGGED),
        (f"{TAGGED}<|END_THINKING|>No.", "No.", TAGGED),
        (f"{TAGGED}<channel|>No.", "No.", TAGGED),
        (f"<|inner_prefix|>{TAGGED}<|inner_suffix|>No.", "No.", TAGGED),
        (f"<|begin_of_thought|>{TAGGED}<|end_of_thought|>No.", "No.", TAGGED),
        (f"<reasoning>{TAGGED}</reasoning>No.", "No.", TAGGED),
        (f"<unused94>thought\n{TAGGED}<unused95>No.", "No.", TAGGED),
        ("<think></think>Hi", "Hi", ""),
        ("<think>\n\n</think>\n\nHi", "Hi", ""),
    ],
)
def test_a_call_in_thinking_is_no_call(text: str, shown: str, reasoning: str) -> None:
    assert parse(text, TOOLS) == Parsed(shown, reasoning, (), cut=False, broken_name="")


def test_a_call_behind_what_is_shown_is_one() -> None:
    for shown in ("<tool_response>x</tool_response>", "<!-- x -->", "<code>x</code>", "```\nx\n```", "a ``` b ```"):
        assert parse(f"{shown}\n{TAGGED}", TOOLS).calls == (READ,)


@pytest.mark.parametrize(
    "line", ["`x` is set", "~~not~~ this", "``a`b`` too", "[1] see", "<div> is", "{x} of", "<pre>a"]
)
def test_a_line_that_begins_like_a_call_is_let_out_as_soon_as_it_is_none(line: str) -> None:
    stream = CallStream(TOOLS)
    assert "".join(delta.text for letter in f"Well,\n{line}" for delta in stream.feed(letter)) == f"Well,\n{line}"


def test_the_mark_of_thinking_in_code_or_quotes_is_text() -> None:
    text = 'The `<think>` tag, or "<think>", begins it; `</think>` ends it.'
    assert parse(text, TOOLS) == Parsed(text, "", (), cut=False, broken_name="")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"Yes.\n\n\n{TAGGED}\n\n\n\nDone.\n", "Yes.\n\nDone.\n"),
        (f"Yes.\n{TAGGED}\n    indented", "Yes.\n\n    indented"),
        (f"Yes. {TAGGED}", "Yes."),
        (f"{TAGGED}\n\n  Done.", "\n\n  Done.".strip()),
        (f"1. one\n2. two\n\n{TAGGED}{TAGGED}", "1. one\n2. two"),
        (f"I say:\n{TAGGED}</tool_call>\n<|im_end|>", "I say:"),
    ],
)
def test_where_a_call_was_no_hole_is_left(text: str, shown: str) -> None:
    assert parse(text, TOOLS).text == shown


def test_an_unknown_name_between_marks_is_a_call_so_that_the_model_is_told() -> None:
    assert parse(f"<tool_call>{UNKNOWN}</tool_call>", TOOLS).calls == (call("fly", height=3),)


def test_without_a_list_of_tools_the_plain_shape_counts_whatever_the_name() -> None:
    other = json.dumps({"tool": "fly", "args": {"height": 3}})
    assert parse(UNKNOWN, None).calls == (call("fly", height=3),)
    assert parse(f"```json\n{compact('fly', 'parameters', height=3)}\n```", None).calls == (call("fly", height=3),)
    assert parse(other, None).calls == ()
    assert parse("[fly(height=3)]", None).calls == ()
    assert parse("Action: fly\nAction Input: {}", None).calls == (call("fly"),)


def test_with_no_tools_at_all_only_marks_make_a_call() -> None:
    assert parse(READ_JSON, []).calls == ()
    assert parse(TAGGED, []).calls == (READ,)


def test_a_format_that_is_named_is_the_only_one_that_is_read() -> None:
    assert parse(TAGGED, TOOLS, form="mistral") == Parsed(TAGGED, "", (), cut=False, broken_name="")
    assert parse(f"[TOOL_CALLS][{WRITE_JSON}]", TOOLS, form="hermes").calls == ()
    assert parse(f"[TOOL_CALLS][{WRITE_JSON}]", TOOLS, form="mistral").calls != ()
