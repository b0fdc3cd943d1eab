"""The real program against servers that cut its prompt, that lie about it, and that say nothing."""

import json
import os

import pytest

from tests.journeys.program import Played, Program
from tests.servers.fake_ollama import (
    Answer,
    FakeOllama,
    Pause,
    Request,
    as_json,
    call,
    count,
    counting,
    loaded,
    refuse,
    say,
)

TOUCH = say("I write.", calls=[call("shell", {"command": "touch ran"})])
READ = say("I read.", calls=[call("read_file", {"path": "big.txt"})])
NOTHING = refuse(404, "404 page not found")


def ask(program: Program, server: FakeOllama, *arguments: str, prompt: str = "go", **environment: str) -> Played:
    program.more = environment
    return program.run("-p", prompt, "--provider", "ollama", "-m", "fake", *arguments, OLLAMA_BASE_URL=server.url)


def checks(played: Played) -> list[tuple[str, int]]:
    return [(event["verdict"], event["window"]) for event in played.events if event["type"] == "context_checked"]


def test_an_honest_server_leaves_one_fact_a_step_right_before_the_message(program: Program) -> None:
    program.write({"big.txt": "a line of text\n" * 200})
    with FakeOllama([counting(count, READ), counting(count, say("Done."))]) as server:
        played = ask(program, server, "--json")
    kinds = [event["type"] for event in played.events]
    assert checks(played) == [("seen", 32768), ("seen", 32768)]
    assert [kinds[n + 1] for n, kind in enumerate(kinds) if kind == "context_checked"] == ["message_finished"] * 2
    assert {chat.json["options"]["num_ctx"] for chat in server.chats} == {32768}


def test_the_last_line_says_how_full_the_window_is(program: Program) -> None:
    with FakeOllama([counting(lambda _: 3932, say("Done."))]) as server:
        played = ask(program, server)
    assert "3,932 tokens in, 30 out · 12% of a 32,768-token window ·" in played.stderr
    assert "unverified" not in played.stderr


def test_a_server_that_truncates_silently_ends_the_turn_before_its_call_runs(program: Program) -> None:
    def cut(request: Request) -> int:
        return min(count(request), 4096)

    with FakeOllama([counting(cut, TOUCH)], ps=loaded(4096), repeat=True) as server:
        played = ask(program, server)
        assert len(server.chats) == 1
    assert (played.status, played.stdout) == (1, "")
    assert "a window of 4,096 tokens, not the 32,768 that were asked for" in " ".join(played.stderr.split())
    assert "OLLAMA_CONTEXT_LENGTH=4096" in played.stderr
    assert not (program.workspace / "ran").exists()


def test_the_fix_that_is_named_is_one(program: Program) -> None:
    def window(_: Request) -> Answer:
        return loaded(4096)

    with FakeOllama([counting(count, say("Done."))], ps=window) as server:
        played = ask(program, server, OLLAMA_CONTEXT_LENGTH="4096")
        assert server.chats[0].json["options"] == {"num_ctx": 4096}
    assert (played.status, played.stdout) == (0, "Done.\n")


def test_a_server_that_lies_is_stopped_when_the_prompt_grows_and_its_count_does_not(program: Program) -> None:
    program.write({"big.txt": os.urandom(500).hex() + "\n"})
    answers = [counting(lambda _: 4096, READ), counting(lambda _: 4096, TOUCH)]
    with FakeOllama(answers, ps=loaded(32768)) as server:
        played = ask(program, server, "--json", prompt="look at " + os.urandom(15_000).hex())
    finished = played.events[-1]
    assert finished["error"]["kind"] == "context_truncated"
    assert "the server counted 4,096 tokens twice, although the prompt had grown" in finished["error"]["message"]
    assert [event["type"] for event in played.events].count("message_finished") == 1
    assert not (program.workspace / "ran").exists()


def test_a_server_that_answers_400_is_a_prompt_too_long_with_a_way_out(program: Program) -> None:
    text = "the request exceeds the available context size, try increasing it"
    with FakeOllama([refuse(400, text)], repeat=True) as server:
        played = ask(program, server, "--json")
        assert len(server.chats) == 1
    error = played.events[-1]["error"]
    assert (error["kind"], "/clear" in error["remedy"]) == ("context_too_long", True)


def test_a_server_that_reports_nothing_is_used_and_said_to_be_unverified_once(program: Program) -> None:
    program.write({"big.txt": "text\n"})
    answers = [counting(lambda _: None, READ), counting(lambda _: None, say("Done."))]
    with FakeOllama(answers, show=NOTHING, ps=NOTHING, version=NOTHING) as server:
        played = ask(program, server)
    assert (played.status, played.stdout) == (0, "Done.\n")
    said = " ".join(played.stderr.split())
    assert said.count("unverified whether the model saw the whole prompt: the server gave no count of the prompt") == 1


def test_another_client_that_has_the_model_loaded_with_less_is_found_out(program: Program) -> None:
    program.write({"big.txt": "text\n"})
    windows = iter([32768, 4096])
    answers = [counting(count, READ, load_s=2.0), counting(count, TOUCH, load_s=2.0)]
    with FakeOllama(answers, ps=lambda _: loaded(next(windows))) as server:
        played = ask(program, server, "--json")
    assert played.events[-1]["error"]["kind"] == "context_truncated"
    assert not (program.workspace / "ran").exists()


@pytest.mark.parametrize("ps", [NOTHING, Answer([b"{"]), Answer(before=Pause()), as_json({"models": []})])
def test_a_server_that_does_not_show_its_window_is_used_as_ever(program: Program, ps: Answer) -> None:
    with FakeOllama([counting(count, say("Done."))], ps=ps) as server:
        played = ask(program, server)
    assert (played.status, played.stdout) == (0, "Done.\n")


def test_an_oversize_prompt_is_never_sent(program: Program) -> None:
    with FakeOllama([], version=as_json({"version": "0.9.6"})) as server:
        played = ask(program, server, "--json", prompt="word " * 8000, OLLAMA_CONTEXT_LENGTH="8192")
        assert server.chats == []
    error = played.events[-1]["error"]
    assert error["kind"] == "context_too_long"
    assert "the window holds 8,192, of which 512 are kept for the reply; it was not sent" in error["message"]


def test_a_session_with_checks_replays(program: Program) -> None:
    with FakeOllama([counting(count, say("Done."))]) as server:
        session = json.loads(ask(program, server, "--output-format", "json").stdout)["session"]
    replayed = program.run("sessions", "replay", session)
    assert (replayed.status, replayed.stdout[:9]) == (0, "Replayed ")
