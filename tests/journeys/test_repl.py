"""The real program in a real terminal."""

import re
from collections.abc import Iterator

import pexpect
import pytest

from tests.journeys.program import Program

SCRIPT = """\
reasoning: I look.
text: One moment.
call: shell {"command": "echo begun > begun; for n in 1 2 3 4 5 6; do sleep 0.5; done"}
---
expect-user: use tabs
text: Tabs it is.
---
call: shell {"command": "sleep 300"}
---
expect-messages: cancelled
text: Still here.
"""


@pytest.fixture
def terminal(program: Program) -> Iterator["pexpect.spawn[str]"]:
    program.script(SCRIPT)
    child = pexpect.spawn(
        program.command()[0],
        cwd=str(program.workspace),
        env=program.environment(TERM="xterm-256color", LANG="C.UTF-8"),
        dimensions=(40, 100),
        encoding="utf-8",
        timeout=20,
        use_poll=True,
    )
    yield child
    child.close(force=True)


def see(child: "pexpect.spawn[str]", text: str) -> None:
    """Wait until the words were written, whatever escape sequences stand between them."""
    child.expect(r"[\x00-\x20\x1b\[\]0-9;?A-Za-z]*?".join(map(re.escape, text.split())))


@pytest.mark.timeout(60)
def test_a_person_talks_steers_interrupts_goes_on_and_leaves(program: Program, terminal: "pexpect.spawn[str]") -> None:
    see(terminal, "/help")
    terminal.send("indent it\r")
    see(terminal, "One moment.")
    terminal.send("use tabs\r")
    see(terminal, "the model now reads")
    see(terminal, "Tabs it is.")
    see(terminal, "done")
    terminal.send("wait\r")
    see(terminal, "shell")
    terminal.send("\x03")
    see(terminal, "interrupted")
    terminal.send("still there?\r")
    see(terminal, "Still here.")
    see(terminal, "done")
    terminal.send("/nonsense\r")
    see(terminal, "There is no /nonsense")
    terminal.send("\x04")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    listed = program.run("sessions", "list").stdout
    assert "3 turns" in listed
    name = listed.split()[0]
    assert program.run("sessions", "replay", name).status == 0
    typed = (program.home / "state" / "input_history").read_text(encoding="utf-8")
    assert "still there?" in typed


@pytest.mark.timeout(60)
def test_a_session_that_goes_on_says_so_and_the_first_message_comes_after_the_lock(program: Program) -> None:
    program.run("-p", "fix it", script="text: ok")
    program.script("text: on it")
    child = pexpect.spawn(
        program.command()[0],
        ["-c", "and this"],
        cwd=str(program.workspace),
        env=program.environment(TERM="xterm-256color", LANG="C.UTF-8"),
        dimensions=(40, 200),
        encoding="utf-8",
        timeout=20,
        use_poll=True,
    )
    try:
        see(child, "goes on with")
        see(child, ': 1 turn, "fix it"')
        see(child, "lock:")
        see(child, "> and this")
        see(child, "on it")
        child.send("/bye\r")
        child.expect(pexpect.EOF)
    finally:
        child.close(force=True)


@pytest.mark.timeout(60)
def test_a_command_of_the_persons_own_is_run_told_to_the_model_and_can_be_undone(program: Program) -> None:
    program.script("expect-messages: I ran this command myself\ntext: I see it.")
    child = pexpect.spawn(
        program.command()[0],
        ["!echo content > made.txt; echo it is done"],
        cwd=str(program.workspace),
        env=program.environment(TERM="xterm-256color", LANG="C.UTF-8"),
        dimensions=(40, 200),
        encoding="utf-8",
        timeout=20,
        use_poll=True,
    )
    try:
        see(child, "it is done")
        see(child, "A made.txt")
        child.send("what did I do?\r")
        see(child, "I see it.")
        child.send("/undo\r")
        see(child, "Turn 1 is undone.")
        assert not (program.workspace / "made.txt").exists()
        child.send("/bye\r")
        child.expect(pexpect.EOF)
    finally:
        child.close(force=True)
    name = program.run("sessions", "list").stdout.split()[0]
    assert program.run("sessions", "replay", name).status == 0


@pytest.mark.timeout(60)
def test_a_command_of_the_persons_own_shows_its_exit_code_and_ends_at_a_key(program: Program) -> None:
    program.script("text: not asked")
    child = pexpect.spawn(
        program.command()[0],
        cwd=str(program.workspace),
        env=program.environment(TERM="xterm-256color", LANG="C.UTF-8"),
        dimensions=(40, 100),
        encoding="utf-8",
        timeout=20,
        use_poll=True,
    )
    try:
        see(child, "/help")
        child.send("!printf 'no end'; exit 3\r")
        see(child, "no end")
        see(child, "✗ exit code 3")
        child.send("!!echo begun; sleep 300; echo $((6 * 7))\r")
        child.expect("begun\r")
        child.send("\x03")
        see(child, "✗ ended")
        child.send("/diff\r")
        see(child, "No turn has changed files.")
        child.send("/bye\r")
        child.expect(pexpect.EOF)
    finally:
        child.close(force=True)
    assert child.exitstatus == 0
