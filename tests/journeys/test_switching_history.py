"""One session that goes from server to server in mid-conversation, each of them as strict as the real one."""

import json
from typing import Any

import pytest
from inline_snapshot import snapshot

from tests.journeys.program import Program
from tests.servers import fake_anthropic, fake_gemini, fake_ollama, fake_openai
from tests.servers.strict_anthropic import StrictAnthropic
from tests.servers.strict_gemini import StrictGemini
from tests.servers.strict_ollama import StrictOllama
from tests.servers.strict_openai import StrictOpenAI

KEY = "sk-test-0123456789abcdefghij"
READ = {"path": "a.txt"}
QUIET = {"context_checked", "prompt_frozen", "session_started", "prefix_broken"}
LINES = (
    "one",
    "/provider openai gpt-x",
    "two",
    "/provider anthropic claude-x",
    "three",
    "/provider gemini gemini-3-x",
    "four",
    "/provider ollama fake",
    "five",
)


class Thoughtful(StrictOllama):
    """Its model thought this."""

    thoughts = ("local thought",)


@pytest.mark.timeout(60)
def test_no_server_refuses_what_was_said_with_the_others(program: Program) -> None:
    program.write({"a.txt": "forty-two\n"})
    openai = [
        fake_openai.say("", reasoning="hm", calls=[("call_" + "x" * 60, "read_file", READ)]),
        fake_openai.say("B"),
    ]
    anthropic = [
        fake_anthropic.say("\n", thought="deep", calls=[("toolu_1", "read_file", READ)]),
        fake_anthropic.say("C"),
    ]
    gemini = [
        fake_gemini.say(calls=[fake_gemini.call("read_file", READ, "c2ln"), fake_gemini.call("no/such tool", {})]),
        fake_gemini.say("D"),
    ]
    calls = [fake_ollama.call("read_file", READ)]
    ollama = [
        fake_ollama.say("I look.", thinking="local thought", calls=calls),
        fake_ollama.say("A"),
        fake_ollama.say(calls=[*calls, *calls]),
        fake_ollama.say("E"),
    ]
    with Thoughtful(ollama) as a, StrictOpenAI(openai) as b, StrictAnthropic(anthropic) as c, StrictGemini(gemini) as d:
        played = program.run(
            "--provider", "ollama", "-m", "fake",
            stdin="".join(f"{line}\n" for line in LINES).encode(),
            OLLAMA_BASE_URL=a.url, OPENAI_BASE_URL=b.url, ANTHROPIC_BASE_URL=c.url, GEMINI_BASE_URL=d.url,
            OPENAI_API_KEY=KEY, ANTHROPIC_API_KEY=KEY, GEMINI_API_KEY=KEY,
        )  # fmt: skip
        assert played.status == 0, played.stderr
        assert [server.violations for server in (a, b, c, d)] == [[], [], [], []]
        first, last = a.chats[1].json["messages"], a.chats[-1].json["messages"]
        assert last[: len(first)] == first
        assert "deep" not in json.dumps(last)
    assert _facts(program) == snapshot(
        [
            ("turn_started", "one"),
            ("model_bound", "ollama", "fake"),
            ("step_started",),
            ("message_finished", "fake", "I look.", ["read_file"], []),
            ("tool_started",),
            ("tool_finished", "read_file", False),
            ("step_started",),
            ("message_finished", "fake", "A", [], []),
            ("turn_finished", "end"),
            ("turn_started", "two"),
            ("model_bound", "openai", "openai/gpt-x"),
            ("step_started",),
            ("message_finished", "openai/gpt-x", "", ["read_file"], []),
            ("tool_started",),
            ("tool_finished", "read_file", False),
            ("step_started",),
            ("message_finished", "openai/gpt-x", "B", [], []),
            ("turn_finished", "end"),
            ("turn_started", "three"),
            ("model_bound", "anthropic", "anthropic/claude-x"),
            ("step_started",),
            ("message_finished", "anthropic/claude-x", "\n", ["read_file"], ["thinking_blocks"]),
            ("tool_started",),
            ("tool_finished", "read_file", False),
            ("step_started",),
            ("message_finished", "anthropic/claude-x", "C", [], []),
            ("turn_finished", "end"),
            ("turn_started", "four"),
            ("model_bound", "gemini", "gemini/gemini-3-x"),
            ("step_started",),
            ("message_finished", "gemini/gemini-3-x", "", ["read_file", "no/such tool"], ["thought_signatures"]),
            ("tool_started",),
            ("tool_finished", "read_file", False),
            ("tool_started",),
            ("tool_finished", "no/such tool", True),
            ("step_started",),
            ("message_finished", "gemini/gemini-3-x", "D", [], []),
            ("turn_finished", "end"),
            ("turn_started", "five"),
            ("model_bound", "ollama", "fake"),
            ("step_started",),
            ("message_finished", "fake", "", ["read_file", "read_file"], []),
            ("tool_started",),
            ("tool_started",),
            ("tool_finished", "read_file", False),
            ("tool_finished", "read_file", False),
            ("step_started",),
            ("message_finished", "fake", "E", [], []),
            ("turn_finished", "end"),
        ]
    )


def _facts(program: Program) -> list[Any]:
    """The session's facts, without what differs from run to run."""
    path = next((program.home / "state/sessions").glob("*.jsonl"))
    events = [json.loads(line)["event"] for line in path.read_text(encoding="utf-8").splitlines()]
    return [_told(event) for event in events if event["type"] not in QUIET]


def _told(event: dict[str, Any]) -> tuple[Any, ...]:
    match event["type"]:
        case "message_finished":
            said = event["message"]
            calls = [call["name"] for call in said.get("tool_calls", ())]
            return (
                "message_finished",
                said["model"],
                said.get("text", ""),
                calls,
                sorted(said.get("provider_data", {})),
            )
        case "tool_finished":
            return ("tool_finished", event["result"]["name"], event["result"].get("is_error", False))
        case "turn_finished":
            return ("turn_finished", event["stop_reason"])
        case "turn_started":
            return ("turn_started", event["message"]["text"])
        case "model_bound":
            return ("model_bound", event["provider"], event["model"])
        case _:
            return (event["type"],)
