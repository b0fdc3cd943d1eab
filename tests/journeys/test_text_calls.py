"""The real program with models that print their calls, break them, or have no tool calling at all."""

import itertools
import json

import pytest

from tests.journeys.program import Program
from tests.servers.fake_ollama import SHOW, FakeOllama, as_json, refuse, say

PRINTED = """\
text: I look first.
text:
|
| <tool_call>{"name": "read_file", "arguments": {"path": "a.txt"}}</tool_call>
usage: 100 20
---
expect-result: forty-two
text: It says 42.
usage: 150 5
"""


def test_the_whole_event_list_of_a_printed_call(program: Program) -> None:
    program.write({"a.txt": "forty-two\n"})
    played = program.run("-p", "look", "--json", script=PRINTED)
    assert (played.status, played.stderr) == (0, "")
    call = {"id": "call_1", "name": "read_file", "arguments": {"path": "a.txt"}, "malformed": ""}
    message = {"role": "assistant", "reasoning": "", "model": "script", "provider_data": {}}
    events = [event for event in played.events if event["type"] not in {"session_started", "prompt_frozen"}]
    result = next(event["result"] for event in events if event["type"] == "tool_finished")
    assert "forty-two" in result["content"]
    assert events == [
        {"type": "turn_started", "turn": 1, "message": {"role": "user", "text": "look"}},
        {"type": "model_bound", "provider": "scripted", "model": "script"},
        {"type": "step_started", "step": 1, "model": "script", "request_digest": "<request_digest>"},
        {"type": "text_delta", "text": "I look first."},
        {
            "type": "message_finished",
            "message": {
                **message,
                "text": "I look first.",
                "tool_calls": [call],
                "usage": {"input_tokens": 100, "output_tokens": 20, "cached_tokens": 0, "cost_usd": 0.0},
                "stop_reason": "tool_use",
            },
        },
        {"type": "tool_started", "call": call},
        {"type": "tool_finished", "result": result, "duration_ms": 0},
        {"type": "step_started", "step": 2, "model": "script", "request_digest": "<request_digest>"},
        {"type": "text_delta", "text": "It says 42."},
        {
            "type": "message_finished",
            "message": {
                **message,
                "text": "It says 42.",
                "tool_calls": [],
                "usage": {"input_tokens": 150, "output_tokens": 5, "cached_tokens": 0, "cost_usd": 0.0},
                "stop_reason": "end",
            },
        },
        {
            "type": "turn_finished",
            "stop_reason": "end",
            "usage": {"input_tokens": 250, "output_tokens": 25, "cached_tokens": 0, "cost_usd": 0.0},
            "steps": 2,
            "error": None,
        },
    ]


@pytest.mark.parametrize(
    "printed",
    [
        '<tool_call>\n{"name": "write_file", "arguments": {"path": "new.txt", "content": "x"}}\n</tool_call>',
        '{"name": "write_file", "arguments": {"path": "new.txt", "content": "x"}}',
        'I write it:\n\n```json\n{"name": "write_file", "parameters": {"path": "new.txt", "content": "x"}}\n```',
        "<function=write_file>\n<parameter=path>\nnew.txt\n</parameter>\n<parameter=content>\nx\n</parameter>\n</function>",
        '<tool_call>{"name": "write_file", "arguments": "{\\"path\\": \\"new.txt\\", \\"content\\": \\"x\\"}"}</tool_call>',
    ],
    ids=["hermes", "bare json", "fenced", "qwen-coder", "json in json"],
)
def test_a_printed_call_runs(program: Program, printed: str) -> None:
    played = program.run("-p", "go", "--json", script=f"{block(printed)}\n---\ntext: Done.")
    assert played.status == 0
    assert (program.workspace / "new.txt").read_text(encoding="utf-8").rstrip() == "x"
    assert not [event for event in played.events if "write_file" in event.get("text", "")]


@pytest.mark.parametrize(
    "script",
    [
        'reasoning: {"name": "write_file", "arguments": {"path": "new.txt", "content": "x"}}\ntext: No.',
        'text: <think>{"name": "write_file", "arguments": {"path": "new.txt", "content": "x"}}</think>No.',
        'text: You would write `{"name": "write_file", "arguments": {"path": "new.txt", "content": "x"}}` then.',
        'text: {"name": "fly", "arguments": {"path": "new.txt", "content": "x"}}',
        'text: <tool_call>{"name": "write_file", "arguments": {"path": "new.txt", "content": "x\nstop: length',
        'text:\n| I could\n| {"name": "write_file", "arguments": {"path": "new.txt", "content": "x"}}\n| </think>\n| no',
        'text:\n| <tool_call>{"name": "write_file", "arguments": {"path": "new.txt", "content": "x"}}</tool_call></think>\n| no',
        (
            'text:\n| It says:\n| <tool_response>\n| {"name": "write_file", "arguments": {"path": "new.txt", "content": "x"}}\n'
            "| </tool_response>"
        ),
    ],
    ids=[
        "reasoning",
        "thinking in the text",
        "an example",
        "no such tool",
        "cut by the output limit",
        "thinking without a beginning",
        "a tagged call at the end of thinking",
        "a result said again",
    ],
)
def test_what_is_no_call_does_not_run(program: Program, script: str) -> None:
    played = program.run("-p", "go", "--json", script=script)
    assert not (program.workspace / "new.txt").exists()
    assert "tool_started" not in [event["type"] for event in played.events]


def test_a_write_that_is_cut_never_runs_and_the_file_stays(program: Program) -> None:
    program.write({"a.py": "old = 1\n"})
    whole = '<tool_call>{"name": "write_file", "arguments": {"path": "a.py", "content": "new = 1\\nnew = 2\\n"}}</tool_call>'
    for end in range(len("<tool_call>"), len(whole) - 1, 15):
        played = program.run("-p", "go", "--no-session", script=f"text: {whole[:end]}\nstop: length")
        assert (played.status, played.stdout) == (1, ""), whole[:end]
        assert "cut by the output limit" in played.stderr
        assert (program.workspace / "a.py").read_text(encoding="utf-8") == "old = 1\n"


def block(text: str) -> str:
    """A reply's text over several lines, as a script has it."""
    return "\n".join(["text:", *(f"| {line}" for line in text.split("\n"))])


BROKEN = 'text: <tool_call>{"name": "read_file", "arguments": {"path": }}</tool_call>\nusage: 10 1\n'


def test_a_broken_call_is_asked_for_again_and_then_runs(program: Program) -> None:
    program.write({"a.txt": "forty-two\n"})
    script = f'{BROKEN}---\ncall: read_file {{"path": "a.txt"}}\nusage: 10 1\n---\nexpect-result: forty-two\ntext: 42.'
    played = program.run("-p", "go", "--json", script=script)
    assert played.status == 0
    events = played.events
    assert [event["type"] for event in events] == [
        "session_started", "turn_started", "prompt_frozen", "model_bound",
        "step_started", "attempt_failed", "model_retried", "message_finished", "tool_started", "tool_finished",
        "step_started", "text_delta", "message_finished", "turn_finished",
    ]  # fmt: skip
    by_kind = {event["type"]: event for event in events}
    assert by_kind["model_retried"] == {
        "type": "model_retried",
        "attempt": 1,
        "wait_s": 0.0,
        "reason": "the model's call of read_file could not be read; its arguments alone are asked for",
    }
    assert by_kind["turn_finished"]["usage"]["input_tokens"] == 20


def test_a_call_broken_twice_is_told_to_the_model(program: Program) -> None:
    script = f"{BROKEN}---\n{BROKEN}---\nexpect-result: read_file\nexpect-result: nothing was run\ntext: I see."
    played = program.run("-p", "go", "--json", script=script)
    assert (played.status, played.events[-1]["steps"]) == (0, 2)
    results = [event["result"] for event in played.events if event["type"] == "tool_finished"]
    assert [(result["name"], result["is_error"]) for result in results] == [("read_file", True)]
    assert [event["type"] for event in played.events].count("model_retried") == 1


@pytest.mark.parametrize("script", [PRINTED, f"{BROKEN}---\n{BROKEN}---\ntext: I see."], ids=["printed", "broken"])
def test_such_a_session_replays_with_equal_digests(program: Program, script: str) -> None:
    program.write({"a.txt": "forty-two\n"})
    session = program.run("-p", "look", "--output-format", "json", script=script).result["session"]
    replayed = program.run("sessions", "replay", session)
    assert (replayed.status, replayed.stdout) == (
        0,
        "Replayed 2 requests in 1 turn: each is the one that was recorded.\n",
    )


def written(name: str, **arguments: str) -> str:
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


@pytest.mark.parametrize("listed", [True, False], ids=["its abilities are known", "the server refuses tools"])
def test_a_model_without_tool_calling_does_a_whole_task(program: Program, *, listed: bool) -> None:
    program.write({"calc.py": "def add(a, b):\n    return a - b\n"})
    answers = [
        *([] if listed else [refuse(400, "registry.ollama.ai/library/gemma3:4b does not support tools")]),
        say("I look.\n", written("read_file", path="calc.py")),
        say(
            written("edit_file", path="calc.py", old_content="a - b", new_content="a + b") + "\n<tool_resp", "onse>\nok"
        ),
        say(written("shell", command="python3 -c 'import calc; print(calc.add(20, 22))'")),
        say("Fixed: add adds."),
    ]
    shown = as_json(
        {name: value for name, value in SHOW.items() if name != "capabilities"}
        | ({"capabilities": ["completion"]} if listed else {})
    )
    with FakeOllama(answers, show=shown) as server:
        played = program.run(
            "-p", "fix add", "--provider", "ollama", "-m", "fake", "--json", OLLAMA_BASE_URL=server.url
        )
        session = played.envelopes[0]["event"]["session_id"]
    assert played.status == 0, played.stderr
    assert (program.workspace / "calc.py").read_text(encoding="utf-8") == "def add(a, b):\n    return a + b\n"
    results = [event["result"] for event in played.events if event["type"] == "tool_finished"]
    assert [(result["name"], result["is_error"]) for result in results] == [
        ("read_file", False),
        ("edit_file", False),
        ("shell", False),
    ]
    assert "42" in results[2]["content"]
    notices = [event["text"] for event in played.events if event["type"] == "notice"]
    assert notices == ["fake has no tool calling of its own: the tools are described in its prompt"]
    asked = [request.json for request in server.chats][0 if listed else 1 :]
    assert all("tools" not in body for body in asked)
    assert len(asked[0]["messages"][0]["content"].encode()) <= 1200 * 4
    for before, after in itertools.pairwise(asked):
        assert after["messages"][: len(before["messages"])] == before["messages"]
    assert [message["role"] for message in asked[-1]["messages"]] == ["system", *["user", "assistant"] * 3, "user"]
    assert asked[1]["messages"][3]["content"].startswith("<tool_response>\n")
    replayed = program.run("sessions", "replay", session)
    assert (replayed.status, replayed.stdout) == (
        0,
        "Replayed 4 requests in 1 turn: each is the one that was recorded.\n",
    )


def test_a_server_whose_parser_gives_up_is_asked_for_the_arguments_alone(program: Program) -> None:
    raw = '{"path":"a.txt","content":"say \\"hi\\""}]'
    answers = [
        refuse(500, f"error parsing tool call: raw='{raw}', err=invalid character ']' after top-level value"),
        say('{"path": "a.txt", "content": "hi\\n"}'),
        say("Written."),
    ]
    with FakeOllama(answers) as server:
        played = program.run("-p", "go", "--provider", "ollama", "-m", "fake", OLLAMA_BASE_URL=server.url)
    assert (played.status, played.stdout) == (0, "Written.\n")
    assert (program.workspace / "a.txt").read_text(encoding="utf-8") == "hi\n"
    first, second, third = (request.json for request in server.chats)
    assert (sorted(second["format"]["properties"]), "tools" in second) == (["content", "path"], False)
    assert third["messages"][: len(first["messages"])] == first["messages"]
    assert third["messages"][-2]["tool_calls"][0]["function"]["name"] == "write_file"


def test_a_server_whose_parser_gives_up_again_and_again_ends_in_words_for_the_model(program: Program) -> None:
    broken = refuse(500, "XML syntax error on line 127: element <parameter> closed by </function>")
    with FakeOllama([broken, broken, say("I write less at once.")]) as server:
        played = program.run("-p", "go", "--provider", "ollama", "-m", "fake", OLLAMA_BASE_URL=server.url)
    assert (played.status, played.stdout) == (0, "I write less at once.\n")
    told = server.chats[2].json["messages"][-1]
    assert told["role"] == "tool"
    assert "line 127" in told["content"]
