"""Sessions from the shell's side: gone on with, copied, played again; where they work, and what they are told."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.program import Played, Program

PWD = 'call: shell {"command": "pwd"}\n---\ntext: seen'


def recorded(program: Program, script: str = PWD) -> str:
    played = program.run("-p", "go", "--output-format", "json", script=script)
    name: str = played.result["session"]
    return name


def elsewhere(program: Program, tmp_path: Path) -> Path:
    """From here on the program is run in another folder."""
    program.workspace = tmp_path / "other"
    program.workspace.mkdir()
    return program.workspace


def results(played: Played) -> list[str]:
    return [event["result"]["content"] for event in of_type(played, "tool_finished")]


def of_type(played: Played, kind: str) -> list[dict[str, Any]]:
    return [line["event"] for line in map(json.loads, played.stdout.splitlines()) if line["event"]["type"] == kind]


@pytest.mark.parametrize("option", ["-r", "--fork"])
def test_a_session_goes_on_in_its_own_workspace(program: Program, tmp_path: Path, option: str) -> None:
    name, home = recorded(program), program.workspace
    elsewhere(program, tmp_path)
    again = program.run("-p", "again", option, name[:8], "--json", script=PWD)
    assert (again.status, results(again), of_type(again, "prompt_frozen")) == (0, [str(home)], [])


@pytest.mark.parametrize("option", ["-r", "--fork"])
def test_another_workspace_than_the_sessions_own_is_refused(program: Program, tmp_path: Path, option: str) -> None:
    name = recorded(program)
    other = elsewhere(program, tmp_path)
    by_flag = program.run("-p", "again", option, name, "-C", ".")
    by_name = program.run("-p", "again", option, name, WORKSPACE_ROOT=str(other))
    for refused, named in ((by_flag, "-C"), (by_name, "WORKSPACE_ROOT")):
        assert (refused.status, refused.stdout) == (2, "")
        assert f"{named} names {other}" in refused.stderr


def test_a_session_whose_workspace_is_gone_says_so(program: Program, tmp_path: Path) -> None:
    name, home = recorded(program), program.workspace
    elsewhere(program, tmp_path)
    home.rename(tmp_path / "moved")
    played = program.run("-p", "again", "-r", name)
    assert (played.status, played.stdout) == (2, "")
    assert "that folder does not exist" in played.stderr


def test_the_network_that_changed_is_told_to_the_model_once(program: Program) -> None:
    name = recorded(program)
    prompts = [
        of_type(program.run("-p", "again", "-r", name, "--json", *arguments), "prompt_frozen")
        for arguments in ([], ["--network", "on"], ["--network", "on"], [])
    ]
    assert [len(frozen) for frozen in prompts] == [0, 1, 0, 1]
    assert "There is a network." in prompts[1][0]["system"]
    assert "No network unless allowed." in prompts[3][0]["system"]


def test_a_fork_is_a_session_of_its_own(program: Program) -> None:
    name = recorded(program)
    forked = program.run(
        "-p", "and?", "--fork", name, "--output-format", "json", script="expect-messages: go\ntext: ok"
    )
    assert forked.status == 0
    assert forked.result["session"] != name
    assert "> and?" not in program.run("sessions", "show", name).stdout
    assert "> and?" in program.run("sessions", "show", forked.result["session"]).stdout


def test_a_recorded_model_speaks_again_and_its_calls_are_real(program: Program) -> None:
    name = recorded(program, 'call: write_file {"path": "made.txt", "content": "x"}\n---\ntext: made it')
    (program.workspace / "made.txt").unlink()
    played = program.run("-p", "anything", "--provider", "replay", "-r", name, "--output-format", "json")
    assert (played.status, played.result["answer"]) == (0, "made it")
    assert played.result["session"] != name
    assert (program.workspace / "made.txt").read_text(encoding="utf-8") == "x"


def test_a_replay_that_names_no_session_says_how(program: Program) -> None:
    played = program.run("-p", "go", "--provider", "replay")
    assert (played.status, played.stdout) == (2, "")
    assert "-r ID" in played.stderr


def test_a_list_is_of_everywhere_or_of_one_workspace(program: Program, tmp_path: Path) -> None:
    first = recorded(program)
    elsewhere(program, tmp_path)
    second = recorded(program)
    everywhere = program.run("sessions", "list").stdout
    here = program.run("sessions", "list", "-C", ".").stdout
    assert first in everywhere
    assert second in everywhere
    assert first not in here
    assert second in here


@pytest.mark.parametrize(("name", "value"), [("OLLAMA_HOST", "://"), ("OLLAMA_CONTEXT_LENGTH", "12")])
def test_what_a_command_does_not_use_cannot_break_it(program: Program, name: str, value: str) -> None:
    program.more[name] = value
    program.more["WORKSPACE_ROOT"] = "/nowhere"
    for arguments in (["sessions", "list"], ["tool", "list", "-C", "."], ["-p", "hi", "-C", "."]):
        assert program.run(*arguments).status == 0
    assert program.run("-p", "hi", "-C", ".", LLM_PROVIDER="ollama").status == 2
    assert program.run("-p", "hi").status == 2


def test_a_journal_that_cannot_be_gone_on_with_is_said_on_the_screen(program: Program) -> None:
    played = program.run("-p", "hi", "--output-format", "json", PY_MONO_HOME="/proc/nope")
    assert (played.status, played.result["session"]) == (0, None)
    assert "not saved" in played.stderr
    name = recorded(program)
    journal = next(program.home.rglob(f"{name}.jsonl"))
    journal.parent.chmod(0o500)
    journal.chmod(0o400)
    try:
        resumed = program.run("-p", "again", "-r", name)
    finally:
        journal.parent.chmod(0o700)
    assert resumed.status == 0
    assert "not saved" in resumed.stderr or journal.read_text(encoding="utf-8").count("turn_started") == 2, (
        "root may write"
    )


def test_no_format_prints_a_secret(program: Program) -> None:
    key = "gsk_" + "Zx9" * 14
    for form in ("text", "json", "stream-json"):
        played = program.run("-p", "hi", "--output-format", form, script=f"text: it is {key} indeed", GROQ_API_KEY=key)
        assert played.status == 0
        assert key not in played.stdout + played.stderr
        assert "[redacted:" in played.stdout


def test_nonsense_in_the_env_file_is_named_in_one_line(program: Program) -> None:
    folder = program.home / "config"
    folder.mkdir(parents=True)
    (folder / ".env").write_bytes(b"A=1\n???\nLLM_PROVIDER=scripted\nB='unclosed\n")
    played = program.run("-p", "hi", "--json")
    assert played.status == 0
    assert (
        played.stderr == f"py-mono: {folder / '.env'}: line 4 cannot be understood, and what they say is passed over\n"
    )


def test_a_lock_that_is_off_is_said_and_a_whole_one_is_not(program: Program) -> None:
    assert "NO LOCK: --sandbox off" in program.run("-p", "hi", "--sandbox", "off").stderr
    assert "lock" not in program.run("-p", "hi").stderr
    assert "lock" in program.run("demo").stdout


def test_a_session_that_holds_nothing_is_an_error_and_not_silence(program: Program) -> None:
    folder = program.home / "state" / "sessions"
    folder.mkdir(parents=True)
    (folder / "empty.jsonl").touch()
    shown = program.run("sessions", "show", "empty")
    assert (shown.status, shown.stdout) == (1, "")
    assert "The session empty holds nothing." in shown.stderr


@pytest.mark.parametrize("option", ["-C", "--add-dir"])
def test_a_folder_without_a_name_is_a_usage_error(program: Program, option: str) -> None:
    refused = program.run("-p", "hi", option, "")
    assert (refused.status, refused.stdout) == (2, "")
    assert f"{option}: the name of the folder is empty" in refused.stderr
