"""A person is asked in a real terminal, and what counts as an answer."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.journeys.program import BIN, Program
from tests.ui.screens import Terminal

pytestmark = pytest.mark.timeout(90)
ASK = "answer 1 to 5>"


def calling(*commands: str, then: str = "text: Ended well.") -> str:
    calls = [f"call: shell {json.dumps({'command': command})}" for command in commands]
    return "\n---\n".join([*calls, then]) + "\n"


@pytest.fixture
def start(program: Program) -> Iterator[Callable[..., Terminal]]:
    started: list[Terminal] = []

    def begin(script: str, *flags: str, term: str = "xterm-256color", columns: int = 90, rows: int = 40) -> Terminal:
        program.script(script)
        environment = program.environment(TERM=term)
        del environment["PATH"]
        terminal = Terminal(program.workspace, columns, rows, around=" ".join([str(BIN), *flags]), **environment)
        started.append(terminal)
        terminal.wait_for("/help")
        return terminal

    yield begin
    for terminal in started:
        terminal.child.close(force=True)


def answer(terminal: Terminal, text: str) -> None:
    terminal.wait_input(ASK)
    terminal.type(text + "\r")


def decided(program: Program) -> list[tuple[str, str]]:
    """What the journals say became of each question: decision and reason."""
    lines = [line for path in sorted(Path(program.home).rglob("*.jsonl")) for line in path.read_text().splitlines()]
    events = [json.loads(line).get("event", {}) for line in lines]
    return [(event["decision"], event["reason"]) for event in events if event.get("type") == "approval_decided"]


def test_the_question_shows_the_exact_command_and_why_and_what_can_be_answered(
    program: Program, start: Callable[..., Terminal]
) -> None:
    terminal = start(calling("git ls-remote https://example.org/\u202ex\x1b[2J.git"))
    terminal.say("push it")
    terminal.wait_input("answer 1 to 3>")
    lines = [line.strip() for line in terminal.lines()]
    begin = lines.index("This cannot be undone, and needs your yes:")
    assert lines[begin + 1 : begin + 7] == [
        r"git ls-remote https://example.org/\u202ex\x1b[2J.git",
        "why: git ls-remote talks to another machine; with the network, this command can send out",
        "whatever the workspace holds, and reach what this machine serves",
        "1  yes, once",
        "2  no",
        "3  no, and tell it why",
    ]
    terminal.type("2\r")
    terminal.wait_for("Ended well.")
    assert decided(program) == [("denied", "")]


def test_always_is_remembered_listed_and_forgotten(program: Program, start: Callable[..., Terminal]) -> None:
    push = "git ls-remote http://example.test/x"
    terminal = start(calling(push, push + " HEAD", push))
    terminal.say("push it")
    terminal.wait_for("3  yes, always for `git ls-remote` in this workspace")
    answer(terminal, "3")
    terminal.wait_for("Ended well.")
    terminal.wait_input(">")
    assert terminal.text().count("needs your yes") == 1
    assert [decision for decision, _ in decided(program)] == ["always", "rule", "rule"]
    terminal.say("/approvals")
    terminal.wait_for("1  git ls-remote")
    terminal.say("/approvals forget 1")
    terminal.wait_for("Forgotten: git ls-remote. You are asked again.")
    terminal.say("/approvals")
    terminal.wait_for("You agreed to nothing beforehand")


def test_what_a_person_was_typing_is_no_answer_and_comes_back(program: Program, start: Callable[..., Terminal]) -> None:
    terminal = start(calling("sleep 1.5", "git ls-remote http://example.test/x"))
    terminal.say("push it")
    terminal.wait_for("running")
    terminal.type("1 more thing")
    terminal.wait_input("> 1 more thing")
    terminal.wait_for("needs your yes")
    terminal.type(" to do")  # they did not look up
    answer(terminal, "what?")
    terminal.wait_for("That is none of the answers")
    answer(terminal, "no")
    terminal.wait_for("Ended well.")
    terminal.wait_input("> 1 more thing to do")
    assert decided(program) == [("denied", "")]


def test_enter_that_was_meant_for_something_else_steers_and_answers_nothing(
    program: Program, start: Callable[..., Terminal]
) -> None:
    terminal = start(calling("sleep 1.5", "git ls-remote http://example.test/x"))
    terminal.say("push it")
    terminal.wait_for("running")
    terminal.type("1")
    terminal.wait_for("needs your yes")
    terminal.type("\r")  # within the moment in which nobody can have read it
    terminal.wait_for("queued: 1")
    answer(terminal, "4")
    terminal.wait_for("Ended well.")
    assert decided(program) == [("denied", "")]


def test_a_no_with_its_reason_reaches_the_model(program: Program, start: Callable[..., Terminal]) -> None:
    script = calling(
        "git ls-remote http://example.test/x", then="expect-messages: the user says: use the mirror\ntext: I will."
    )
    terminal = start(script)
    terminal.say("push it")
    answer(terminal, "5")
    terminal.wait_input("tell it why>")
    terminal.type("use the mirror\r")
    terminal.wait_for("I will.")
    assert decided(program) == [("denied", "use the mirror")]


@pytest.mark.parametrize("key", ["\x03", "\x1b"])
def test_interrupting_a_question_is_a_no_and_ends_the_turn(
    program: Program, start: Callable[..., Terminal], key: str
) -> None:
    terminal = start(calling("git ls-remote http://example.test/x"))
    terminal.say("push it")
    terminal.wait_input(ASK)
    terminal.type("1")
    terminal.wait_input(f"{ASK} 1")
    terminal.type(key)
    terminal.wait_for("interrupted")
    terminal.wait_input(">")
    assert decided(program) == [("denied", "interrupted")]


def test_a_long_command_keeps_its_end_and_says_what_it_folds(start: Callable[..., Terminal]) -> None:
    words = " ".join(f"argument{number:04}" for number in range(400))
    terminal = start(calling(f"git ls-remote http://example.test/x {words} THE-END"), rows=60)
    terminal.say("push it")
    terminal.wait_for("THE-END")
    terminal.wait_for("rows are not shown here: v shows them")
    assert "argument0201" not in terminal.text()
    answer(terminal, "v")
    terminal.wait_for("argument0201")
    answer(terminal, "no")
    terminal.wait_for("Ended well.")


def test_a_dumb_terminal_is_asked_by_line(program: Program, start: Callable[..., Terminal]) -> None:
    terminal = start(calling("git ls-remote http://example.test/x"), term="dumb")
    terminal.type("push it\r")
    terminal.wait_for(ASK)
    terminal.type("5 use the mirror\r")
    terminal.wait_for("Ended well.")
    assert decided(program) == [("denied", "use the mirror")]
    terminal.type("\x04")
    assert terminal.status() == 0


def test_a_command_of_the_persons_own_is_asked_about_too(program: Program, start: Callable[..., Terminal]) -> None:
    terminal = start("text: no turn")
    terminal.say("!git ls-remote http://example.test/x")
    answer(terminal, "n")
    terminal.wait_for("not approved")
    assert decided(program) == [("denied", "")]


def test_who_wants_to_be_asked_before_each_change_can_say_so_once_for_a_session(
    program: Program, start: Callable[..., Terminal]
) -> None:
    terminal = start(calling("touch one", "touch two"), "--tools", "ask")
    terminal.say("!echo mine")  # their own is not asked about
    terminal.wait_for("mine")
    terminal.wait_input(">")
    terminal.say("go on")
    terminal.wait_for("why: you want to be asked before each change (--tools ask)")
    terminal.wait_for("2  yes, for `call shell` until this session ends")
    terminal.wait_input("answer 1 to 4>")
    terminal.type("2\r")
    terminal.wait_for("Ended well.")
    assert sorted(path.name for path in program.workspace.iterdir()) == ["one", "two"]
    assert [decision for decision, _ in decided(program)] == ["always", "rule"]


def test_a_persons_own_commands_run_where_the_model_has_no_tools(start: Callable[..., Terminal]) -> None:
    terminal = start("text: no turn", "--tools", "off")
    terminal.say("!echo $((6 * 7))")
    terminal.wait_for("42")


def test_leaving_while_a_question_stands_is_a_no(program: Program, start: Callable[..., Terminal]) -> None:
    terminal = start(calling("git ls-remote http://example.test/x"))
    terminal.say("push it")
    terminal.wait_input(ASK)
    terminal.type("\x04")
    assert terminal.status() == 0
    assert decided(program) == [("denied", "interrupted")]


def test_what_is_written_in_an_editor_meanwhile_is_kept(
    program: Program, start: Callable[..., Terminal], tmp_path: Path
) -> None:
    editor = tmp_path / "slow-editor"
    editor.write_text('#!/bin/sh\nsleep 2\necho "a long thought" > "$1"\n')
    editor.chmod(0o755)
    program.more["EDITOR"] = str(editor)
    terminal = start(calling("sleep 1", "git ls-remote http://example.test/x"))
    terminal.say("push it")
    terminal.wait_for("running")
    terminal.type("\x07")  # Ctrl-G
    answer(terminal, "no")
    terminal.wait_for("Ended well.")
    terminal.wait_input("> a long thought")
    assert decided(program) == [("denied", "")]
