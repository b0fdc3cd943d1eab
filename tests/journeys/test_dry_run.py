"""A dry run works on a copy, ends with the diff, and leaves the workspace as it was, to the byte and the nanosecond."""

import json
import os
from pathlib import Path

import pexpect
import pytest

from tests.journeys.program import Program
from tests.journeys.test_repl import see

CALLS = 'call: shell {"command": "echo two > a; rm -rf old; mkdir d; echo 1 > d/e; pwd > where; touch same"}'
SCRIPT = f"{CALLS}\n---\ntext: Done.\n"
DIFF = """\
--- a/a
+++ b/a
@@ -1 +1 @@
-one
+two
# added: d (a folder)
--- /dev/null
+++ b/d/e
@@ -0,0 +1 @@
+1
# deleted: old (a folder)
--- a/old/x
+++ /dev/null
@@ -1 +0,0 @@
-x
--- /dev/null
+++ b/where
@@ -0,0 +1 @@
+{workspace}
"""


def state(workspace: Path) -> dict[str, object]:
    """All there is to know of each path, but when a folder was changed."""
    found: dict[str, object] = {}
    for path in sorted(workspace.rglob("*")):
        seen = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        times = (seen.st_mtime_ns, seen.st_ctime_ns)
        found[str(path.relative_to(workspace))] = (seen.st_mode, seen.st_ino, times, content)
    return found


def prepared(program: Program) -> dict[str, object]:
    program.write({"a": "one\n", "old/x": "x\n", "same": "same\n", ".venv/bin/tool": "#!/bin/sh\n"})
    (program.workspace / "a").chmod(0o640)
    return state(program.workspace)


def test_a_task_is_run_on_a_copy_and_its_answer_is_followed_by_the_diff(program: Program) -> None:
    before = prepared(program)
    played = program.run("--dry-run", "-p", "go", script=SCRIPT)
    assert (played.status, played.stdout) == (0, "Done.\n" + DIFF.format(workspace=program.workspace))
    assert state(program.workspace) == before
    assert os.listdir(program.home / "state" / "scratch") == []


def test_a_program_finds_the_diff_in_the_result(program: Program) -> None:
    before = prepared(program)
    result = program.run("--dry-run", "-p", "go", "--output-format", "json", script=SCRIPT).result
    assert (result["dry_run"], result["diff"]) == (True, DIFF.format(workspace=program.workspace))
    assert [change["path"] for change in result["changes"]] == ["a", "d/e", "old/x", "where"]
    assert state(program.workspace) == before
    events = program.run("--dry-run", "-p", "go", "--output-format", "stream-json", script=SCRIPT).events
    assert [event["type"] for event in events[-3:]] == ["changes_staged", "changes_discarded", "turn_finished"]
    assert events[-2]["reason"] == "dry_run"


def test_what_was_installed_can_be_used_and_not_changed(program: Program) -> None:
    prepared(program)
    (program.workspace / ".venv/bin/tool").chmod(0o755)
    script = (
        'call: shell {"command": "tool && echo used; touch .venv/new 2>/dev/null || echo refused"}\n---\ntext: ok\n'
    )
    played = program.run("--dry-run", "-p", "go", "--output-format", "stream-json", script=script)
    [finished] = [event for event in played.events if event["type"] == "tool_finished"]
    assert finished["result"]["content"] == "used\nrefused"
    assert not (program.workspace / ".venv/new").exists()


@pytest.mark.timeout(60)
def test_in_a_conversation_later_turns_build_on_earlier_ones_and_nothing_stays(program: Program) -> None:
    before = prepared(program)
    program.script(
        'call: shell {"command": "echo two > a"}\n---\ntext: One.\n---\ncall: shell {"command": "cat a > b"}\n---\ntext: Two.\n'
    )
    child = pexpect.spawn(
        program.command()[0],
        ["--dry-run"],
        cwd=str(program.workspace),
        env=program.environment(TERM="xterm-256color", LANG="C.UTF-8"),
        dimensions=(40, 100),
        encoding="utf-8",
        timeout=20,
        use_poll=True,
    )
    see(child, "/help")
    child.send("first\r")
    see(child, "One.")
    see(child, "1  M a")
    see(child, "the workspace is as it was")
    child.send("second\r")
    see(child, "Two.")
    see(child, "1  A b")
    see(child, "two")
    see(child, "the workspace is as it was")
    child.send("!cat b > c\r")
    see(child, "1  A c")
    see(child, "the workspace is as it was")
    child.send("\x04")
    child.expect(pexpect.EOF)
    child.close()
    assert state(program.workspace) == before
    assert os.listdir(program.home / "state" / "scratch") == []


def test_a_review_of_what_is_thrown_away_is_refused(program: Program) -> None:
    played = program.run("--dry-run", "--review", "-p", "go", script=SCRIPT)
    assert (played.status, played.stdout) == (2, "")
    assert "--dry-run keeps nothing" in played.stderr


def test_the_record_of_a_dry_run_can_be_replayed(program: Program) -> None:
    prepared(program)
    session = program.run("--dry-run", "-p", "go", "--output-format", "json", script=SCRIPT).result["session"]
    replayed = program.run("sessions", "replay", session)
    assert replayed.status == 0, json.dumps(replayed.stdout)
