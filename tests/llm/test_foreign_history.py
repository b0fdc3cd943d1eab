"""Whatever was said, by whichever models: no server that is asked next refuses it, and each is sent the same again."""

import asyncio
import itertools
import json
import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings

from py_mono.llm.clouds.loader import LOADER
from py_mono.llm.clouds.models import Model
from py_mono.llm.clouds.wire import encode
from py_mono.llm.foreign import each_call_once
from py_mono.llm.ollama.wire import RequestEncoder
from py_mono.llm.printed.protocol import as_text
from py_mono.protocol.messages import AssistantMessage, Message, ToolMessage, UserMessage
from py_mono.protocol.ports import ModelRequest
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec
from py_mono.utils.lazy import load
from tests.llm.clouds.serving import provider_at, reply
from tests.llm.histories import Asked, sessions, signature, thought
from tests.servers import (
    fake_anthropic,
    fake_gemini,
    fake_openai,
    strict_anthropic,
    strict_gemini,
    strict_ollama,
    strict_openai,
    strict_others,
)
from tests.servers.fake_http import Answer
from tests.servers.strict_anthropic import StrictAnthropic
from tests.servers.strict_gemini import StrictGemini
from tests.servers.strict_openai import StrictOpenAI
from tests.servers.strict_others import StrictGroq, StrictMistral, StrictOpenRouter
from tests.servers.strictness import StrictServer, Violation

pytestmark = pytest.mark.timeout(120)

_TOOLS = tuple(ToolSpec(name, "does", {"type": "object", "properties": {}}) for name in ("read_file", "shell"))
_GEMINI = "litellm.llms.vertex_ai.gemini.transformation"
_BUILD = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@pytest.fixture(autouse=True, scope="module")
def _litellm() -> None:
    """LiteLLM as the product loads it: it asks nobody for anything."""
    LOADER.start("anthropic")
    asyncio.run(LOADER.loaded("anthropic"))


class Next(NamedTuple):
    """Who is asked next, and what it would refuse."""

    model: Model
    check: Callable[[Any], list[Violation]]


def _next(name: str, check: Callable[[Any], list[Violation]]) -> Next:
    return Next(Model(name, name.partition("/")[0], "k"), check)


def _claude(body: Any) -> list[Violation]:
    return strict_anthropic.check(body, {signature("anthropic/claude-haiku-4-5")})


def _gemini_3(body: Any) -> list[Violation]:
    return strict_gemini.check(body, {signature("gemini/gemini-flash-latest")})


def _gemini_2(body: Any) -> list[Violation]:
    return strict_gemini.check(body, {signature("gemini/gemini-2.5-flash")}, signed=False)


NEXT = (
    _next("openai/gpt-5-mini", strict_openai.check),
    _next("groq/moonshotai/kimi-k2-instruct", strict_others.groq),
    _next("mistral/mistral-large-latest", strict_others.mistral),
    _next("moonshot/kimi-k2.5", strict_others.thinker),
    _next("openrouter/mistralai/devstral-medium", strict_others.mistral),
    _next("openrouter/google/gemini-3-flash-preview", strict_others.openrouter_gemini),
    _next("anthropic/claude-haiku-4-5", _claude),
    _next("gemini/gemini-flash-latest", _gemini_3),
    _next("gemini/gemini-3-pro-preview", strict_gemini.check),
    _next("gemini/gemini-2.5-flash", _gemini_2),
)

_WIRES: dict[str, tuple[type[StrictServer], Answer]] = {
    "openai/gpt-5-mini": (StrictOpenAI, fake_openai.say("ok")),
    "groq/openai/gpt-oss-120b": (StrictGroq, fake_openai.say("ok")),
    "mistral/mistral-large-latest": (StrictMistral, fake_openai.say("ok")),
    "openrouter/google/gemini-3-flash-preview": (StrictOpenRouter, fake_openai.say("ok")),
    "anthropic/claude-opus-4-1": (StrictAnthropic, fake_anthropic.say("ok")),
    "gemini/gemini-3-pro-preview": (StrictGemini, fake_gemini.say("ok")),
}


def body_for(model: Model, asked: Asked) -> dict[str, Any]:
    """What LiteLLM makes of our request, by its own functions."""
    request = deepcopy(encode(ModelRequest("be brief", asked.messages, _TOOLS), model))
    messages, tools = request["messages"], request["tools"]
    bare = model.name.partition("/")[2]
    config = load("litellm.utils:ProviderConfigManager").get_provider_chat_config(
        bare, load("litellm.types.utils:LlmProviders")(model.provider)
    )
    assert config is not None
    params = config.map_openai_params({"tools": tools}, {}, bare, drop_params=False)
    if model.provider == "gemini":
        contents = load(f"{_GEMINI}:gemini_convert_messages_with_history")(messages=messages[1:], model=bare)
        return _plain({"contents": contents, "tools": params["tools"]})
    litellm_params = {"custom_llm_provider": model.provider}
    return _plain(config.transform_request(bare, messages, params, litellm_params, {}))


def _plain(body: Any) -> dict[str, Any]:
    """As it is on the wire."""
    plain: dict[str, Any] = json.loads(json.dumps(body))
    return plain


@pytest.mark.parametrize("asked_next", NEXT, ids=lambda one: one.model.name)
@given(session=sessions())
@_BUILD
def test_no_cloud_refuses_what_was_said(asked_next: Next, session: list[Asked]) -> None:
    for asked in session:
        assert asked_next.check(body_for(asked_next.model, asked)) == []


@given(session=sessions())
@_BUILD
def test_ollama_takes_what_was_said_and_no_thinking_but_its_own(session: list[Asked]) -> None:
    model = "lfm2.5-thinking:latest"
    encoder = RequestEncoder(model, num_ctx=1, keep_alive="5m")
    for asked in session:
        sent = encoder.encode(ModelRequest("be brief", asked.messages, _TOOLS), think=None)
        fresh = RequestEncoder(model, num_ctx=1, keep_alive="5m")
        assert sent == fresh.encode(ModelRequest("be brief", asked.messages, _TOOLS), think=None)
        assert strict_ollama.check(json.loads(sent), {thought(model)}) == []


@given(session=sessions())
@_BUILD
def test_a_model_without_tools_is_told_all_of_it_in_turns(session: list[Asked]) -> None:
    for asked in session:
        plain = as_text(ModelRequest("be brief", asked.messages, _TOOLS))
        messages = [{"role": "system", "content": plain.system}]
        messages += encode(plain, NEXT[0].model)["messages"][1:]
        roles = [message["role"] for message in messages]
        assert all(before != after for before, after in itertools.pairwise(roles))
        assert strict_openai.check({"messages": messages}) == []


@pytest.mark.parametrize("asked_next", NEXT, ids=lambda one: one.model.name)
@given(session=sessions())
@_BUILD
def test_what_was_sent_stays_the_front_of_what_is_sent(asked_next: Next, session: list[Asked]) -> None:
    for before, after in itertools.pairwise(session):
        if after.messages[: len(before.messages)] != before.messages:
            continue  # cleared
        first, second = (
            _unmarked(encode(ModelRequest("be brief", one.messages, _TOOLS), asked_next.model))
            for one in (before, after)
        )
        assert second[: len(first)] == first


def _unmarked(request: dict[str, Any]) -> list[dict[str, Any]]:
    """The messages without the marks of what is to be cached, which are no part of what is compared with the cache."""
    plain = []
    for message in request["messages"]:
        content = message["content"]
        text = content[0]["text"] if isinstance(content, list) else content
        plain.append({key: value for key, value in message.items() if key != "cache_control"} | {"content": text})
    return plain


@given(session=sessions())
@settings(_BUILD, max_examples=10)
async def test_each_wire_takes_what_was_said_from_litellm_itself(session: list[Asked]) -> None:
    request = ModelRequest("be brief", session[-1].messages, _TOOLS)
    for model, (server, answer) in _WIRES.items():
        with server([answer]) as strict:
            provider = provider_at(model, strict.url)
            message = await reply(provider, request)
            await provider.close()
            assert strict.violations == []
        assert message.text == "ok"


def test_with_no_tools_to_call_what_was_called_is_told_as_text() -> None:
    call = ToolCall("c1", "read_file", {"path": "a"})
    said = (UserMessage("go"), AssistantMessage(tool_calls=(call,)), ToolMessage(ToolResult("c1", "read_file", "text")))
    _, user, reply_, result = encode(ModelRequest("s", said, ()), _next("anthropic/m", _claude).model)["messages"]
    assert user == {"role": "user", "content": "go"}
    assert reply_["content"] == '<tool_call>{"name": "read_file", "arguments": {"path":"a"}}</tool_call>'
    assert result["content"][0]["text"] == "<tool_response>\ntext\n</tool_response>"


def test_a_call_made_twice_in_a_reply_is_one_to_who_tells_calls_apart_by_what_they_ask() -> None:
    one, other, third = (ToolCall(f"c{n}", "shell", {"command": text}) for n, text in enumerate(("ls", "pwd", "ls")))
    results = [ToolMessage(ToolResult(f"c{n}", "shell", text)) for n, text in enumerate(("a b", "/w", "a b c"))]
    said: list[Message] = [UserMessage("go"), AssistantMessage(tool_calls=(one, other, third))]
    said += [*results, UserMessage("and?")]
    _, _, first, second, user = each_call_once(said)
    assert isinstance(first, ToolMessage)
    assert first.result.content == "a b\na b c"
    assert second == results[1]
    assert user == said[-1]


def test_mistral_is_not_told_what_the_person_says_right_after_a_result() -> None:
    call = ToolCall("call_1", "shell", {})
    result = ToolMessage(ToolResult("call_1", "shell", "a b"))
    said = (UserMessage("go"), AssistantMessage(tool_calls=(call,)), result, UserMessage("stop"))
    messages = encode(ModelRequest("s", said, _TOOLS), _next("mistral/m", strict_others.mistral).model)["messages"]
    assert [message["role"] for message in messages[1:]] == ["user", "assistant", "tool", "assistant", "user"]
    assert messages[2]["tool_calls"][0]["id"] == messages[3]["tool_call_id"]
    assert re.fullmatch("[a-zA-Z0-9]{9}", messages[3]["tool_call_id"])
