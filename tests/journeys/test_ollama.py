"""The real program against a server that speaks Ollama's wire."""

import json

import pytest

from tests.journeys.program import Played, Program
from tests.servers.fake_ollama import Answer, FakeOllama, call, refuse, say


def ask(program: Program, server: FakeOllama, *arguments: str, prompt: str = "go") -> Played:
    return program.run("-p", prompt, "--provider", "ollama", "-m", "fake", *arguments, OLLAMA_BASE_URL=server.url)


def test_a_turn_with_tools_over_http(program: Program) -> None:
    program.write({"a.txt": "forty-two\n"})
    answers = [say("I look.", calls=[call("read_file", {"path": "a.txt"})]), say("It says 42.", thinking="easy")]
    with FakeOllama(answers) as server:
        played = ask(program, server)
    assert (played.status, played.stdout) == (0, "It says 42.\n")
    first, second = (request.json for request in server.chats)
    assert second["messages"][: len(first["messages"])] == first["messages"]
    assert second["messages"][-1]["role"] == "tool"
    assert "forty-two" in second["messages"][-1]["content"]
    assert first["tools"] == second["tools"]
    assert first["options"] == second["options"]
    assert first["options"]["num_ctx"] == 32768
    assert server.connections == 1


def test_system_prompt_and_tool_list_stay_under_1200_tokens(program: Program) -> None:
    with FakeOllama([say("ok")]) as server:
        ask(program, server)
    request = server.chats[0].json
    system = request["messages"][0]["content"]
    tools = json.dumps(request["tools"], ensure_ascii=False, separators=(",", ":"))
    assert request["messages"][0]["role"] == "system"
    assert len(system.encode()) + len(tools.encode()) <= 1200 * 4
    assert "call_tool" in tools


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (refuse(404, "model 'fake' not found"), 1, "ollama pull fake"),
        (refuse(500, "llama runner process has terminated"), 75, "500"),
        (refuse(400, "fake does not support tools"), 1, "tools"),
        (Answer((b"<html>Login to the hotel network</html>",), content_type="text/html"), 1, "a web page"),
        (Answer((b"\xff\xfe garbage\n",)), 1, ""),
        (say(""), 1, "answered with nothing"),
    ],
    ids=["no such model", "server error", "no tools", "a captive portal", "garbage", "an empty reply"],
)
def test_a_failing_server_ends_in_words(program: Program, answer: Answer, status: int, words: str) -> None:
    with FakeOllama([answer], repeat=True) as server:
        played = ask(program, server)
    assert played.status == status, played.stderr
    assert words.lower() in played.stderr.lower()
    assert "Traceback" not in played.stderr
    assert played.stdout == ""


def test_no_server_says_how_to_start_one(program: Program) -> None:
    with FakeOllama([say("ok")]) as server:
        url = server.url
    played = program.run("-p", "go", "--provider", "ollama", OLLAMA_BASE_URL=url)
    assert played.status == 75
    assert "ollama serve" in played.stderr


def test_a_stream_cut_in_the_middle_is_asked_again_and_nothing_is_doubled(program: Program) -> None:
    cut = say("Half a sen", calls=[call("shell", {"command": "touch ran"})])
    answers = [Answer(cut.pieces, cut_at=250), say("Whole.")]
    with FakeOllama(answers) as server:
        played = ask(program, server, "--json")
    assert played.status == 0
    kinds = [event["type"] for event in played.events]
    assert kinds.count("message_finished") == 1
    assert kinds.count("model_retried") == 1
    assert "tool_started" not in kinds
    assert not (program.workspace / "ran").exists()
    assert len(server.chats) == 2


def test_a_session_with_a_retry_replays_with_equal_digests(program: Program) -> None:
    cut = say("Half")
    answers = [Answer(cut.pieces, cut_at=200), say("x", calls=[call("list_files", {})]), say("Done.")]
    with FakeOllama(answers) as server:
        session = ask(program, server, "--output-format", "json").result["session"]
    replayed = program.run("sessions", "replay", session)
    assert (replayed.status, replayed.stdout) == (
        0,
        "Replayed 2 requests in 1 turn: each is the one that was recorded.\n",
    )


def test_ten_calls_at_once_and_strings_for_numbers_and_unknown_tools(program: Program) -> None:
    program.write({f"{n}.txt": f"text {n}\n" for n in range(8)})
    calls = [call("read_file", {"path": f"{n}.txt", "offset": "1"}) for n in range(8)]
    answers = [
        say("", calls=[*calls, call("fly", {}), call("read_file", {"path": "0.txt", "offset": "one"})]),
        say("Done."),
    ]
    with FakeOllama(answers) as server:
        played = ask(program, server, "--json")
    results = [event["result"] for event in played.events if event["type"] == "tool_finished"]
    assert played.status == 0
    assert [result["is_error"] for result in results] == [False] * 8 + [True, True]
    assert [f"text {n}" in result["content"] for n, result in enumerate(results[:8])] == [True] * 8
    assert "there is no tool 'fly'" in results[8]["content"]
    assert "offset" in results[9]["content"]
