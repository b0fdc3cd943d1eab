"""Each key and word of the input line, in a real terminal."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.ui.screens import LIMIT_S, PROGRAM, ROOT, Start, Terminal

LONG = "\n".join(f"line {number}" for number in range(120))


def paste(terminal: Terminal, text: str) -> None:
    terminal.type(f"\x1b[200~{text}\x1b[201~")


def files(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("")


def test_a_long_paste_is_folded_and_sent_in_full(start: Start) -> None:
    terminal = start()
    terminal.type("see ")
    paste(terminal, LONG)
    terminal.wait_input("> see [pasted 120 lines]")
    terminal.type(" now\r")
    terminal.wait_for("line 118|line 119 now")


def test_one_key_deletes_a_paste_another_brings_it_back_and_another_unfolds_it(start: Start) -> None:
    terminal = start(rows=40)
    paste(terminal, "\n".join("abcdefghijkl"))
    terminal.wait_input("> [pasted 12 lines]")
    terminal.type("\x7f")
    terminal.wait_input(">")
    terminal.type("\x1f")  # Ctrl-_
    terminal.wait_input("> [pasted 12 lines]")
    terminal.type("\x0f")  # Ctrl-O
    terminal.wait_input("  l")
    terminal.type("\r")
    terminal.wait_for("you said a|b|c|d|e|f|g|h|i|j|k|l")
    terminal.type("\x1b[A")
    terminal.wait_input("  l")


def editor(folder: Path, body: str) -> str:
    program = folder / "my editor"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    return f"'{program}' --wait"


def test_the_editor_gets_the_line_and_gives_it_back(start: Start, tmp_path: Path) -> None:
    terminal = start(
        VISUAL=editor(tmp_path, 'echo "in the editor: $1"; sed s/typed/edited/ -i "$2"; echo second >> "$2"')
    )
    terminal.type("typed ü\x07")
    terminal.wait_for("in the editor: --wait")
    terminal.wait_input("  second")
    terminal.type("\r")
    terminal.wait_for("you said edited ü|second")


def test_an_editor_that_fails_or_is_not_there_costs_nothing(start: Start, tmp_path: Path) -> None:
    terminal = start(EDITOR=editor(tmp_path, "exit 3"))
    terminal.type("typed\x07")
    terminal.wait_for("ended with status 3: the line is as it was.")
    terminal.wait_input("> typed")
    (tmp_path / "my editor").unlink()
    terminal.type("\x07")
    terminal.wait_for("EDITOR names an editor that is not here")
    terminal.wait_input("> typed")


def test_what_streams_in_while_the_editor_is_open_waits_for_its_end(start: Start, tmp_path: Path) -> None:
    terminal = start(EDITOR=editor(tmp_path, "until [ -e go ]; do sleep 0.05; done; echo editor is done"))
    terminal.type("hello\r\x07")
    terminal.pump()
    assert "you said" not in terminal.text()
    (tmp_path / "go").write_text("")
    terminal.wait_for("you said hello")
    assert terminal.text().index("editor is done") < terminal.text().index("you said hello")


def test_ctrl_l_draws_the_screen_anew(start: Start) -> None:
    terminal = start()
    terminal.type("typed")
    terminal.wait_input("> typed")
    terminal.screen.reset()
    terminal.type("\x0c")
    terminal.wait_input("> typed")


def test_ctrl_r_finds_what_was_typed_before(start: Start) -> None:
    terminal = start()
    for text in ("first thing", "second thing"):
        terminal.say(text)
        terminal.wait_for(f"you said {text}")
    terminal.type("\x12first")
    terminal.wait(lambda: "first thing" in terminal.input_line() or "> first thing" in terminal.text(), "the find")
    terminal.type("\r")
    terminal.wait_input("> first thing")


def test_ctrl_z_stops_the_program_and_it_comes_back_as_it_was(start: Start) -> None:
    terminal = start(around="PROGRAM; stty -a | grep -c -e ' icanon'; read key; fg")
    terminal.type("typed")
    terminal.wait_input("> typed")
    terminal.type("\x1a")
    terminal.wait_for("Stopped")
    terminal.wait(lambda: terminal.text().rstrip().endswith("1"), "the shell's way to read lines")
    terminal.type("\r")
    terminal.wait_input("> typed")
    terminal.type(" on")
    terminal.wait_input("> typed on")
    terminal.type("\x03\x04")
    assert terminal.status() == 0


def test_the_menu_of_commands_says_what_they_do_and_narrows(start: Start) -> None:
    terminal = start()
    terminal.type("/")
    terminal.wait_for("start the conversation afresh")
    terminal.type("di")
    terminal.wait(lambda: "afresh" not in "\n".join(terminal.screen.display), "the narrower menu")
    terminal.wait_for("what a turn did to the files")
    terminal.type("\x1b")
    terminal.wait(lambda: "what a turn did" not in "\n".join(terminal.screen.display), "the end of the menu")
    terminal.wait_input("> /di")


def test_arguments_complete(start: Start) -> None:
    terminal = start()
    terminal.type("/undo a\t")
    terminal.wait_input("> /undo anyway")


def test_files_are_found_by_a_few_letters_and_what_git_ignores_is_not(start: Start, tmp_path: Path) -> None:
    files(tmp_path, "src/deep/module_one.py", "src/deep/module_one.log", "with blank/a b.py", "ünïcode/文.py")
    (tmp_path / ".gitignore").write_text("*.log")
    terminal = start()
    terminal.type("see @modone")
    terminal.wait(lambda: "src/deep/module_one.py" in terminal.text(), "the menu")
    assert "module_one.log" not in terminal.text()
    terminal.type("\t")
    terminal.wait_input("> see @src/deep/module_one.py")
    terminal.type("\rand @a\\ b\x7f\x7f\x7f\x7fab\t")
    terminal.wait_input('> see @src/deep/module_one.py and @"with blank/a b.py"')
    terminal.type("\r@文\t")
    terminal.wait_input('> see @src/deep/module_one.py and @"with blank/a b.py" @ünïcode/文.py')
    terminal.type("\r\r")
    terminal.wait_for('you said see src/deep/module_one.py and "with blank/a b.py" ünïcode')


def test_in_a_command_of_ones_own_a_file_completes_to_what_a_shell_reads(start: Start, tmp_path: Path) -> None:
    files(tmp_path, "with blank/a b.py")
    terminal = start()
    terminal.type("!cat @ab\t")
    terminal.wait_input("> !cat 'with blank/a b.py'")


def test_a_file_made_by_a_turn_is_found_after_it(start: Start, tmp_path: Path) -> None:
    terminal = start()
    terminal.type("@fresh\t")
    terminal.wait_input("> @fresh")
    terminal.type("\x03")
    files(tmp_path, "fresh_file.py")
    terminal.say("hello")
    terminal.wait_for("done · ")

    def found() -> bool:
        """The first search only has the workspace looked at again; one of the next finds it."""
        terminal.type("\x15@fresh\t")
        terminal.pump()
        return terminal.input_line() == "> @fresh_file.py"

    terminal.wait(found, "the new file")


def test_a_command_of_ones_own_runs_and_is_told(start: Start) -> None:
    terminal = start()
    terminal.say("!make it")
    terminal.wait_for("told: make it")
    terminal.wait_for("no newline")
    terminal.wait_for("✓ ")
    terminal.say("!!fail")
    terminal.wait_for("kept: fail")
    terminal.wait_for("✗ exit code 3 · ")
    terminal.say("!")
    terminal.wait_for("!COMMAND runs a command in the sandbox")


@pytest.mark.parametrize("key", ["\x03", "\x1b"], ids=["Ctrl-C", "Esc"])
def test_a_key_ends_a_command_of_ones_own_and_what_was_typed_meanwhile_is_sent(start: Start, key: str) -> None:
    terminal = start()
    terminal.say("!sleep 100")
    terminal.wait_for("told: sleep 100")
    terminal.say("typed meanwhile")
    terminal.wait_for("queued: typed meanwhile")
    terminal.type(key)
    terminal.wait_for("✗ ended · ")
    terminal.wait_for("you said typed meanwhile")
    terminal.wait(lambda: "queued:" not in "\n".join(terminal.screen.display), "the end of the queue")


def test_a_command_waits_for_no_turn(start: Start) -> None:
    terminal = start()
    terminal.say("slow work")
    terminal.wait_for("open line")
    terminal.say("!ls")
    terminal.wait_for("A turn is running: press Esc first")
    terminal.type("\x1b")
    terminal.wait_for("interrupted")
    terminal.type("\x1b[A")
    terminal.wait_input("> !ls")


def test_wide_and_combining_characters_can_be_typed_moved_over_and_deleted(start: Start) -> None:
    terminal = start(columns=30)
    terminal.type("文件e\u0301🙂 end")
    terminal.wait(lambda: " end" in terminal.input_line(), "the text")
    terminal.type("\x01\x1b[C\x1b[3~\x05")  # past the first character, delete the second one
    terminal.type("!\r")
    terminal.wait_for("you said 文é🙂 end!")


def test_a_line_longer_than_the_terminal_survives_a_resize(start: Start) -> None:
    terminal = start()
    text = "".join(f"{number:03}文" for number in range(40))
    terminal.type(text)
    terminal.wait_for("039文")
    for columns, rows in ((20, 24), (132, 10), (60, 24)):
        terminal.resize(rows, columns)
        terminal.type("x\x7f")
        terminal.pump()
    terminal.type("\r")
    terminal.wait(lambda: f"you said {text}" in terminal.raw.replace("\r\n", ""), "the whole line")


def test_a_terminal_that_goes_away_ends_the_program(start: Start) -> None:
    terminal = start()
    terminal.say("slow work")
    terminal.wait_for("open line")
    terminal.child.ptyproc.fileobj.close()  # type: ignore[attr-defined]  # the stubs leave it out
    end = time.monotonic() + LIMIT_S
    while terminal.child.isalive():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_the_terminals_modes_are_as_they_were(tmp_path: Path) -> None:
    script = f"stty -a > before; {sys.executable} {PROGRAM}; stty -a > after"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TERM": "xterm", "HOME": str(tmp_path)}
    done = subprocess.run(
        ["script", "-qec", script, "/dev/null"],
        cwd=tmp_path,
        env=environment,
        input=b"\x04",
        timeout=LIMIT_S,
        check=False,
    )
    del done
    before, after = ((tmp_path / name).read_text() for name in ("before", "after"))
    assert re.sub(r"\s+", " ", before) == re.sub(r"\s+", " ", after)
