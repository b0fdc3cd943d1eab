"""Another provider or model in mid-session, for good or for one message: the real program, two servers, whole events."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from inline_snapshot import snapshot

from tests.journeys.program import Played, Program
from tests.servers import fake_ollama, fake_openai
from tests.servers.fake_ollama import FakeOllama
from tests.servers.fake_openai import FakeOpenAI

KEY = "sk-test-0123456789abcdefghij"
QUIET = {"context_checked", "text_delta", "reasoning_delta", "message_delta"}

_KEPT: dict[str, tuple[str, ...]] = {
    "session_started": (),
    "prompt_frozen": (),
    "message_finished": ("message.text", "message.model"),
    "turn_started": ("turn", "message.text"),
    "turn_finished": ("stop_reason",),
    "step_started": ("model",),
}


class Servers(NamedTuple):
    local: FakeOllama
    cloud: FakeOpenAI

    @property
    def environment(self) -> dict[str, Any]:
        return {"OLLAMA_BASE_URL": self.local.url, "OPENAI_BASE_URL": self.cloud.url, "OPENAI_API_KEY": KEY}


@contextmanager
def serving(local: int = 4, cloud: int = 4) -> Iterator[Servers]:
    """Two servers that count their answers."""
    with (
        FakeOllama([fake_ollama.say(f"local {n}") for n in range(1, local + 1)]) as ollama,
        FakeOpenAI([fake_openai.say(f"cloud {n}") for n in range(1, cloud + 1)]) as openai,
    ):
        yield Servers(ollama, openai)


def talk(program: Program, servers: Servers, *lines: str, arguments: tuple[str, ...] = (), **more: str) -> Played:
    """A conversation in plain lines that begins with Ollama."""
    begin = arguments or ("--provider", "ollama", "-m", "fake")
    return program.run(*begin, stdin="".join(f"{line}\n" for line in lines).encode(), **servers.environment, **more)


def facts(program: Program) -> list[dict[str, Any]]:
    """The newest session's facts, without what differs from run to run."""
    path = max((program.home / "state/sessions").glob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns)
    found = [json.loads(line)["event"] for line in path.read_text(encoding="utf-8").splitlines()]
    return [_steady(event) for event in found if event["type"] not in QUIET]


def _steady(event: dict[str, Any]) -> dict[str, Any]:
    kept = _KEPT.get(event["type"], tuple(event))
    flat = {**event, **{f"message.{key}": value for key, value in event.get("message", {}).items()}}
    return {"type": event["type"], **{name: flat[name] for name in kept}}


def test_a_session_goes_on_with_another_provider_and_comes_back(program: Program) -> None:
    with serving() as servers:
        played = talk(program, servers, "one", "/provider openai gpt-x", "two", "/provider ollama fake", "three")
        assert played.status == 0, played.stderr
        assert "Switched provider to LiteLLMProvider (openai) using model 'openai/gpt-x'.\n" in played.stdout
        assert "Switched provider to OllamaProvider (ollama) using model 'fake'.\n" in played.stdout
        sent = [message["content"] for message in servers.local.chats[-1].json["messages"][1:]]
        said = [message["content"] for message in servers.cloud.chats[-1].json["messages"][1:]]
    assert said == ["one", "local 1", "two"]
    assert sent == ["one", "local 1", "two", "cloud 1", "three"]
    assert facts(program) == snapshot(
        [
            {"type": "session_started"},
            {"type": "turn_started", "turn": 1, "message.text": "one"},
            {"type": "prompt_frozen"},
            {"type": "model_bound", "provider": "ollama", "model": "fake"},
            {"type": "step_started", "model": "fake"},
            {"type": "message_finished", "message.text": "local 1", "message.model": "fake"},
            {"type": "turn_finished", "stop_reason": "end"},
            {"type": "turn_started", "turn": 2, "message.text": "two"},
            {"type": "model_bound", "provider": "openai", "model": "openai/gpt-x"},
            {
                "type": "prefix_broken",
                "part": "model",
                "index": -1,
                "cause": "the model changed from fake to openai/gpt-x",
            },
            {"type": "step_started", "model": "openai/gpt-x"},
            {"type": "message_finished", "message.text": "cloud 1", "message.model": "openai/gpt-x"},
            {"type": "turn_finished", "stop_reason": "end"},
            {"type": "turn_started", "turn": 3, "message.text": "three"},
            {"type": "model_bound", "provider": "ollama", "model": "fake"},
            {
                "type": "prefix_broken",
                "part": "model",
                "index": -1,
                "cause": "the model changed from openai/gpt-x to fake",
            },
            {"type": "step_started", "model": "fake"},
            {"type": "message_finished", "message.text": "local 2", "message.model": "fake"},
            {"type": "turn_finished", "stop_reason": "end"},
        ]
    )


def test_one_message_is_answered_by_another_and_the_next_by_the_one_before(program: Program) -> None:
    with serving() as servers:
        played = talk(program, servers, "one", "use openai gpt-x just for this task: two", "three", "/provider")
        said = [message["content"] for message in servers.cloud.chats[-1].json["messages"][1:]]
        assert len(servers.cloud.chats) == 1
    assert said == ["one", "local 1", "two"]
    assert "openai/gpt-x (openai) answers this once\n" in played.stdout
    assert "from here on fake (ollama) answers again\n" in played.stdout
    assert played.stdout.endswith(
        "Active provider: OllamaProvider\nActive model: fake\nAvailable providers: ollama, litellm, groq, openai, "
        "anthropic, gemini, openrouter, scripted, replay\n"
    )
    assert facts(program) == snapshot(
        [
            {"type": "session_started"},
            {"type": "turn_started", "turn": 1, "message.text": "one"},
            {"type": "prompt_frozen"},
            {"type": "model_bound", "provider": "ollama", "model": "fake"},
            {"type": "step_started", "model": "fake"},
            {"type": "message_finished", "message.text": "local 1", "message.model": "fake"},
            {"type": "turn_finished", "stop_reason": "end"},
            {"type": "turn_started", "turn": 2, "message.text": "two"},
            {"type": "model_bound", "provider": "openai", "model": "openai/gpt-x", "once": True},
            {
                "type": "prefix_broken",
                "part": "model",
                "index": -1,
                "cause": "the model changed from fake to openai/gpt-x",
            },
            {"type": "step_started", "model": "openai/gpt-x"},
            {"type": "message_finished", "message.text": "cloud 1", "message.model": "openai/gpt-x"},
            {"type": "model_bound", "provider": "ollama", "model": "fake"},
            {"type": "turn_finished", "stop_reason": "end"},
            {"type": "turn_started", "turn": 3, "message.text": "three"},
            {
                "type": "prefix_broken",
                "part": "model",
                "index": -1,
                "cause": "the model changed from openai/gpt-x to fake",
            },
            {"type": "step_started", "model": "fake"},
            {"type": "message_finished", "message.text": "local 2", "message.model": "fake"},
            {"type": "turn_finished", "stop_reason": "end"},
        ]
    )


def test_the_words_alone_bind_the_next_message(program: Program) -> None:
    with serving() as servers:
        played = talk(program, servers, "use openai gpt-x only for this message", "/provider", "one", "two")
        assert [len(servers.cloud.chats), len(servers.local.chats)] == [1, 1]
        assert servers.cloud.chats[0].json["messages"][-1]["content"] == "one"
    assert "openai/gpt-x (openai) answers your next message; then fake (ollama) again.\n" in played.stdout
    assert "For the next message alone: openai/gpt-x (openai)\n" in played.stdout


@pytest.mark.parametrize("form", ["text", "json", "stream-json"])
def test_one_shot_can_name_who_answers_too(program: Program, form: str) -> None:
    with serving() as servers:
        played = program.run(
            "-p", "use openai gpt-x just for this task: hello", "--provider", "ollama", "--output-format", form,
            **servers.environment,
        )  # fmt: skip
        assert servers.cloud.chats[0].json["messages"][-1]["content"] == "hello"
        assert not servers.local.chats
    assert played.status == 0, played.stderr
    if form == "text":
        assert played.stdout == "cloud 1\n"
    elif form == "json":
        assert played.result["model"] == "openai/gpt-x"
    else:
        bound = [event for event in played.events if event["type"] == "model_bound"]
        assert bound[0] == {"type": "model_bound", "provider": "openai", "model": "openai/gpt-x", "once": True}
        assert bound[1]["provider"] == "ollama"


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("use groq just for this task: hello", "GROQ_API_KEY is not set"),
        ("use openai gpt-x just for this task", "there is no task"),
    ],
)
def test_one_shot_sends_nothing_where_that_cannot_be(program: Program, prompt: str, words: str) -> None:
    with serving() as servers:
        played = program.run("-p", prompt, "--provider", "ollama", **servers.environment)
        assert not servers.local.chats
        assert not servers.cloud.chats
    assert (played.status, played.stdout) == (2, "")
    assert words in played.stderr


def test_words_that_name_no_provider_go_to_the_model_as_they_are(program: Program) -> None:
    text = "use requests just for this task: fetch the page"
    with serving() as servers:
        talk(program, servers, text)
        assert servers.local.chats[0].json["messages"][-1]["content"] == text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/provider grok", "did you mean groq?"),
        ("/provider groq", "GROQ_API_KEY is not set"),
        ("/provider litellm nobody", "does not say whose it is"),
        ("/provider replay", "py-mono --provider replay -r ID"),
        ("/provider openai sk-abcdefghijklmnopqrstuvwxyz0123456789abcd", "looks like a key"),
        ("/provider a b c", "takes a name"),
        ("use groq just for this task: two", "Nothing was sent."),
    ],
)
def test_what_cannot_be_had_changes_nothing(program: Program, line: str, words: str) -> None:
    with serving() as servers:
        played = talk(program, servers, "one", line, "/provider", "three")
        assert len(servers.local.chats) == 2
    assert words in played.stdout
    assert "Active provider: OllamaProvider\nActive model: fake\n" in played.stdout
    assert "abcdefghijklmnopqrstuvwxyz0123456789abcd" not in played.stdout + played.stderr


def test_a_session_goes_on_with_what_it_was_bound_to_last(program: Program) -> None:
    with serving() as servers:
        talk(program, servers, "one", "/provider openai gpt-x", "two", "use ollama fake just for this task: three")
        again = talk(program, servers, "four", "/provider", arguments=("-c",), LLM_PROVIDER="ollama")
        assert again.status == 0, again.stderr
        assert servers.cloud.chats[-1].json["messages"][-1]["content"] == "four"
        assert "Active model: openai/gpt-x\n" in again.stdout
        flagged = talk(program, servers, "five", "/provider", arguments=("-c", "--provider", "ollama", "-m", "fake"))
        assert "Active model: fake\n" in flagged.stdout


def test_a_session_whose_model_cannot_be_had_goes_on_with_the_configured_one_and_says_so(program: Program) -> None:
    with serving() as servers:
        talk(program, servers, "/provider openai gpt-x", "one")
        environment = {"OPENAI_API_KEY": "", "OPENAI_BASE_URL": "", "LLM_PROVIDER": "ollama", "OLLAMA_MODEL": "fake"}
        again = program.run("-c", stdin=b"two\n", **{**servers.environment, **environment})
        assert again.status == 0, again.stderr
        assert servers.local.chats[-1].json["messages"][-1]["content"] == "two"
    assert "openai/gpt-x (openai), to which this session was bound, cannot be had" in again.stdout + again.stderr


def test_the_model_alone_can_name_whose_it_is(program: Program) -> None:
    with serving() as servers:
        played = program.run("-p", "hello", "-m", "openai/gpt-x", LLM_PROVIDER="ollama", **servers.environment)
        assert (played.status, played.stdout) == (0, "cloud 1\n")


def test_the_list_says_of_each_whether_it_is_ready_and_asks_no_cloud(program: Program) -> None:
    with serving() as servers:
        played = talk(program, servers, "/providers", GROQ_API_KEY="gsk-0123456789abcdef")
        assert not servers.cloud.chats
    rows = {line[2:].split()[0]: line for line in played.stdout.splitlines() if "  " in line[2:]}
    assert rows["groq"].startswith("  groq        ready")
    assert "GROQ_API_KEY" in rows["groq"]
    assert rows["anthropic"].startswith("  anthropic   not ready  no key")
    assert rows["ollama"].startswith("* ollama")
    assert set(rows) >= {
        "ollama",
        "litellm",
        "groq",
        "openai",
        "anthropic",
        "gemini",
        "openrouter",
        "scripted",
        "replay",
    }


def test_a_fallback_that_is_nobody_is_said_at_the_start_with_the_setting_that_names_it(program: Program) -> None:
    played = program.run("-p", "hello", LLM_FALLBACK="groq,nobody/x")
    assert (played.status, played.stdout) == (2, "")
    assert played.stderr.startswith("py-mono: LLM_FALLBACK: there is no provider 'nobody'")


def test_a_fallback_answers_where_the_active_one_fails(program: Program) -> None:
    with serving(cloud=0) as servers:
        environment = {**servers.environment, "LLM_FALLBACK": "groq,ollama/fake"}
        played = program.run("-p", "hello", "--provider", "openai", "-m", "gpt-x", **environment)
    assert (played.status, played.stdout) == (0, "local 1\n"), played.stderr
