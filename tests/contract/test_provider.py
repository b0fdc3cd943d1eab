"""What every provider promises (``ports.Provider``), over each of them."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractContextManager, aclosing, contextmanager, nullcontext

import pytest
from msgspec.structs import replace

from py_mono.llm.breaker import Breakers
from py_mono.llm.chain import chained
from py_mono.llm.clouds.named import DEFAULT_MODELS
from py_mono.llm.clouds.provider import LiteLLMProvider
from py_mono.llm.ollama.provider import OllamaProvider
from py_mono.llm.printed.calls import TextCalls
from py_mono.llm.registry import create, names
from py_mono.llm.replay import ReplayProvider
from py_mono.llm.scripted.provider import ScriptedProvider
from py_mono.llm.settings import LiteLLMSettings, OllamaSettings, ProviderSettings
from py_mono.protocol.attempts import AttemptFailed, ModelFellBack
from py_mono.protocol.errors import ProviderUnavailable, ReplayDiverged
from py_mono.protocol.events import ContextChecked, ModelRetried, ReasoningDelta, TextDelta
from py_mono.protocol.messages import AssistantMessage, Usage, UserMessage
from py_mono.protocol.ports import ModelChunk, ModelRequest, Provider
from py_mono.protocol.tools import ToolCall, ToolSpec
from tests.llm.players import Player
from tests.llm.players import play as outcome
from tests.servers import fake_openai
from tests.servers.fake_ollama import Answer, FakeOllama, call, line, refuse, say

TOOLS = (ToolSpec("read_file", "Reads.", {"type": "object", "properties": {"path": {"type": "string"}}}),)
ASK = ModelRequest("be brief", (UserMessage("hello"),), TOOLS)
TEXT = "A reply that is long enough to come in pieces."
CALLS = (ToolCall("call_1", "read_file", {"path": "a"}), ToolCall("call_2", "shell", {"command": "ls"}))

Make = Callable[[], AbstractContextManager[Provider]]

SCRIPT = f"""
reasoning: I think.
text: {TEXT}
---
text: lost
cut: reset
text: {TEXT}
call: read_file {{"path": "a"}}
call: shell {{"command": "ls"}}
---
fault: unavailable gone
---
text: {TEXT}
"""


@contextmanager
def _ollama() -> Iterator[Provider]:
    """Speaks the same four replies as the script: plain, cut and then with calls, refused, plain."""
    pieces = (TEXT[:10], TEXT[10:])
    answers = [
        say(*pieces, thinking="I think."),
        Answer([line("lost")], cut_at=250),
        say(*pieces, calls=[call(one.name, one.arguments) for one in CALLS]),
        refuse(400, "no"),
        say(*pieces),
    ]
    with FakeOllama(answers) as server:
        settings = OllamaSettings(backoff_s=0.0)
        yield OllamaProvider(ProviderSettings(model="m", base_url=server.url, ollama=settings))


def _scripted() -> AbstractContextManager[Provider]:
    return nullcontext(ScriptedProvider(SCRIPT, model="m"))


def _replay() -> AbstractContextManager[Provider]:
    replies = [
        AssistantMessage(TEXT, "I think.", model="m"),
        AssistantMessage(TEXT, "", CALLS, "m", stop_reason="tool_use"),
    ]
    return nullcontext(ReplayProvider(replies))


@contextmanager
def _litellm() -> Iterator[Provider]:
    """Speaks the same replies on OpenAI's wire."""
    pieces = (TEXT[:10], TEXT[10:])
    answers = [
        fake_openai.say(*pieces, reasoning="I think."),
        fake_openai.stream(fake_openai.chunk(content="lost"), cut_at=300),
        fake_openai.say(*pieces, calls=[(one.id, one.name, one.arguments) for one in CALLS]),
        fake_openai.refuse(400, "no"),
        fake_openai.say(*pieces),
    ]
    with fake_openai.FakeOpenAI(answers) as server:
        environment = {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "sk-test"}
        settings = LiteLLMSettings(backoff_s=0.0)
        yield LiteLLMProvider(
            ProviderSettings(provider="litellm", model="openai/m", environment=environment, litellm=settings)
        )


PROVIDERS = {"litellm": _litellm, "ollama": _ollama, "scripted": _scripted, "replay": _replay}


def _away(model: str) -> Provider:
    """Who is never there."""

    async def nothing(_: Player, __: ModelRequest | None) -> AsyncGenerator[ModelChunk, None]:
        yield TextDelta("never")

    return Player(nothing, model=model, unready=ProviderUnavailable("away"))


WAYS: dict[str, Callable[[Provider], Provider]] = {
    "": lambda made: made,
    "its text read for calls": TextCalls,
    "in a chain": lambda made: chained(made, [], Breakers()),
    "where another failed": lambda made: chained(_away(made.model), [("x", lambda: made)], Breakers()),
}
CASES = [(name, way) for name in PROVIDERS for way in WAYS if name != "replay" or way != "its text read for calls"]


@pytest.fixture(params=CASES, ids=lambda case: ", ".join(filter(None, case)))
def provider(request: pytest.FixtureRequest) -> Iterator[Provider]:
    name, way = request.param
    make: Make = PROVIDERS[name]
    with make() as made:
        assert made.name == name
        yield WAYS[way](made)


async def play(provider: Provider, asked: ModelRequest = ASK) -> list[ModelChunk]:
    async with aclosing(provider.stream(asked)) as chunks:
        return [chunk async for chunk in chunks]


def test_the_suite_covers_every_provider_of_the_registry() -> None:
    assert {*PROVIDERS, *DEFAULT_MODELS} == set(names())  # the clouds' own names are all LiteLLM


def test_the_registry_makes_each_of_them(tmp_path_factory: pytest.TempPathFactory) -> None:
    script = tmp_path_factory.mktemp("s") / "script"
    script.write_text("text: x")
    keys = {f"{name.upper()}_API_KEY": "sk-test" for name in DEFAULT_MODELS}
    replies = (AssistantMessage("x"),)
    settings = ProviderSettings(model="ollama/m", script=str(script), environment=keys, replies=replies)
    made = [create(replace(settings, provider=name)) for name in names()]
    assert [one.name for one in made] == list(names())


async def test_one_message_comes_last_and_its_text_is_that_of_the_deltas(provider: Provider) -> None:
    chunks = await play(provider)
    assert [isinstance(chunk, AssistantMessage) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    message = chunks[-1]
    assert isinstance(message, AssistantMessage)
    assert message.text == TEXT == "".join(chunk.text for chunk in chunks if isinstance(chunk, TextDelta))
    assert message.reasoning == "".join(chunk.text for chunk in chunks if isinstance(chunk, ReasoningDelta))
    assert (message.model, message.stop_reason) == (provider.model, "end")
    assert provider.model.removeprefix("openai/") == "m"
    await provider.close()


@contextmanager
def _held_to_one_tool(name: str) -> Iterator[Provider]:
    """Answers a request that is held to ``read_file`` as its server does: in arguments alone, by a forced choice, or as told."""
    if name == "ollama":
        with FakeOllama([say('{"path": ', '"a"}')]) as local:
            yield OllamaProvider(ProviderSettings(model="m", base_url=local.url))
    elif name == "litellm":
        called = fake_openai.say(calls=[(CALLS[0].id, CALLS[0].name, CALLS[0].arguments)])
        with fake_openai.FakeOpenAI([called]) as cloud:
            environment = {"OPENAI_BASE_URL": cloud.url, "OPENAI_API_KEY": "sk-test"}
            yield LiteLLMProvider(ProviderSettings(model="openai/m", environment=environment))
    elif name == "scripted":
        yield ScriptedProvider('call: read_file {"path": "a"}', model="m")
    else:
        yield ReplayProvider([AssistantMessage("", "", CALLS[:1], "m", stop_reason="tool_use")])


@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_request_held_to_one_tool_is_answered_by_a_call_of_it_and_says_nothing(name: str) -> None:
    with _held_to_one_tool(name) as provider:
        chunks = await play(provider, replace(ASK, only_tool="read_file"))
        await provider.close()
    message = chunks[-1]
    assert isinstance(message, AssistantMessage)
    assert (message.text, message.tool_calls, message.stop_reason) == ("", CALLS[:1], "tool_use")
    assert not [chunk for chunk in chunks if isinstance(chunk, TextDelta)]


async def test_deltas_before_a_retry_are_void_and_call_ids_are_unique(provider: Provider) -> None:
    await play(provider)
    chunks = await play(provider)
    last = max((n for n, chunk in enumerate(chunks) if isinstance(chunk, ModelRetried | ModelFellBack)), default=-1)
    message = chunks[-1]
    assert isinstance(message, AssistantMessage)
    assert "".join(chunk.text for chunk in chunks[last + 1 :] if isinstance(chunk, TextDelta)) == message.text == TEXT
    assert (message.tool_calls, message.stop_reason) == (CALLS, "tool_use")
    await provider.close()


async def test_it_raises_provider_errors_and_nothing_else(provider: Provider) -> None:
    await play(provider)
    await play(provider)
    seen = await outcome(provider, ASK)
    assert str(seen.error)
    await provider.close()


async def test_an_attempt_that_failed_is_on_record_right_before_its_error(provider: Provider) -> None:
    await play(provider)
    await play(provider)
    seen = await outcome(provider, ASK)
    assert seen.error is not None
    if isinstance(seen.error, ReplayDiverged):
        return  # nobody was asked, and so no attempt failed
    last = seen.chunks[-1]
    assert isinstance(last, AttemptFailed)
    assert (last.kind, last.reason, last.model) == (seen.error.kind, str(seen.error), provider.model)
    assert last.usage == Usage(cost_usd=0.0)  # it was refused
    await provider.close()


async def test_a_stream_that_is_left_early_does_not_spoil_the_next(provider: Provider) -> None:
    async with aclosing(provider.stream(ASK)) as chunks:
        await anext(chunks)
    message = (await play(provider))[-1]
    assert isinstance(message, AssistantMessage)
    assert message.text == TEXT
    await provider.close()


async def test_a_stream_that_is_cancelled_does_not_spoil_the_next(provider: Provider) -> None:
    task = asyncio.ensure_future(play(provider))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    message = (await play(provider))[-1]
    assert isinstance(message, AssistantMessage)
    assert message.text == TEXT
    await provider.close()


async def test_the_window_is_constant_once_it_is_prepared(provider: Provider) -> None:
    await provider.prepare()
    first = provider.window
    assert first >= 0
    await play(provider)
    await play(provider)
    assert provider.window == first
    await provider.close()


async def test_preparing_again_does_nothing_and_takes_no_reply(provider: Provider) -> None:
    await provider.prepare()
    first = provider.window
    await provider.prepare()
    message = (await play(provider))[-1]
    assert isinstance(message, AssistantMessage)
    assert (message.text, message.reasoning, provider.window) == (TEXT, "I think.", first)
    await provider.close()


async def test_a_stream_prepares_where_nobody_did(provider: Provider) -> None:
    await play(provider)
    first = provider.window
    await provider.prepare()
    assert provider.window == first
    await provider.close()


async def test_what_judges_a_prompt_comes_right_before_the_message_and_once(provider: Provider) -> None:
    chunks = await play(provider)
    assert [n for n, chunk in enumerate(chunks) if isinstance(chunk, ContextChecked)] in ([], [len(chunks) - 2])
    await provider.close()


async def test_it_can_be_closed_twice_and_unused(provider: Provider) -> None:
    await provider.close()
    await provider.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
