"""Background commands in the real program: what scripts see of them, what the model is told, and what a person does."""

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.journeys.program import Played, Program
from tests.journeys.test_repl import see

LOG = re.compile(r"/\S*?/job-(\d+)\.log")

TOLD = """\
call: shell {"command": "echo served; sleep 0.3; echo bye; exit 3", "background": true}
---
expect-result: served
expect-result: job 1 runs in the background
call: shell {"command": "job wait 1"}
---
expect-result: [ended: exit code 3
expect-user: [job 1 (echo served; sleep 0.3; echo bye; exit 3) ended: exit code 3 after
expect-user: bye
text: It ended.
"""


def told(played: Played, *kinds: str) -> list[dict[str, Any]]:
    """The events of these kinds, without what differs from run to run."""
    found = []
    for event in played.events:
        if event["type"] in kinds:
            if "seconds" in event:
                event["seconds"] = 0
            if "output" in event:
                event["output"] = LOG.sub(r"job-\1.log", event["output"])
            found.append(event)
    return found


def living(mark: str) -> list[str]:
    """The processes that bear a mark in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if mark in words and "py-mono" not in words:
            found.append(words)
    return found


@pytest.mark.timeout(60)
def test_the_whole_event_list_of_a_background_command_that_ends_in_its_turn(program: Program) -> None:
    played = program.run("-p", "serve", "--json", script=TOLD)
    assert (played.status, played.stderr) == (0, "")
    assert [event["type"] for event in played.events] == [
        "session_started", "turn_started", "prompt_frozen", "model_bound",
        "step_started", "message_finished", "tool_started", "checkpoint_taken", "job_started", "tool_finished",
        "step_started", "message_finished", "tool_started", "job_ended", "tool_finished",
        "message_steered", "step_started", "text_delta", "message_finished", "turn_finished",
    ]  # fmt: skip
    command = "echo served; sleep 0.3; echo bye; exit 3"
    assert told(played, "job_started", "job_ended") == [
        {"type": "job_started", "job": 1, "command": command, "output": "job-1.log"},
        {
            "type": "job_ended", "job": 1, "reason": "exited", "status": 3, "seconds": 0, "output_bytes": 11,
            "tail": "served\nbye",
        },
    ]  # fmt: skip
    (steered,) = told(played, "message_steered")
    text = re.sub(r"after \d+ s", "after N s", steered["message"]["text"])
    assert text == f"[job 1 ({command}) ended: exit code 3 after N s. Its last lines:\nserved\nbye]"
    assert steered["origin"] == "job"


@pytest.mark.timeout(60)
def test_a_background_command_ends_with_the_session_and_the_resumed_model_is_told(program: Program) -> None:
    serve = 'call: shell {"command": "sleep 4711.25", "background": true}\n---\ntext: It runs.'
    played = program.run("-p", "serve", "--json", script=serve)
    assert told(played, "job_ended") == [
        {
            "type": "job_ended",
            "job": 1,
            "reason": "session_ended",
            "status": 0,
            "seconds": 0,
            "output_bytes": 0,
            "tail": "",
        }
    ]
    assert [event["type"] for event in played.events[-2:]] == ["turn_finished", "job_ended"]
    assert living("sleep 4711.25") == []
    again = """\
expect-messages: [job 1 (sleep 4711.25) ended with the session]
call: shell {"command": "sleep 4711.25", "background": true}
---
expect-result: job 2 runs in the background
call: shell {"command": "job kill 2"}
---
expect-user: [job 2 (sleep 4711.25) was stopped after
text: Over.
"""
    played = program.run("-c", "-p", "and now?", "--json", script=again)
    assert (played.status, played.stderr) == (0, "")
    kinds = [event["type"] for event in played.events]
    assert kinds[:2] == ["message_steered", "turn_started"]  # the prompt comes last, for it is what is to be answered
    name = program.run("sessions", "list").stdout.split()[0]
    assert program.run("sessions", "replay", name).status == 0


@pytest.mark.timeout(60)
def test_a_killed_agent_takes_its_background_commands_along_and_the_next_one_says_they_are_gone(
    program: Program,
) -> None:
    program.script(
        'call: shell {"command": "setsid sleep 4712.5; sleep 4712.5", "background": true}\n---\nwait: 60\ntext: x'
    )
    with subprocess.Popen(
        program.command("-p", "serve", "--json"),
        cwd=program.workspace,
        env=program.environment(),
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if b'"tool_finished"' in line:
                break
        assert len(living("sleep 4712.5")) >= 1
        process.send_signal(signal.SIGKILL)
    while living("sleep 4712.5"):
        time.sleep(0.01)
    script = "expect-messages: [job 1 (setsid sleep 4712.5; sleep 4712.5) is gone: the sandbox it ran in ended]\ntext: Then anew."
    played = program.run("-c", "-p", "go on", "--json", script=script)
    assert (played.status, played.stderr) == (0, "")


@pytest.mark.timeout(60)
def test_progress_on_stderr_says_when_one_begins_and_ends(program: Program) -> None:
    played = program.run("-p", "serve", script=TOLD)
    assert "job 1 runs in the background: echo served;" in played.stderr
    assert "job 1 (echo served; sleep 0.3; echo bye; exit 3) ended: exit code 3 after" in played.stderr


@pytest.mark.timeout(60)
def test_a_secret_that_a_background_command_prints_is_kept_from_journal_and_screen(program: Program) -> None:
    secret = "hush-hush-4b1c9d77aa01"
    script = f"""\
call: shell {{"command": "sleep 0.2; echo {secret[:10]}''{secret[10:]}; sleep 0.2", "background": true}}
---
call: shell {{"command": "job wait 1"}}
---
text: Done.
"""
    played = program.run("-p", "serve", "--json", script=script, OPENAI_API_KEY=secret)
    (ended,) = told(played, "job_ended")
    assert ended["output_bytes"] == len(secret) + 1
    assert secret not in played.stdout + played.stderr
    for path in program.home.rglob("*.jsonl"):
        assert secret not in path.read_text()


SERVERS = """\
call: shell {"command": "echo one is up; sleep 4713.5", "background": true}
call: shell {"command": "trap '' TERM; sleep 4713.5; sleep 4713.5", "background": true}
---
text: Both run.
---
call: shell {"command": "sleep 60"}
---
expect-messages: [job 1 (echo one is up; sleep 4713.5) was stopped after
text: I know.
"""


@pytest.fixture
def terminal(program: Program) -> Iterator["pexpect.spawn[str]"]:
    program.script(SERVERS)
    child = pexpect.spawn(
        program.command()[0],
        cwd=str(program.workspace),
        env=program.environment(TERM="xterm-256color", LANG="C.UTF-8"),
        dimensions=(40, 120),
        encoding="utf-8",
        timeout=20,
        use_poll=True,
    )
    yield child
    child.close(force=True)


@pytest.mark.timeout(90)
def test_a_person_lists_shows_and_ends_background_commands(terminal: "pexpect.spawn[str]") -> None:
    see(terminal, "/help")
    terminal.send("/jobs\r")
    see(terminal, "There are no background commands.")
    terminal.send("serve\r")
    see(terminal, "job 1 runs in the background: echo one is up")
    see(terminal, "job 2 runs in the background: trap")
    see(terminal, "done")
    terminal.send("/jobs\r")
    terminal.expect(r"1  runs for [\d.]+ s +10 B  echo one is up; sleep 4713.5")
    terminal.expect(r"2  runs for [\d.]+ s +0 B  trap")
    terminal.send("/jobs 1\r")
    see(terminal, "job 1 runs: echo one is up; sleep 4713.5")
    see(terminal, "one is up")
    terminal.send("/jobs 7\r")
    see(terminal, "There are: 1, 2.")
    terminal.send("wait\r")
    see(terminal, "shell")
    terminal.send("\x03")
    see(terminal, "interrupted")
    see(terminal, "still in the background: job 1, 2")
    terminal.send("/jobs kill 1\r")
    see(terminal, "job 1 (echo one is up; sleep 4713.5) was stopped after")
    see(terminal, "Nothing of job 1 is left.")
    terminal.send("/jobs kill 2\r")  # it has to be killed, for it will not end
    see(terminal, "Nothing of job 2 is left.")
    assert living("sleep 4713.5") == []
    terminal.send("you know?\r")
    see(terminal, "I know.")
    terminal.send("/jobs\r")
    terminal.expect(r"1  was stopped after \d+ s")
    terminal.send("\x04")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
