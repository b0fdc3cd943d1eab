"""A key that is typed is nowhere: not on the screen at any time, not in the history, not with the model."""

import asyncio
from pathlib import Path

import pytest

from py_mono.security.keys.manager import KeyManager
from tests.ui.screens import Start, Terminal

KEY = "gsk_Zk3vQ9xW7hT2mB5nC8pL4rY6"
MASTER = "correct horse battery"
STORED = "The key for groq is stored in .keys.enc, encrypted."


def begin(start: Start, **more: str) -> Terminal:
    return start(LLM_MASTER_KEY=MASTER, **more)


def stored(folder: Path) -> str:
    keys = KeyManager(
        str(folder),
        str(folder / "state"),
        {"LLM_MASTER_KEY": MASTER},
        learned=lambda _: None,
        secrets_folder="/nowhere",
    )
    return keys.look("groq", ()).key


def assert_nowhere(terminal: Terminal, folder: Path, key: str = KEY) -> None:
    """No eight characters of it stand in what the terminal was sent, nor in any file but, encrypted, one."""
    terminal.type("\x04")
    terminal.status()
    pieces = [key[at : at + 8] for at in range(len(key) - 7)]
    assert [piece for piece in pieces if piece in terminal.raw or piece in terminal.text()] == []
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert [piece for piece in pieces if piece.encode() in data] == [], path


def test_a_key_is_dots_while_it_is_typed_and_stored_when_it_is_sent(start: Start, tmp_path: Path) -> None:
    terminal = begin(start)
    terminal.type("/key gr")
    terminal.wait_input("> /key gr")
    terminal.type("oq ")
    for character in KEY:
        terminal.type(character)
        terminal.pump()
    terminal.wait_input(f"> /key groq {'•' * len(KEY)}")
    terminal.type("\r")
    terminal.wait_for(STORED)
    assert "> /key groq ••••\n" in terminal.text()
    assert stored(tmp_path) == KEY
    assert_nowhere(terminal, tmp_path)


@pytest.mark.parametrize("line", [f"/key {KEY}", f"/key groq={KEY}", f"/key groq:{KEY}", f"/key GROQ {KEY}"])
def test_a_line_that_is_wrong_shows_no_key_either(start: Start, tmp_path: Path, line: str) -> None:
    terminal = begin(start)
    for character in line:
        terminal.type(character)
        terminal.pump()
    terminal.wait(lambda: terminal.input_line().endswith("•" * len(KEY)), "dots")
    terminal.type("\r")
    terminal.wait_for("> /key ••••")
    terminal.wait_input(">")
    assert_nowhere(terminal, tmp_path)


@pytest.mark.parametrize(
    "line", [f" /key groq {KEY}", f"/ key groq {KEY}", f"/keys groq {KEY}", f"/KEY groq {KEY}", f"key groq {KEY}"]
)
def test_what_was_meant_to_be_the_command_is_not_sent_to_the_model(start: Start, tmp_path: Path, line: str) -> None:
    terminal = begin(start)
    terminal.type(f"{line}\r")
    terminal.wait_for("That line looks like /key, spelled otherwise.")
    terminal.type("\x1b[A\r")  # no history has it
    terminal.say("hello")
    terminal.wait_for("you said hello")
    assert terminal.text().count("you said") == 1
    assert_nowhere(terminal, tmp_path)


def test_a_key_that_is_asked_for_is_not_shown(start: Start, tmp_path: Path) -> None:
    terminal = begin(start)
    terminal.type("/key groq\r")
    terminal.wait_for("the key for groq; it is not shown; Esc gives up>")
    terminal.type("\t@")
    terminal.type("\x7f")
    terminal.type(KEY)
    terminal.wait(lambda: terminal.input_line().endswith("•" * len(KEY)), "dots")
    terminal.type("\x12\x07")  # no search, and no editor
    terminal.wait_for("A line with a key is not given to an editor")
    terminal.type("\r")
    terminal.wait_for(STORED)
    assert stored(tmp_path) == KEY
    terminal.type("\x1b[A")
    terminal.wait_input("> /key groq")
    terminal.type("\x03")
    assert_nowhere(terminal, tmp_path)


@pytest.mark.parametrize("key", ["\x1b", "\x03"])
def test_the_question_for_a_key_can_be_given_up(start: Start, tmp_path: Path, key: str) -> None:
    terminal = begin(start)
    terminal.type("/key groq\r")
    terminal.wait_for("Esc gives up>")
    terminal.type(KEY[:12])
    terminal.wait(lambda: terminal.input_line().endswith("•" * 12), "dots")
    terminal.type(key)
    terminal.wait_for("Nothing was stored.")
    terminal.wait_input(">")
    terminal.say("hello")
    terminal.wait_for("you said hello")
    assert not (tmp_path / ".keys.enc").exists()
    assert_nowhere(terminal, tmp_path)


def test_who_leaves_at_the_question_for_a_key_leaves(start: Start, tmp_path: Path) -> None:
    terminal = begin(start)
    terminal.type("/key groq\r")
    terminal.wait_for("Esc gives up>")
    terminal.type("\x04")
    assert terminal.status() == 0
    assert not (tmp_path / ".keys.enc").exists()


def test_no_editing_brings_a_key_to_light(start: Start, tmp_path: Path) -> None:
    terminal = begin(start, EDITOR="cat")
    terminal.type(f"/key groq {KEY}")
    terminal.wait_input(f"> /key groq {'•' * len(KEY)}")
    terminal.type("\x07")  # Ctrl-G
    terminal.wait_for("A line with a key is not given to an editor")
    dots = "•" * len(KEY)
    terminal.type("\x01\x1bd")  # Home, and the command deleted
    terminal.wait_input(f"> {dots}{'•' * 6}")
    terminal.type("\x1bd")  # and the name
    terminal.wait_input(f"> {dots}•")
    terminal.type("\x1f")  # taken back
    terminal.wait_input(f"> {dots}{'•' * 6}")
    terminal.type("\x1f")
    terminal.wait_input(f"> /key groq {dots}")
    terminal.type("\x01\x0b")  # all of it cut
    terminal.wait_input(">")
    terminal.type("see \x19")  # and put in elsewhere
    terminal.wait_input(f"> {'•' * len(f'see /key groq {KEY}')}")
    terminal.type("\x03")
    terminal.wait_input(">")
    terminal.type(f"/key groq {KEY}\x17")  # the last word cut
    terminal.wait_input("> /key groq")
    terminal.type("\x03")
    terminal.wait_input(">")
    terminal.type("\x19")
    terminal.wait_input(f"> {dots}")
    terminal.type("\r")
    terminal.wait_for("send it? yes or no>")
    terminal.type("no\r")
    terminal.wait_for("It was not sent.")
    assert "you said" not in terminal.text()
    assert_nowhere(terminal, tmp_path)


def test_a_pasted_key_is_dots_too_also_over_several_lines(start: Start, tmp_path: Path) -> None:
    terminal = begin(start)
    terminal.type(f"\x1b[200~/key groq {KEY}\nmore {KEY}\n\x1b[201~")
    terminal.wait_for(f"> /key groq {'•' * len(KEY)}")
    terminal.type("\r")
    terminal.wait_for("A key has no blanks in it")
    terminal.type(f"/key groq \x1b[200~{KEY}\n\x1b[201~\r")
    terminal.wait_for(STORED)
    assert stored(tmp_path) == KEY
    assert_nowhere(terminal, tmp_path)


def test_a_search_for_a_key_shows_none_and_finds_none(start: Start, tmp_path: Path) -> None:
    terminal = begin(start)
    terminal.type(f"/key groq {KEY}\r")
    terminal.wait_for(STORED)
    terminal.type(f"\x12/key groq {KEY}")
    terminal.wait(lambda: "i-search)`/key groq ••••" in terminal.text(), "the search")
    terminal.type("\x07")
    assert_nowhere(terminal, tmp_path)


def test_a_key_set_while_a_turn_runs_does_not_steer_it(start: Start, tmp_path: Path) -> None:
    asyncio.run(_store_one(tmp_path))
    terminal = begin(start)
    terminal.say("slow")
    terminal.wait_for("open line")
    terminal.type(f"/key groq {KEY}\r")
    terminal.wait_for(STORED)
    terminal.type(f" /key groq {KEY}\r")
    terminal.wait_for("That line looks like /key")
    assert "steered" not in terminal.text()
    terminal.type("go on\r")
    terminal.wait_for("steered by go on")
    assert stored(tmp_path) == KEY
    assert_nowhere(terminal, tmp_path)


async def _store_one(folder: Path) -> None:
    KeyManager(str(folder), str(folder / "state"), {"LLM_MASTER_KEY": MASTER}, learned=lambda _: None).set("xai", "k")


def test_the_first_key_waits_for_the_end_of_the_turn(start: Start, tmp_path: Path) -> None:
    terminal = begin(start)
    terminal.say("slow")
    terminal.wait_for("open line")
    terminal.type(f"/key groq {KEY}\r")
    terminal.wait_for("press Esc first, then /key groq")
    assert not (tmp_path / ".keys.enc").exists()
    terminal.type("\x1b")
    assert_nowhere(terminal, tmp_path)


def test_a_message_with_a_key_is_sent_where_the_person_says_so(start: Start) -> None:
    terminal = begin(start)
    key = "hf_" + "ab1CD2ef3GH4" * 3
    terminal.type(f"use {key} there\r")
    terminal.wait_for("looks like a key or a password (huggingface-token)")
    terminal.type("n\r")
    terminal.wait_for("It was not sent.")
    terminal.type(f"use {key} here\r")
    terminal.wait(lambda: terminal.text().count("send it? yes or no>") > 0, "the question")
    terminal.type("yes\r")
    terminal.wait_for("you said use [redacted:huggingface-token] here")
    assert "you said use [redacted:huggingface-token] there" not in terminal.text()


def test_the_command_completes(start: Start) -> None:
    terminal = begin(start)
    terminal.type("/key ro\t")
    terminal.wait_input("> /key rotate")
    terminal.type("\x15/key open\t")
    terminal.wait_input("> /key openai")
    terminal.type(f"\x15/key groq {KEY}\r")
    terminal.wait_for(STORED)
    terminal.type("/key remove ")
    terminal.wait_for("its stored key")
    terminal.type("\t")
    terminal.wait_input("> /key remove groq")
    terminal.type("\r")
    terminal.wait_input("> /key remove groq")
    terminal.type("\r")
    terminal.wait_for("The stored key for groq is removed.")


def test_at_a_dumb_terminal_the_key_is_not_echoed(start: Start, tmp_path: Path) -> None:
    terminal = begin(start, TERM="dumb")
    terminal.type("/key groq\r")
    terminal.wait_for("it is not shown; Esc gives up>")
    terminal.type(f"{KEY}\r")
    terminal.wait_for(STORED)
    terminal.type("/key openai\r")
    terminal.wait(lambda: terminal.text().count("gives up>") > 1, "the question again")
    terminal.type("\x03")
    terminal.wait_for("Nothing was stored.")
    terminal.type("hello\r")
    terminal.wait_for("you said hello")
    assert "hello\n" in terminal.text().replace("\r", "")
    assert stored(tmp_path) == KEY
    assert_nowhere(terminal, tmp_path)


def test_what_a_command_of_ones_own_is_waited_for_with_shows_no_key(start: Start) -> None:
    terminal = begin(start)
    terminal.say(f"!sleep 100; echo {KEY}")
    terminal.wait_for("running sleep 100; echo [redacted:")
    assert KEY not in terminal.text()
    terminal.type("\x1b")
