"""``py-mono debug parse-tool-calls``: bytes in, JSON out."""

import json
import subprocess
import sys

import pytest

from tests.journeys.program import Program

TOOLS = json.dumps([{"type": "function", "function": {"name": "read_file", "parameters": {"type": "object"}}}])
CALL = '{"name": "read_file", "arguments": {"path": "größe.txt"}}'
WRITE = '{"name": "write_file", "arguments": {"path": "a", "content": "'


@pytest.mark.parametrize(
    ("reply", "expected", "said"),
    [
        (f"I read it.\n<tool_call>\n{CALL}\n</tool_call>".encode(), [json.loads(CALL)], ""),
        (CALL.encode(), [json.loads(CALL)], ""),
        (b"Nothing to do.", [], ""),
        (b"", [], ""),
        (b"\xff\xfe <tool_call>{}", [], "a call cannot be read"),
        (f"<think><tool_call>{CALL}</tool_call></think>No.".encode(), [], ""),
        (f"<tool_call>{WRITE}half".encode(), [], "a call was cut off"),
        (b'<tool_call>{"name": "read_file", "arguments": "a"}</tool_call>', [], "a call of 'read_file' cannot be read"),
        (b'{"name": "fly", "arguments": {}}', [], ""),
    ],
)
def test_the_calls_of_a_reply_are_printed(program: Program, reply: bytes, expected: object, said: str) -> None:
    program.write({"tools.json": TOOLS})
    played = program.run("debug", "parse-tool-calls", "--format", "auto", "--tools", "tools.json", stdin=reply)
    assert (played.status, json.loads(played.stdout)) == (0, expected)
    assert said in played.stderr
    assert bool(played.stderr) == bool(said)


def test_without_a_list_of_tools_any_name_is_one(program: Program) -> None:
    played = program.run("debug", "parse-tool-calls", stdin=b'{"name": "fly", "parameters": {"height": 3}}')
    assert (played.status, played.stdout) == (0, '[{"name": "fly", "arguments": {"height": 3}}]\n')


@pytest.mark.parametrize(
    ("options", "message"),
    [(("--tools", "missing.json"), "missing.json cannot be read"), (("--format", "x"), "there is no format 'x'")],
)
def test_what_cannot_be_used_ends_with_2(program: Program, options: tuple[str, ...], message: str) -> None:
    played = program.run("debug", "parse-tool-calls", *options)
    assert (played.status, played.stdout) == (2, "")
    assert message in played.stderr
    assert "Traceback" not in played.stderr


def test_neither_a_loop_nor_a_worker_is_started_for_it() -> None:
    code = (
        "import sys, io; sys.argv = ['py-mono', 'debug', 'parse-tool-calls']; from py_mono.main import main; main(); "
        "print(sorted({'asyncio', 'h11', 'ssl', 'subprocess', 'py_mono.sandbox.launch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], input=b"", capture_output=True, check=True)
    assert done.stdout == b"[]\n[]\n"
