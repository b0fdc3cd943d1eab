"""``py-mono tool``: the operator's own calls."""

import json

import pytest

from tests.journeys.program import Program


def test_the_list_is_for_people_and_for_programs(program: Program) -> None:
    listed = program.run("tool", "list")
    as_json = json.loads(program.run("tool", "list", "--json").stdout)
    names = [line.split()[0] for line in listed.stdout.splitlines()]
    assert names == ["list_files", "read_file", "write_file", "edit_file", "grep", "shell"]
    assert [tool["name"] for tool in as_json["tools"]] == names
    assert set(as_json) == {"version", "tools"}
    assert all(tool["parameters"]["type"] == "object" for tool in as_json["tools"])


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("read_file", '{"path": "a.txt"}'), 0, "hello"),
        (("shell", '{"command": "cat a.txt; exit 4"}'), 1, "exit code 4"),
        (("read_file", '{"path": "missing"}'), 1, "does not exist"),
        (("read_file", '{"path": "../outside"}'), 1, "outside"),
        (("read_file", "{broken"), 1, "not a JSON object"),
        (("read_file", "[1]"), 1, "not a JSON object"),
        (("read_file", "{}"), 1, "required"),
        (("read_file",), 1, "required"),
        (("fly", "{}"), 1, "there is no tool 'fly'"),
        (("write_file", '{"path": "new/b.txt", "content": "x"}'), 0, "b.txt"),
    ],
)
def test_one_call(program: Program, arguments: tuple[str, ...], status: int, words: str) -> None:
    program.write({"a.txt": "hello\n"})
    played = program.run("tool", *arguments)
    assert (played.status, played.stderr) == (status, "")
    assert words in played.stdout
    assert "Traceback" not in played.stdout


def test_a_refused_call_changes_no_byte(program: Program) -> None:
    program.write({"a.txt": "one\none\n"})
    before = (program.workspace / "a.txt").stat()
    played = program.run("tool", "edit_file", '{"path": "a.txt", "old_content": "one", "new_content": "two"}')
    after = (program.workspace / "a.txt").stat()
    assert played.status == 1
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)
    assert sorted(path.name for path in program.workspace.iterdir()) == ["a.txt"]


def test_a_session_keeps_what_the_model_has_read(program: Program) -> None:
    program.write({"a.txt": "one\n"})
    calls = [
        {"tool": "read_file", "args": {"path": "a.txt"}},
        {"tool": "shell", "args": {"command": "echo two > a.txt"}},
        {"tool": "edit_file", "args": {"path": "a.txt", "old_content": "one", "new_content": "three"}},
        {"tool": "edit_file", "args": {"path": "a.txt", "old_content": "two", "new_content": "three"}},
        {"tool": "nothing"},
        {"no": "tool"},
        "text",
    ]
    stdin = b"".join(json.dumps(call).encode() + b"\n" for call in calls) + b"\nnot json\n"
    played = program.run("tool", "--session", stdin=stdin)
    answers = [json.loads(line) for line in played.stdout.splitlines()]
    assert played.status == 0
    assert [answer["ok"] for answer in answers] == [True, True, False, True, False, False, False, False]
    assert "two" in answers[2]["output"]
    assert (program.workspace / "a.txt").read_text(encoding="utf-8") == "three\n"


def test_nothing_is_asked_of_a_model(program: Program) -> None:
    assert program.run("tool", "list_files", LLM_PROVIDER="ollama", OLLAMA_BASE_URL="http://127.0.0.1:9").status == 0


def test_a_line_nested_too_deeply_is_refused_and_the_session_goes_on(program: Program) -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    nested = b'{"tool": "list_files", "args": ' + deep + b"}"
    played = program.run("tool", "--session", stdin=b"\n".join((deep, nested, b'{"tool": "list_files"}', b"")))
    answers = [json.loads(line) for line in played.stdout.splitlines()]
    assert (played.status, played.stderr) == (0, "")
    assert [answer["ok"] for answer in answers] == [False, False, True]
    assert "nested too deeply" in answers[0]["output"]
    assert program.run("tool", "list_files", deep.decode()[:100_000]).status == 1
