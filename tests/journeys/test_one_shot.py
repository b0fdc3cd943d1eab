"""``-p`` from the shell's side: what is printed, where, and with which status."""

import json
import os
import shlex
import signal
import subprocess
import time

import pytest

from tests.journeys.program import Program

FIX = """\
text: I look first.
call: read_file {"path": "calc.py"}
---
expect-result: return a - b
call: edit_file {"path": "calc.py", "old_content": "a - b", "new_content": "a + b"}
call: shell {"command": "echo checked; exit 3"}
---
expect-result: checked
expect-result: 3
reasoning: Good.
text: Fixed: `add` adds.
usage: 100 20 0
"""


def test_the_whole_event_list_of_a_fix(program: Program) -> None:
    program.write({"calc.py": "def add(a, b):\n    return a - b\n"})
    played = program.run("-p", "fix add", "--json", script=FIX)
    assert (played.status, played.stderr) == (0, "")
    kinds = [event["type"] for event in played.events]
    assert kinds == [
        "session_started", "turn_started", "prompt_frozen", "model_bound",
        "step_started", "text_delta", "message_finished", "tool_started", "tool_finished",
        "step_started", "message_finished", "tool_started", "checkpoint_taken", "tool_finished", "tool_started", "tool_finished",
        "step_started", "reasoning_delta", "text_delta", "message_finished",
        "changes_staged", "changes_committed", "turn_finished",
    ]  # fmt: skip
    assert [envelope["seq"] for envelope in played.envelopes] == list(range(1, len(played.envelopes) + 1))
    by_kind = {event["type"]: event for event in played.events}
    assert by_kind["changes_staged"]["changes"] == [{"path": "calc.py", "kind": "modified"}]
    assert by_kind["turn_finished"] == {
        "type": "turn_finished",
        "stop_reason": "end",
        "usage": {"input_tokens": 100, "output_tokens": 20, "cached_tokens": 0, "cost_usd": 0.0},
        "steps": 3,
        "error": None,
    }
    assert by_kind["session_started"]["workspace"] == "<workspace>"
    assert (program.workspace / "calc.py").read_text(encoding="utf-8") == "def add(a, b):\n    return a + b\n"


def test_text_puts_the_answer_alone_on_stdout(program: Program) -> None:
    program.write({"calc.py": "def add(a, b):\n    return a - b\n"})
    played = program.run("-p", "fix add", script=FIX)
    assert (played.status, played.stdout) == (0, "Fixed: `add` adds.\n")
    assert "edit_file calc.py" in played.stderr
    assert "\x1b" not in played.stderr


def test_a_turn_that_failed_leaves_stdout_empty(program: Program) -> None:
    played = program.run("-p", "go", script="text: I look.\ncall: list_files\n---\nfault: provider broken")
    assert (played.status, played.stdout) == (1, "")
    assert "broken" in played.stderr


def test_a_turn_at_its_limit_prints_what_there_is_and_how_to_go_on(program: Program) -> None:
    played = program.run("-p", "go", script="text: half\nstop: length")
    assert (played.status, played.stdout) == (3, "half\n")
    command = played.stderr.splitlines()[-1].removeprefix("go on with: py-mono ")
    again = program.run(*shlex.split(command), script="expect-messages: go\ntext: whole")
    assert (again.status, again.stdout) == (0, "whole\n")


def test_a_turn_that_went_round_in_circles_is_not_told_to_go_on(program: Program) -> None:
    played = program.run("-p", "go", script="call: list_files\nrepeat: 50")
    assert played.status == 3
    assert played.stderr.endswith('-p "do this instead: …"\n')


def test_without_a_session_there_is_nothing_to_go_on_with(program: Program) -> None:
    assert "py-mono -r" not in program.run("-p", "go", "--no-session", script="text: half\nstop: length").stderr


def test_json_is_one_object_that_says_everything(program: Program) -> None:
    program.write({"calc.py": "def add(a, b):\n    return a - b\n"})
    played = program.run("-p", "fix add", "--output-format", "json", script=FIX)
    result = played.result
    assert list(result) == [
        "version", "answer", "status", "stop_reason", "session", "model", "steps", "usage", "changes", "error",
    ]  # fmt: skip
    assert (played.status, result["status"], result["stop_reason"], result["steps"]) == (0, 0, "end", 3)
    assert result["changes"] == [{"path": "calc.py", "kind": "modified"}]
    assert result["session"]


def test_what_is_piped_in_is_the_context_of_the_prompt(program: Program) -> None:
    script = "expect-user: explain\nexpect-user: ValueError: boom\ntext: It went boom."
    assert program.run("-p", "explain", script=script, stdin=b"ValueError: boom\n").status == 0


@pytest.mark.parametrize(
    ("script", "arguments", "status"),
    [
        ("text: ok", [], 0),
        ("fault: provider broken", [], 1),
        ("fault: unavailable away", [], 75),
        ("fault: rate_limited slow down", [], 75),
        ("call: list_files\nrepeat: 50", ["--max-steps", "2"], 3),
        ("call: list_files\nrepeat: 50", [], 3),
        ("text: half\nstop: length", [], 3),
        ("nonsense", [], 2),
        ("text: ok", ["--provider", "nobody"], 2),
        ("text: ok", ["-C", "missing-folder"], 2),
        ("text: ok", ["--max-steps", "many"], 2),
        ("text: ok", ["-r", "no-such-session"], 1),
    ],
)
def test_exit_statuses(program: Program, script: str, arguments: list[str], status: int) -> None:
    played = program.run("-p", "go", *arguments, script=script)
    assert played.status == status, played.stderr
    assert "Traceback" not in played.stderr
    assert played.stderr or status == 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_the_turn_and_what_it_started(program: Program, number: int, status: int) -> None:
    program.script('call: shell {"command": "echo begun > begun; sleep 300"}')
    process = subprocess.Popen(
        program.command("-p", "go", "--json"), cwd=program.workspace, env=program.environment(), stdout=subprocess.PIPE
    )
    deadline = time.monotonic() + 20
    while not (program.workspace / "begun").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    stdout, _ = process.communicate(timeout=20)
    events = [json.loads(line)["event"] for line in stdout.splitlines()]
    assert process.returncode == status
    assert events[-1]["stop_reason"] == "cancelled"
    assert [event["type"] for event in events].count("tool_started") == 1
    assert [event["type"] for event in events].count("tool_finished") == 1
    assert not [pid for pid in os.listdir("/proc") if pid.isdigit() and _command(pid) == b"sleep\x00300\x00"]


def _command(pid: str) -> bytes:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def test_a_session_goes_on_and_replays(program: Program) -> None:
    first = program.run("-p", "remember 7", "--output-format", "json", script="text: Seven.").result["session"]
    again = program.run("-p", "which?", "-c", "--output-format", "json", script="expect-messages: remember 7\ntext: 7.")
    assert (again.status, again.result["session"]) == (0, first)
    by_id = program.run("-p", "sure?", "-r", first[:6], script="expect-messages: which?\ntext: Sure.")
    assert (by_id.status, by_id.stdout) == (0, "Sure.\n")
    listed = program.run("sessions", "list")
    assert first in listed.stdout
    assert "3 turns" in listed.stdout
    shown = program.run("sessions", "show", first)
    assert "> remember 7" in shown.stdout
    assert "Seven." in shown.stdout
    replayed = program.run("sessions", "replay", first)
    assert (replayed.status, replayed.stdout) == (
        0,
        "Replayed 3 requests in 3 turns: each is the one that was recorded.\n",
    )


def test_no_session_leaves_nothing_behind(program: Program) -> None:
    played = program.run("-p", "hi", "--no-session", "--output-format", "json")
    assert (played.status, played.result["session"]) == (0, None)
    assert not list(program.home.rglob("*.jsonl"))


def test_a_state_folder_that_cannot_be_written_is_said_and_the_work_goes_on(program: Program) -> None:
    program.home.write_text("a file where a folder should be", encoding="utf-8")
    played = program.run("-p", "hi")
    assert (played.status, played.stdout) == (0, "ok\n")
    assert "not saved" in played.stderr


def test_nonsense_in_the_env_file_is_passed_over(program: Program) -> None:
    folder = program.home / "config"
    folder.mkdir(parents=True)
    (folder / ".env").write_bytes(b"\xff\xfe===\nLLM_PROVIDER=scripted\n???\nA='unclosed\n")
    assert program.run("-p", "hi").status == 0


def test_keys_in_the_environment_reach_neither_tools_nor_journal(program: Program) -> None:
    key = "gsk_" + "Zx9" * 14
    played = program.run(
        "-p", f"my key is {key}", "--json", script='call: shell {"command": "env; cat /proc/*/environ"}\n---\ntext: ok',
        GROQ_API_KEY=key,
    )  # fmt: skip
    assert played.status == 0
    assert key not in played.stdout
    journal = next(program.home.rglob("*.jsonl")).read_text(encoding="utf-8")
    assert key not in journal
    assert "[redacted:" in journal


@pytest.mark.parametrize("arguments", [("-C", ".."), ("--add-dir", "..")])
def test_a_workspace_that_holds_our_own_folders_is_refused(program: Program, arguments: tuple[str, str]) -> None:
    played = program.run("-p", "go", *arguments)
    assert (played.status, played.stdout) == (2, "")
    assert "which tools must not reach" in played.stderr
    assert "PY_MONO_HOME" in played.stderr
    assert program.run("-p", "go", *arguments, "--sandbox", "off").status == 0
