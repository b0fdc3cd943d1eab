"""What a session costs, what bounds it, and how it is taken along: the real program, from the shell's side."""

import json
import stat

import pytest
from inline_snapshot import snapshot

from tests.journeys.program import Program

CALLS = 'call: shell {"command": "true"}\nusage: 1000 10 200 0.4\nrepeat: 9'
ANSWER = "text: done\nusage: 1000 10 200 0.4"
KEY = "correct-horse-battery-staple-9"


def budget(program: Program, text: str) -> None:
    folder = program.home / "config"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(f"[budget]\n{text}\n", encoding="utf-8")


def test_the_budget_of_a_turn_from_the_file_warns_and_stops_with_status_3(program: Program) -> None:
    budget(program, "turn_usd = 1")
    played = program.run("-p", "go", "--output-format", "json", script=CALLS)
    assert (played.status, played.result["stop_reason"], played.result["steps"]) == (3, "max_budget", 3)
    assert played.result["usage"] == snapshot(
        {"input_tokens": 3000, "output_tokens": 30, "cached_tokens": 600, "cost_usd": 1.2}
    )
    assert played.result["error"] == snapshot(
        {
            "kind": "max_budget",
            "message": "$1.20 was spent; the budget is $1.00",
            "remedy": "continue the session, or raise --max-budget-usd",
        }
    )
    assert played.stderr.count("this turn has spent $0.80, 80% of its budget of $1.00") == 1
    assert "$1.20" in played.stderr


def test_a_flag_comes_before_the_file(program: Program) -> None:
    budget(program, "turn_usd = 1")
    played = program.run("-p", "go", "--output-format", "json", "--max-budget-usd", "0.3", script=CALLS)
    assert (played.status, played.result["steps"]) == (3, 1)


def test_the_budget_of_a_session_counts_all_its_turns_and_then_no_turn_starts(program: Program) -> None:
    budget(program, "session_usd = 1\nwarn_at = 0.5")
    first = program.run("-p", "go", "--output-format", "json", script=ANSWER)
    assert (first.status, "budget" in first.stderr) == (0, False)
    second = program.run("-c", "-p", "go", "--output-format", "json", script=CALLS)
    assert (second.status, second.result["stop_reason"], second.result["steps"]) == (3, "max_budget", 2)
    assert second.stderr.count("this session has spent $0.80, 80% of its budget of $1.00") == 1
    third = program.run("-c", "-p", "go", "--json", script=ANSWER)
    assert third.status == 3
    assert [event["type"] for event in third.events] == ["turn_started", "turn_finished"]
    assert third.events[-1]["error"] == snapshot(
        {
            "kind": "max_budget",
            "message": "this session has spent $1.20; its budget is $1.00",
            "remedy": "raise session_usd under [budget] in config.toml, or start a new session",
        }
    )
    stopped = program.run("-c", "-p", "go", script=ANSWER)
    assert (stopped.status, "go on with" in stopped.stderr) == (3, False)  # it could not
    budget(program, "session_usd = 5")
    assert program.run("-c", "-p", "go", script=ANSWER).status == 0
    budget(program, "session_usd = 1")
    assert program.run("-p", "a new one", script=ANSWER).status == 0


def test_what_a_session_cost_is_told_in_it_its_past_included(program: Program) -> None:
    program.run("-p", "go", script=ANSWER)
    told = program.run("-c", stdin=b"/cost\n", script=ANSWER)
    assert "this session             1       0  1,000     200   10  $0.40" in told.stdout


def exported(program: Program, *arguments: str) -> str:
    name = program.run("-p", f"the pass is {KEY}", "--output-format", "json", script=ANSWER).result["session"]
    done = program.run("sessions", "export", name, *arguments)
    assert (done.status, done.stderr) == (0, "")
    return done.stdout


def test_a_session_is_exported_to_stdout_and_to_files_that_are_its_owners_alone(program: Program) -> None:
    text = exported(program)
    assert text.startswith("# Session `")
    assert KEY in text
    assert "| in all | 1 | 0 | 1,000 | 200 | 10 | $0.40 |" in text
    assert exported(program, "a.md").startswith("The session is in a.md.")
    path = program.workspace / "a.md"
    assert (path.read_text(encoding="utf-8")[:11], stat.S_IMODE(path.stat().st_mode)) == ("# Session `", 0o600)
    exported(program, "a.jsonl")
    lines = (program.workspace / "a.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0])["event"]["type"] == "session_started"
    assert json.loads(lines[-1])["event"]["type"] == "turn_finished"


@pytest.mark.parametrize(("file", "said"), [
    ("a.md", "py-mono: a.md is there already, and stays as it is.\n"),
    ("a.html", "py-mono: a.html does not say what it is to hold.\n"),
    ("none/a.md", "py-mono: none/a.md cannot be written: No such file or directory.\n"),
    (".keys.enc", "py-mono: .keys.enc does not say what it is to hold.\n"),
])  # fmt: skip
def test_a_file_that_cannot_be_is_refused_and_nothing_is_touched(program: Program, file: str, said: str) -> None:
    program.write({"a.md": "mine"})
    name = program.run("-p", "hi", "--output-format", "json").result["session"]
    done = program.run("sessions", "export", name, file)
    assert (done.status, done.stdout) == (1, "")
    assert done.stderr.startswith(said)
    assert [path.name for path in program.workspace.iterdir()] == ["a.md"]
    assert (program.workspace / "a.md").read_text(encoding="utf-8") == "mine"


def test_a_key_that_was_learned_after_it_was_said_is_in_no_export(program: Program) -> None:
    program.more["LLM_MASTER_KEY"] = "a passphrase of some length"
    name = program.run("-p", f"the pass is {KEY}", "--output-format", "json", script=f"text: {KEY}\n").result["session"]
    journal = program.home / "state" / "sessions" / f"{name}.jsonl"
    assert KEY in journal.read_text(encoding="utf-8")
    assert program.run("key", "set", "groq", stdin=KEY.encode()).status == 0
    stdout = program.run("sessions", "export", name).stdout
    program.run("sessions", "export", name, "a.jsonl")
    inside = program.run("-r", name, stdin=b"/export\n/export b.md\n/export c.jsonl\n").stdout
    files = [(program.workspace / file).read_text(encoding="utf-8") for file in ("a.jsonl", "b.md", "c.jsonl")]
    for text in (stdout, inside, *files):
        assert "the pass is [redacted" in text
        assert KEY not in text


def test_a_session_that_is_not_kept_cannot_be_exported(program: Program) -> None:
    said = program.run("--no-session", stdin=b"/export a.md\n").stdout
    assert "This session is not kept, so there is nothing to export." in said
    assert "Nothing was said in this session yet." in program.run(stdin=b"/export a.md\n").stdout
    assert not list(program.workspace.iterdir())
