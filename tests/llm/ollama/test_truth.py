"""What the Ollama provider makes of what a server shows and counts, over HTTP."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import pytest
from msgspec.structs import replace

from py_mono.llm.ollama.provider import OllamaProvider
from py_mono.llm.ollama.server import decode_ps, decode_version, full_name
from py_mono.llm.settings import OllamaSettings, ProviderSettings
from py_mono.llm.window.truth import Shown
from py_mono.protocol.attempts import AttemptFailed
from py_mono.protocol.errors import ContextTooLong, ContextTruncated
from py_mono.protocol.events import ContextChecked, TextDelta
from py_mono.protocol.messages import AssistantMessage, Message, ToolMessage, Usage, UserMessage
from py_mono.protocol.ports import ModelChunk, ModelRequest
from py_mono.protocol.tools import ToolCall, ToolResult
from tests.servers.fake_ollama import (
    Answer,
    FakeOllama,
    Pause,
    Reaction,
    Request,
    as_json,
    call,
    count,
    counting,
    done,
    line,
    loaded,
    refuse,
    say,
)

ASK = ModelRequest("be brief", (UserMessage("hello " * 400),), ())
CALLS = (ToolCall("call_1", "read_file", {"path": "a"}),)
HELLO = say("Hello")
NOTHING = refuse(404, "404 page not found")
Make = Callable[..., OllamaProvider]
OLD = as_json({"version": "0.9.6"})


@pytest.fixture
async def made() -> AsyncIterator[list[OllamaProvider]]:
    """The providers of a test, to be closed."""
    providers: list[OllamaProvider] = []
    yield providers
    for provider in providers:
        await provider.close()


@pytest.fixture
def provider_for(made: list[OllamaProvider]) -> Make:
    def make(server: FakeOllama, window: int = 32768, model: str = "fake") -> OllamaProvider:
        settings = OllamaSettings(backoff_s=0.0, window_cap=window)
        made.append(OllamaProvider(ProviderSettings(model=model, base_url=server.url, ollama=settings)))
        return made[-1]

    return make


async def play(provider: OllamaProvider, request: ModelRequest = ASK) -> list[ModelChunk]:
    async with aclosing(provider.stream(request)) as chunks:
        return [chunk async for chunk in chunks]


def checked(chunks: list[ModelChunk]) -> ContextChecked:
    """The judgement, which stands right before the message."""
    judged, message = chunks[-2:]
    assert isinstance(message, AssistantMessage)
    assert isinstance(judged, ContextChecked)
    return judged


def step(messages: tuple[Message, ...], text: str) -> tuple[Message, ...]:
    return (*messages, AssistantMessage(tool_calls=CALLS), ToolMessage(ToolResult("call_1", "read_file", text)))


async def test_an_honest_server_is_seen_to_have_read_it_all(provider_for: Make) -> None:
    with FakeOllama([counting(count, HELLO)]) as server:
        judged = checked(await play(provider_for(server)))
        assert judged == ContextChecked("seen", judged.sent_tokens, count(server.chats[0]), 32768)


async def test_a_server_that_truncates_silently_and_shows_it_is_stopped_before_any_call(provider_for: Make) -> None:
    def cut(request: Request) -> int:
        return min(count(request), 4096)

    answer = counting(cut, say("I look.", calls=[call("read_file", {"path": "a"})]))
    with FakeOllama([answer], ps=loaded(4096)) as server:
        provider = provider_for(server)
        chunks = provider.stream(ASK)
        assert await anext(chunks) == TextDelta("I look.")
        failed = await anext(chunks)
        assert isinstance(failed, AttemptFailed)
        assert (failed.kind, failed.usage) == (
            "context_truncated",
            Usage(min(count(server.chats[0]), 4096), 30, 0, 0.0),
        )
        with pytest.raises(ContextTruncated, match="a window of 4,096 tokens, not the 32,768") as caught:
            await anext(chunks)
        assert len(server.chats) == 1
    assert "OLLAMA_CONTEXT_LENGTH=4096" in caught.value.remedy


async def test_a_server_that_lies_about_its_window_is_stopped_by_its_counts(provider_for: Make) -> None:
    def stuck(_: Request) -> int:
        return 4096

    text = os.urandom(10_000).hex()
    with FakeOllama([counting(stuck, HELLO)], ps=loaded(32768), repeat=True) as server:
        provider = provider_for(server)
        longer = replace(ASK, messages=(UserMessage(text),))
        assert checked(await play(provider, longer)).counted_tokens == 4096
        with pytest.raises(ContextTruncated, match="4,096 tokens twice"):
            await play(provider, replace(longer, messages=step(longer.messages, text[:2000])))


async def test_a_server_that_has_just_loaded_the_model_is_stopped_by_one_count(provider_for: Make) -> None:
    text = os.urandom(50_000).hex()
    with (
        FakeOllama([counting(lambda _: 4096, HELLO, load_s=3.0)], ps=loaded(32768)) as server,
        pytest.raises(ContextTruncated, match="at the very least"),
    ):
        await play(provider_for(server), replace(ASK, messages=(UserMessage(text),)))


async def test_a_server_that_answers_400_is_a_prompt_too_long(provider_for: Make) -> None:
    refusal = refuse(400, "the request exceeds the available context size, try increasing it")
    with FakeOllama([refusal]) as server, pytest.raises(ContextTooLong, match="exceeds the available context size"):
        await play(provider_for(server))


async def test_a_server_that_reports_nothing_is_unverified_and_goes_on(provider_for: Make) -> None:
    with FakeOllama([counting(lambda _: None, HELLO)], ps=NOTHING, version=NOTHING, repeat=True) as server:
        provider = provider_for(server)
        for _ in range(3):
            judged = checked(await play(provider))
            assert (judged.verdict, judged.counted_tokens) == ("unverified", 0)
            assert judged.reason == "the server gave no count of the prompt"
        assert server.asked("/api/ps") == 1


OTHERS = {"models": [{"name": "other:latest", "model": "other:latest", "context_length": 2048}]}


@pytest.mark.parametrize(
    "ps",
    [
        NOTHING,
        refuse(500, "boom"),
        Answer([b"<html>"], content_type="text/html"),
        Answer([b"not json"]),
        Answer([b"[]"]),
        Answer([b"null"]),
        Answer([b"[" * 100_000]),
        Answer([b'{"models": [{"name": "fake:latest", "context_length": "4096"}]}']),
        Answer([b'{"models": [{"name": 7, "context_length": 4096}]}']),
        Answer([b'{"models": [{"name": "fake:latest", "context_length": -4096}]}']),
        Answer([b'{"models": [{"name": "fake:latest", "context_length": 4096'], cut_at=200),
        Answer(raw=b"garbage\r\n\r\n"),
        Answer(raw=b""),
        Answer(before=Pause()),
        Answer([b'{"models": [', Pause()]),
        as_json({"models": None}),
        as_json({"models": []}),
        as_json(OTHERS),
        as_json({"models": [{"name": "fake:7b", "model": "fake:7b", "context_length": 2048}]}),
        as_json({"models": [{"name": "fake:latest", "model": "fake:latest"}]}),
        loaded(0),
        loaded(4096, details={"format": "safetensors"}),
        Answer(loaded(4096).pieces, before=Pause(0.5)),
    ],
)
async def test_a_server_that_shows_nothing_clear_in_time_is_no_reason_to_stop(provider_for: Make, ps: Answer) -> None:
    with FakeOllama([counting(count, HELLO)], ps=ps) as server:
        provider = provider_for(server)
        assert checked(await play(provider)).verdict == "seen"
        await provider.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize(
    ("asked", "listed"),
    [
        ("fake", "fake:latest"),
        ("fake:latest", "fake"),
        ("Fake:Latest", "fake:latest"),
        ("fake:7b", "FAKE:7B"),
        ("library/fake", "fake:latest"),
        ("registry.ollama.ai/library/fake:7b", "fake:7b"),
        ("hf.co/someone/fake-GGUF:Q4_K_M", "hf.co/someone/fake-gguf:Q4_K_M"),
        ("someone/fake", "someone/fake:latest"),
    ],
)
async def test_a_model_is_known_by_any_spelling_of_its_name(provider_for: Make, asked: str, listed: str) -> None:
    others = {"models": [*OTHERS["models"], {"name": listed, "context_length": 4096}]}
    with FakeOllama([HELLO], ps=as_json(others)) as server, pytest.raises(ContextTruncated, match="4,096"):
        await play(provider_for(server, model=asked))


@pytest.mark.parametrize(
    ("one", "other"), [("fake", "fake:7b"), ("someone/fake", "fake"), ("fake", "faker"), ("", "latest")]
)
def test_names_of_different_models_stay_different(one: str, other: str) -> None:
    assert full_name(one) != full_name(other)


def test_of_two_entries_of_a_model_the_wider_counts() -> None:
    body = b'{"models": [{"name": "a", "context_length": 4096}, {"model": "a:latest", "context_length": 8192}]}'
    assert decode_ps(body, "a") == Shown(8192)


@pytest.mark.parametrize(
    ("said", "version"),
    [("0.33.0", (0, 33, 0)), ("0.30.0-rc1", (0, 30, 0)), ("v1.2.3", (1, 2, 3)), ("0.0.0", ()), ("", ()), ("main", ())],
)
def test_versions_are_numbers_and_a_build_without_one_has_none(said: str, version: tuple[int, ...]) -> None:
    assert decode_version(b'{"version": "%b"}' % said.encode()) == version


async def test_the_server_is_asked_beside_the_reply(provider_for: Make) -> None:
    with FakeOllama([Answer([line("Hello"), Pause()])]) as server:
        provider = provider_for(server)
        async with aclosing(provider.stream(ASK)) as chunks:
            assert await anext(chunks) == TextDelta("Hello")
            while not server.asked("/api/version"):
                await asyncio.sleep(0.005)
        await provider.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_reply_that_is_left_leaves_no_question_open(provider_for: Make) -> None:
    with FakeOllama([Answer([line("Hello"), Pause()]), counting(count, HELLO)], ps=Answer(before=Pause())) as server:
        provider = provider_for(server)
        async with aclosing(provider.stream(ASK)) as chunks:
            await anext(chunks)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert checked(await play(provider)).verdict == "seen"


async def test_the_server_is_asked_again_when_it_had_to_load_the_model_anew(provider_for: Make) -> None:
    windows = iter([32768, 4096])

    def ps(_: Request) -> Answer:
        return loaded(next(windows))

    answers: list[Reaction] = [counting(count, HELLO, load_s=load) for load in (2.0, 0.02, 0.02, 2.0)]
    with FakeOllama(answers, ps=ps) as server:
        provider = provider_for(server)
        for _ in range(3):
            assert checked(await play(provider)).verdict == "seen"
        assert server.asked("/api/ps") == 1
        with pytest.raises(ContextTruncated, match="4,096"):
            await play(provider)


async def test_a_session_stopped_at_a_smaller_window_goes_on_once_the_server_is_mended(provider_for: Make) -> None:
    windows = iter([4096, 32768])
    with FakeOllama([counting(count, HELLO)], ps=lambda _: loaded(next(windows)), repeat=True) as server:
        provider = provider_for(server)
        with pytest.raises(ContextTruncated):
            await play(provider)
        assert checked(await play(provider)).verdict == "seen"
        assert provider.window == 32768


PROSE = replace(ASK, messages=(UserMessage("word " * 7000),))
"""About 8,750 tokens, 35,000 bytes: more than a window of 8,192 holds, unless its tokens are long."""


async def test_what_likely_does_not_fit_is_sent_only_to_a_server_that_would_refuse_it(provider_for: Make) -> None:
    with FakeOllama([refuse(400, "exceeds the context length")], version=as_json({"version": "0.12.6"})) as server:
        with pytest.raises(ContextTooLong, match="the prompt does not fit the model's window"):
            await play(provider_for(server, 8192), PROSE)
        assert len(server.chats) == 1
    with FakeOllama([HELLO], version=OLD) as server:
        with pytest.raises(
            ContextTooLong, match=r"window holds 8,192, of which 512 are kept for the reply; it was not sent"
        ):
            await play(provider_for(server, 8192), PROSE)
        assert server.chats == []
    with FakeOllama([refuse(500, "busy"), counting(lambda _: 5000, HELLO)], ps=NOTHING, version=NOTHING) as server:
        assert checked(await play(provider_for(server, 8192), PROSE)).verdict == "seen"
        assert server.asked("/api/version") == 2  # once before the two attempts, and beside the first reply


async def test_a_prompt_that_surely_fits_or_surely_does_not_costs_no_question(provider_for: Make) -> None:
    with FakeOllama([], version=OLD) as server:
        provider = provider_for(server, 8192)
        with pytest.raises(ContextTooLong):
            await play(provider, replace(ASK, messages=(UserMessage("word " * 14_000),)))
        assert [request.target for request in server.requests] == ["/api/show"]


async def test_an_old_server_that_shifts_its_window_under_the_reply_is_stopped(provider_for: Make) -> None:
    end = done(tokens=(7600, 700))
    with (
        FakeOllama([Answer([line("Hello"), end])], ps=loaded(8192), version=OLD) as server,
        pytest.raises(ContextTruncated, match="prompt and reply came to 8,300 tokens"),
    ):
        await play(provider_for(server, 8192), replace(ASK, messages=(UserMessage("word " * 5900),)))


@pytest.mark.parametrize("load", ["null", "-5", '"long"', "true", "1" + "0" * 400, "1.5e9", "[]"])
async def test_a_load_time_of_any_kind_is_read(provider_for: Make, load: str) -> None:
    end = done(tokens=(700, 3)).replace(b'"load_duration": 21000000', f'"load_duration": {load}'.encode())
    assert load.encode() in end
    with FakeOllama([Answer([line("Hello"), end])]) as server:
        assert checked(await play(provider_for(server))).verdict == "seen"


async def test_the_reply_keeps_room_in_the_window_and_no_more_than_it_may_take(provider_for: Make) -> None:
    with FakeOllama([counting(lambda _: 7500, HELLO)], repeat=True) as server:
        provider = provider_for(server, 8192)
        big = replace(ASK, messages=(UserMessage("word " * 6000),))
        await play(provider, big)
        grown = replace(big, messages=(*big.messages, UserMessage("word " * 480)))
        with pytest.raises(ContextTooLong, match="of which 512 are kept"):
            await play(provider, grown)
        assert checked(await play(provider, replace(grown, max_output_tokens=16)))
