import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ui.screens import LIMIT_S, PROGRAM, ROOT, Start


def test_an_answer_streams_in_and_the_line_comes_back(start: Start) -> None:
    terminal = start()
    terminal.say("hello")
    terminal.wait_for("you said hello")
    terminal.wait_for("done · 1 step · 10 tokens in, 5 out")
    terminal.wait_input(">")
    lines = [line for line in terminal.lines() if line]
    assert lines[0].startswith("py-mono 0 · fake none · ")
    at = lines.index("/help shows what there is")
    assert lines[at + 1 : at + 4] == ["lock: pretended", "> hello", "you said hello"]
    assert terminal.raw.count("\x1b[6n") == 0


def test_ctrl_d_on_an_empty_line_leaves_and_on_a_full_one_does_not(start: Start) -> None:
    terminal = start()
    terminal.type("x\x01\x04")
    terminal.wait_input(">")
    terminal.type("\x04")
    assert terminal.status() == 0


@pytest.mark.parametrize("word", ["/bye", "exit", "quit", "/quit"])
def test_words_leave(start: Start, word: str) -> None:
    terminal = start()
    terminal.say(word)
    assert terminal.status() == 0


def test_ctrl_c_clears_a_line_and_leaves_when_pressed_twice_in_idleness(start: Start) -> None:
    terminal = start()
    terminal.type("unfinished")
    terminal.wait_input("> unfinished")
    terminal.type("\x03")
    terminal.wait_input(">")
    assert "again" not in terminal.text()
    terminal.type("\x03")
    terminal.wait_for("Ctrl-C again leaves")
    terminal.type("y")
    terminal.wait(lambda: "again" not in terminal.text(), "the hint's end")
    terminal.type("\x7f\x03")
    terminal.wait_for("Ctrl-C again leaves")
    terminal.type("\x03")
    assert terminal.status() == 0


@pytest.mark.parametrize("key", ["\x03", "\x1b"], ids=["Ctrl-C", "Esc"])
def test_a_key_interrupts_the_turn_and_the_session_goes_on(start: Start, key: str) -> None:
    terminal = start()
    terminal.say("slow work")
    terminal.wait_for("open line")
    terminal.type(key)
    terminal.wait_for("interrupted · 1 step")
    terminal.say("more")
    terminal.wait_for("you said more")


def test_a_signal_interrupts_the_turn_as_the_key_does(start: Start) -> None:
    terminal = start()
    terminal.say("slow work")
    terminal.wait_for("open line")
    terminal.child.kill(signal.SIGINT)
    terminal.wait_for("interrupted · 1 step")


def test_sigterm_ends_the_turn_and_the_program(start: Start) -> None:
    terminal = start()
    terminal.say("slow work")
    terminal.wait_for("open line")
    terminal.child.kill(signal.SIGTERM)
    assert terminal.status() == 143
    assert "interrupted · 1 step" in terminal.text()


def test_text_typed_while_a_turn_runs_steers_it(start: Start) -> None:
    terminal = start()
    terminal.say("slow work")
    terminal.wait_for("open line")
    terminal.say("look left")
    terminal.wait_for("the model now reads: look left")
    terminal.wait_for("steered by look left")
    terminal.wait_for("done · ")


def test_text_that_came_too_late_to_steer_an_interrupted_turn_is_put_back(start: Start) -> None:
    terminal = start()
    terminal.say("deaf")
    terminal.wait_for("not listening")
    terminal.say("keep this")
    terminal.wait_for("> keep this")
    terminal.type("\x1b")
    terminal.wait_for("interrupted · ")
    terminal.wait_input("> keep this")


def test_alt_keys_do_not_interrupt(start: Start) -> None:
    terminal = start()
    terminal.say("slow work")
    terminal.wait_for("open line")
    terminal.type("one two\x1bb\x1b\x7f")
    terminal.wait_input("> two")
    assert "interrupted" not in terminal.text()


def test_history_survives_the_program_and_holds_no_keys(start: Start, tmp_path: Path) -> None:
    terminal = start()
    terminal.say("remember me")
    terminal.wait_for("you said remember me")
    terminal.type("/key openai sk-secret\r")
    terminal.wait_for("there is no master key")
    terminal.type("\x04")
    assert terminal.status() == 0
    history = tmp_path / "history"
    assert history.stat().st_mode & 0o777 == 0o600
    assert "sk-secret" not in history.read_text()

    terminal = start()
    terminal.type("\x1b[A")
    terminal.wait_input("> remember me")
    terminal.type("\x03\x12rememb")
    terminal.wait(lambda: "remember me" in terminal.input_line(), "the search's find")


def test_a_history_that_cannot_be_written_hurts_nobody(start: Start, tmp_path: Path) -> None:
    (tmp_path / "history").mkdir()
    terminal = start()
    terminal.say("hello")
    terminal.wait_for("you said hello")
    terminal.type("\x1b[A")
    terminal.wait_input("> hello")


@pytest.mark.parametrize("key", ["\n", "\x1b\r"], ids=["Ctrl-J", "Esc-Enter"])
def test_a_key_makes_a_new_line(start: Start, key: str) -> None:
    terminal = start()
    terminal.type("one" + key + "two")
    terminal.wait_input("  two")
    terminal.type("\r")
    terminal.wait_for("you said one|two")


def test_a_paste_of_many_lines_is_one_message(start: Start) -> None:
    terminal = start()
    terminal.type("\x1b[200~first\nsecond\r\nthird\x1b[201~")
    terminal.wait_for("third")
    terminal.type("\r")
    terminal.wait_for("you said first|second|third")


def test_tab_completes_commands_and_files(start: Start, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file.py").write_text("")
    terminal = start()
    terminal.type("/he\t")
    terminal.wait_input("> /help")
    terminal.type("\x03see @fol\t")
    terminal.wait_input("> see @folder/")
    terminal.type("fi\t")
    terminal.wait_input("> see @folder/file.py")


def test_help_lists_the_commands_and_an_unknown_one_is_reported(start: Start) -> None:
    terminal = start()
    terminal.say("/help")
    terminal.wait_for("/clear")
    terminal.say("/halp me")
    terminal.wait_for("There is no /halp: /help shows what there is.")
    assert "you said" not in terminal.text()
    terminal.say("/tools")
    terminal.wait_for("shell  Run a command")
    terminal.say("/clear")
    terminal.wait_for("The conversation starts afresh")


def test_twenty_columns_are_enough(start: Start) -> None:
    terminal = start(columns=20, rows=12)
    terminal.say("tool")
    terminal.wait_for("✗ shell m…")
    terminal.wait_for("done · ")
    terminal.say("slow")
    terminal.wait_for("open line")
    terminal.type("a line that is longer than the terminal")
    terminal.wait_for("than the termi")
    terminal.type("\x03\x03")
    terminal.wait_for("interrupted")
    terminal.wait_input(">")


def test_a_terminal_that_is_resized_in_a_turn_goes_on(start: Start) -> None:
    terminal = start()
    terminal.say("slow work")
    terminal.wait_for("open line")
    for columns in (20, 132, 40):
        terminal.resize(24, columns)
        terminal.pump()
    terminal.type("\x1b")
    terminal.wait_for("interrupted")
    terminal.say("hello")
    terminal.wait_for("you said hello")


def test_what_a_model_or_a_tool_says_cannot_act_on_the_terminal(start: Start) -> None:
    terminal = start()
    terminal.say("evil")
    terminal.wait_for("split hidden")
    terminal.say("tool")
    terminal.wait_for("more")
    terminal.wait_for("done · ")
    assert "red gnp.exe" in terminal.text()
    assert terminal.screen.title == ""
    assert not re.search(r"\x1b\[2J|\x1b\[31mred|\x1b\]0|\x9b|\u202e|\x1b\[8m", terminal.raw)


def test_what_else_prints_appears_above_the_line(start: Start) -> None:
    terminal = start()
    terminal.say("print")
    terminal.wait_for("print")
    terminal.wait_for("done · ")
    assert "\x1b[31mprint" not in terminal.raw


def test_a_flood_of_text_comes_whole_and_in_order(start: Start) -> None:
    terminal = start()
    terminal.say("flood")
    terminal.wait(lambda: "done · " in "\n".join(terminal.screen.display), "the end of the flood")
    numbers = [int(number) for number in re.findall(r"x{20}line (\d+) of many", terminal.raw)]
    assert numbers == list(range(1, 20_000, 2))


def test_no_color_means_none(start: Start) -> None:
    terminal = start(NO_COLOR="1")
    terminal.say("tool")
    terminal.wait_for("done · ")
    assert not re.search(r"\x1b\[[0-9;]*(3[0-9]|4[0-9]|9[0-7]|10[0-7])(;[0-9;]*)?m", terminal.raw)


def test_a_dumb_terminal_gets_plain_lines(start: Start) -> None:
    terminal = start(TERM="dumb")
    assert "py-mono 0 · fake none · " in terminal.text()
    terminal.type("hello\r")
    terminal.wait_for("you said hello")
    terminal.type("slow\r")
    terminal.wait_for("first line")
    terminal.type("\x03")
    terminal.wait_for("interrupted · ")
    terminal.type("\x03")
    assert terminal.status() == 130
    assert "\x1b" not in terminal.raw


def run_piped(text: bytes, *arguments: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, PROGRAM, *arguments],
        input=text,
        capture_output=True,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TERM": "xterm"},
        timeout=LIMIT_S,
        check=False,
    )


def test_each_piped_line_is_a_prompt(tmp_path: Path) -> None:
    done = run_piped("eins ü\r\n\n/nope\nzwei\nexit\nnever\n".encode(), folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"status 0\n")
    lines = [line for line in done.stdout.decode().splitlines() if not line.startswith("done · ")]
    assert lines == [
        "you said eins ü",
        "There is no /nope: /help shows what there is. To say it to the model, put a blank in front.",
        "you said zwei",
    ]


def test_a_prompt_takes_what_is_piped_as_its_context(tmp_path: Path) -> None:
    done = run_piped(b"a\nb\n", "explain", folder=tmp_path)
    assert done.stdout.decode().splitlines()[0] == "you said explain||<stdin>|a|b|</stdin>"


def test_a_file_as_stdin_is_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "prompts"
    file.write_text("one\ntwo")
    with file.open() as stdin:
        done = subprocess.run(
            [sys.executable, PROGRAM],
            stdin=stdin,
            capture_output=True,
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            timeout=LIMIT_S,
            check=True,
        )
    assert re.findall(rb"you said (\w+)", done.stdout) == [b"one", b"two"]


def test_what_is_typed_while_a_turn_is_ending_starts_the_next_one(start: Start) -> None:
    terminal = start()
    terminal.say("late")
    terminal.wait_for("you said typed too late")
    terminal.wait_input(">")


def test_what_the_lock_leaves_open_is_said_before_the_first_turn(start: Start) -> None:
    terminal = start(TEST_GAP="1")
    terminal.wait_for("A gap.")
    terminal.say("hello")
    terminal.wait_for("you said hello")
    assert terminal.text().index("lock: pretended") < terminal.text().index("A gap.")


def test_a_mentioned_file_is_its_path_for_the_model_wherever_it_is_said(tmp_path: Path, start: Start) -> None:
    (tmp_path / "file.py").write_text("")
    done = run_piped(b"see @file.py\n", folder=tmp_path)
    assert done.stdout.startswith(b"you said see file.py\n")
    done = run_piped(b"@file.py in the context\n", "see @file.py", folder=tmp_path)
    assert done.stdout.startswith(b"you said see file.py||<stdin>|@file.py in the context|</stdin>\n")
    terminal = start(TERM="dumb")
    terminal.type("see @file.py\r")
    terminal.wait_for("you said see file.py")
