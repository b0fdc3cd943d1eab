"""What the shell did is taken back, brought back and shown, in the real program."""

import signal
from pathlib import Path

import pexpect
import pytest

from tests.journeys.program import Program
from tests.journeys.test_repl import see

SCRIPT = """\
call: shell {"command": "rm -rf .git old && echo new > made && echo two > f"}
---
text: Changed.
---
text: Looked.
"""


@pytest.mark.timeout(60)
def test_a_person_undoes_redoes_and_compares_what_the_shell_did(program: Program) -> None:
    program.write({".git/HEAD": "ref", "old/deep/x": "1\n", "f": "one\n"})
    before = contents(program.workspace)
    program.script(SCRIPT)
    child = spawned(program, TERM="xterm-256color", LANG="C.UTF-8")
    see(child, "/help")
    child.send("/undo\r")
    see(child, "There is nothing to undo.")
    child.send("change it\r")
    see(child, "Changed.")
    see(child, "done")
    after = contents(program.workspace)
    assert set(after) == {"made", "f"}
    child.send("/diff\r")
    see(child, "-one")
    see(child, "+two")
    child.send("/undo\r")
    see(child, "Turn 1 is undone.")
    assert contents(program.workspace) == before
    child.send("/redo\r")
    see(child, "Turn 1 is redone.")
    assert contents(program.workspace) == after
    (program.workspace / "f").write_text("mine", encoding="utf-8")
    child.send("/undo\r")
    see(child, "Turn 1 is undone in part.")
    see(child, "! f")
    see(child, "/undo anyway")
    assert contents(program.workspace) == {**before, "f": b"mine"}
    child.send("/undo anyway\r")
    see(child, "Turn 1 is undone.")
    assert contents(program.workspace) == before
    child.send("/redo\r")
    see(child, "Turn 1 is redone.")
    assert contents(program.workspace) == {**after, "f": b"mine"}
    child.send("/undo anyway\r")
    see(child, "Turn 1 is undone.")
    assert contents(program.workspace) == before
    child.send("look\r")
    see(child, "Looked.")
    child.send("\x04")
    child.expect(pexpect.EOF)
    child.close()
    name = program.run("sessions", "list").stdout.split()[0]
    journal = next((program.home / "state" / "sessions").rglob(f"*{name}*")).read_text("utf-8")
    assert '"type":"changes_undone"' in journal
    assert program.run("sessions", "replay", name).status == 0  # the model was told of it then, and is now


def contents(workspace: Path) -> dict[str, bytes]:
    return {str(path.relative_to(workspace)): path.read_bytes() for path in workspace.rglob("*") if path.is_file()}


CUT_OFF = """\
call: shell {"command": "rm -rf old && echo two > f && touch made"}
---
wait: 60
"""


@pytest.mark.timeout(60)
def test_a_turn_that_a_crash_cuts_off_can_be_taken_back(program: Program) -> None:
    program.write({"old/deep/x": "1\n", "f": "one\n"})
    before = contents(program.workspace)
    program.script(CUT_OFF)
    terminal = {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
    child = spawned(program, **terminal)
    see(child, "/help")
    child.send("change it\r")
    see(child, "✓ shell")
    child.kill(signal.SIGKILL)
    child.expect(pexpect.EOF)
    child.close()
    assert set(contents(program.workspace)) == {"f", "made"}
    child = spawned(program, "-c", **terminal)
    see(child, "/help")
    child.send("/diff\r")
    see(child, "old/deep/x")
    child.send("/undo\r")
    see(child, "Turn 1 is undone.")
    assert contents(program.workspace) == before
    child.send("/redo\r")
    see(child, "Turn 1 is redone.")
    assert set(contents(program.workspace)) == {"f", "made"}
    child.send("\x04")
    child.expect(pexpect.EOF)
    child.close()


def spawned(program: Program, *arguments: str, **environment: str) -> "pexpect.spawn[str]":
    command, *rest = program.command(*arguments)
    return pexpect.spawn(
        command,
        rest,
        cwd=str(program.workspace),
        env=program.environment(**environment),
        dimensions=(40, 100),
        encoding="utf-8",
        timeout=20,
        use_poll=True,
    )
