"""The real program against servers that speak the wires of the clouds."""

import json
from collections.abc import Iterator

import pexpect
import pytest

from tests.journeys.program import Played, Program
from tests.servers import fake_anthropic, fake_gemini, fake_ollama, fake_openai
from tests.servers.fake_http import Answer, FakeServer

KEY = "sk-do-not-show-me-1234567890"
ARGUMENTS = {"path": "a.txt"}
WIRES: dict[str, tuple[type[FakeServer], Answer, Answer]] = {
    "groq/qwen/qwen3-32b": (
        fake_openai.FakeOpenAI,
        fake_openai.say("I look.", reasoning="hm", calls=[("c1", "read_file", ARGUMENTS)]),
        fake_openai.say("It says 42."),
    ),
    "anthropic/claude-3-5-haiku-20241022": (
        fake_anthropic.FakeAnthropic,
        fake_anthropic.say("I look.", thought="hm", calls=[("c1", "read_file", ARGUMENTS)]),
        fake_anthropic.say("It says 42."),
    ),
    "gemini/gemini-2.5-flash": (
        fake_gemini.FakeGemini,
        fake_gemini.say("I look.", calls=[fake_gemini.call("read_file", ARGUMENTS, "c2ln")]),
        fake_gemini.say("It says 42."),
    ),
    "ollama/llama3.1": (
        fake_ollama.FakeOllama,
        fake_ollama.say("I look.", calls=[fake_ollama.call("read_file", ARGUMENTS)]),
        fake_ollama.say("It says 42."),
    ),
}


def environment(model: str, url: str) -> dict[str, str]:
    prefix = model.partition("/")[0].upper()
    return {
        "LLM_PROVIDER": "litellm",
        "LITELLM_MODEL": model,
        f"{prefix}_API_KEY": KEY,
        f"{prefix}_BASE_URL": url,
        "HTTPS_PROXY": "http://127.0.0.1:1",  # whatever else is asked for leads nowhere
    }


def ask(program: Program, model: str, server: FakeServer, *arguments: str) -> Played:
    program.more = environment(model, server.url)
    return program.run("-p", "go", *arguments)


@pytest.mark.parametrize("model", WIRES)
def test_a_turn_with_tools_on_each_wire(program: Program, model: str) -> None:
    kind, first, last = WIRES[model]
    program.write({"a.txt": "forty-two\n"})
    with kind([first, last]) as server:
        played = ask(program, model, server, "--json")
        assert played.status == 0, played.stderr
        assert played.stderr == ""
        kinds = [event["type"] for event in played.events]
        assert kinds.count("message_finished") == 2
        assert "forty-two" in server.requests[1].body.decode()
        assert (len(server.requests), server.connections) == (2, 1)
    answer = [event["message"]["text"] for event in played.events if event["type"] == "message_finished"][-1]
    assert answer == "It says 42."
    assert KEY not in played.stdout


def test_a_bad_key_names_its_variable_and_is_never_shown(program: Program) -> None:
    refused = fake_openai.refuse(401, f"Incorrect API key provided: {KEY}", code="invalid_api_key")
    with fake_openai.FakeOpenAI([refused], repeat=True) as server:
        played = ask(program, "openai/gpt-4o", server)
        assert len(server.requests) == 1
    assert (played.status, played.stdout) == (1, "")
    assert "OPENAI_API_KEY" in played.stderr
    assert KEY not in played.stderr
    assert "Traceback" not in played.stderr


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "LITELLM_MODEL"),
        ({"LITELLM_MODEL": "groq/qwen/qwen3-32b"}, "GROQ_API_KEY"),
        ({"LITELLM_MODEL": "x"}, "PROVIDER/MODEL"),
    ],
)
def test_what_is_not_set_is_a_usage_error(program: Program, given: dict[str, str], words: str) -> None:
    program.more = {"LLM_PROVIDER": "litellm", **given}
    played = program.run("-p", "go")
    assert (played.status, played.stdout) == (2, "")
    assert words in played.stderr


def test_a_key_in_the_configuration_folder_is_enough_and_one_in_the_workspace_counts_for_nothing(
    program: Program,
) -> None:
    with fake_openai.FakeOpenAI([fake_openai.say("ok")], repeat=True) as server:
        (program.home / "config").mkdir(parents=True)
        (program.home / "config" / ".env").write_text(f"GROQ_API_KEY={KEY}\nGROQ_BASE_URL={server.url}\n")
        program.write(
            {".env": "GROQ_API_KEY=stolen\nGROQ_API_BASE=http://127.0.0.1:1\nHTTP_PROXY=http://127.0.0.1:1\n"}
        )
        played = program.run("-p", "go", "--provider", "litellm", "-m", "groq/m", "--output-format", "json")
        assert played.result["answer"] == "ok"
        assert [request.headers["authorization"] for request in server.requests] == [f"Bearer {KEY}"]


@pytest.fixture
def served() -> Iterator[FakeServer]:
    with fake_openai.FakeOpenAI([fake_openai.say("Here", " I am.")], repeat=True) as server:
        yield server


def test_the_prompt_is_drawn_before_the_import_and_what_is_typed_meanwhile_is_answered(
    program: Program, served: fake_openai.FakeOpenAI
) -> None:
    program.more = environment("openai/gpt-4o", served.url) | {"PYTHONPROFILEIMPORTTIME": "1"}
    child = pexpect.spawn(
        program.command()[0],
        cwd=str(program.workspace),
        env=program.environment(TERM="xterm-256color", LANG="C.UTF-8"),
        dimensions=(40, 200),
        encoding="utf-8",
        timeout=30,
        use_poll=True,
    )
    child.expect("/help")
    assert "litellm.main" not in (child.before or "")
    child.send("are you there?\r")
    child.expect("litellm.main")
    child.expect("I am")
    child.send("/bye\r")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    asked = json.loads(served.requests[0].body)
    assert asked["messages"][-1] == {"role": "user", "content": "are you there?"}
