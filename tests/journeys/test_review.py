"""What a turn did is shown, and kept or taken back: all of it, nothing, or file by file."""

import subprocess

import pexpect
import pytest

from tests.journeys.program import BIN, Program
from tests.journeys.test_repl import see

SCRIPT = """\
call: shell {"command": "echo two > a; rm -rf old .git; mkdir d; echo 1 > d/e; echo 2 > d/f"}
---
text: Done.
---
text: I see.
"""
BEFORE = {".git/HEAD": "ref\n", "a": "one\n", "old/x": "x\n"}


def contents(program: Program) -> dict[str, str]:
    found = program.workspace.rglob("*")
    return {str(path.relative_to(program.workspace)): path.read_text("utf-8") for path in found if path.is_file()}


def spawned(program: Program, *arguments: str) -> "pexpect.spawn[str]":
    program.write(BEFORE)
    program.script(SCRIPT)
    return pexpect.spawn(
        program.command()[0],
        ["--review", *arguments],
        cwd=str(program.workspace),
        env=program.environment(TERM="xterm-256color", LANG="C.UTF-8"),
        dimensions=(50, 120),
        encoding="utf-8",
        timeout=20,
        use_poll=True,
    )


def ended(child: "pexpect.spawn[str]") -> int:
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus is not None
    return child.exitstatus


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ("y", {"a": "two\n", "d/e": "1\n", "d/f": "2\n"}),
        ("n", BEFORE),
        ("2 d/e", {".git/HEAD": "ref\n", "a": "two\n", "d/e": "1\n", "old/x": "x\n"}),
        ("1-3", {"a": "two\n", "d/e": "1\n", "old/x": "x\n"}),
    ],
)
def test_one_shot_asks_at_the_terminal(program: Program, answer: str, left: dict[str, str]) -> None:
    child = spawned(program, "-p", "go")
    see(child, "2  M a")
    see(child, "+ two")
    see(child, "keep this?")
    see(child, "keep: y, n")
    child.send("what?\r")
    see(child, "none of the answers")
    child.send(f"{answer}\r")
    see(child, "kept")
    assert ended(child) == 0
    assert contents(program) == left


@pytest.mark.timeout(60)
def test_a_conversation_asks_in_the_line_tells_the_model_and_can_undo_what_was_kept(program: Program) -> None:
    child = spawned(program)
    see(child, "/help")
    child.send("change it\r")
    see(child, "Done.")
    see(child, "keep this?")
    see(child, "keep: y, n")
    child.send("f\r")
    for path, answer in ((".git", "n"), ("a", "y"), ("d/e", "n"), ("d/f", "n"), ("old/x", "y")):
        child.send(f"{answer}\r")
        see(child, f"{'keeping' if answer == 'y' else 'taking back'} {path}")
    see(child, "kept 2 of 5")
    see(child, "done")
    child.send("go on\r")
    see(child, "I see.")
    assert contents(program) == {".git/HEAD": "ref\n", "a": "two\n"}
    child.send("/undo\r")
    see(child, "Turn 1 is undone.")
    assert contents(program) == BEFORE
    child.send("\x04")
    ended(child)
    session = program.run("sessions", "list").stdout.split()[0]
    assert program.run("sessions", "replay", session).status == 0


@pytest.mark.timeout(60)
def test_ctrl_c_at_the_question_leaves_all_as_it_is_and_it_can_be_undone(program: Program) -> None:
    child = spawned(program, "-p", "go")
    see(child, "keep this?")
    see(child, "keep: y, n")
    child.send("\x03")
    see(child, "not reviewed")
    ended(child)
    assert contents(program) == {"a": "two\n", "d/e": "1\n", "d/f": "2\n"}


def test_where_nobody_can_be_asked_nothing_is_begun(program: Program) -> None:
    program.write(BEFORE)
    program.script(SCRIPT)
    done = subprocess.run(
        ["setsid", "-w", str(BIN), "--review", "-p", "go"],
        cwd=program.workspace,
        env=program.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"there is no terminal to ask at" in done.stderr
    assert contents(program) == BEFORE
