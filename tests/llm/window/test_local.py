"""The window of a local server that speaks OpenAI's chat, as each kind tells it, and what follows from it."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from py_mono.llm.clouds.provider import LiteLLMProvider
from py_mono.llm.settings import LiteLLMSettings, ProviderSettings
from py_mono.llm.window.local import LocalServer
from py_mono.llm.window.served import Served, is_local
from py_mono.protocol.errors import ContextTooLong, ContextTruncated
from py_mono.protocol.events import ContextChecked
from py_mono.protocol.messages import AssistantMessage, UserMessage
from py_mono.protocol.ports import ModelRequest
from tests.llm.clouds.serving import ASK, KEY, play
from tests.servers.fake_http import Answer, Pause, Reaction, Request
from tests.servers.fake_openai import DONE, FakeOpenAI, chunk, refuse, say, stream, usage

MODEL = "org/tiny"


def told(value: object) -> Answer:
    return Answer([json.dumps(value).encode()], content_type="application/json")


def listed(*entries: dict[str, Any]) -> Answer:
    return told({"object": "list", "data": list(entries)})


LLAMA = {"id": "tiny.gguf", "object": "model", "owned_by": "llamacpp", "meta": {"n_ctx_train": 131072}}
PROPS = f"/props?model={MODEL.replace('/', '%2F')}&autoload=false"
PLAIN = {"id": MODEL, "object": "model", "owned_by": "organization_owner"}
OTHER = {"id": "other", "object": "model", "owned_by": "organization_owner"}
OLLAMA = {"id": MODEL, "object": "model", "owned_by": "org"}

KINDS: dict[str, tuple[dict[str, Reaction], Served]] = {
    "llama.cpp": (
        {"/v1/models": listed({**LLAMA, "meta": {"n_ctx": 4096, "n_ctx_train": 131072}})},
        Served(4096, "llama.cpp", refuses=True),
    ),
    "llama.cpp, older": (
        {"/v1/models": listed(LLAMA), PROPS: told({"default_generation_settings": {"n_ctx": 2048}, "total_slots": 4})},
        Served(2048, "llama.cpp"),
    ),
    "llama.cpp, a router with the model unloaded": (
        {"/v1/models": listed({**LLAMA, "id": MODEL, "meta": None}, LLAMA), PROPS: refuse(503, "model is not loaded")},
        Served(0, "llama.cpp"),
    ),
    "vllm": (
        {"/v1/models": listed({**PLAIN, "owned_by": "vllm", "max_model_len": 16384})},
        Served(16384, "vllm", refuses=True),
    ),
    "sglang": ({"/v1/models": listed({**PLAIN, "owned_by": "sglang", "max_model_len": 8192})}, Served(8192, "sglang")),
    "like vllm": ({"/v1/models": listed({**PLAIN, "owned_by": {}, "max_model_len": 8192})}, Served(8192)),
    "LM Studio": (
        {
            "/v1/models": listed(PLAIN, OTHER),
            "/api/v0/models": listed(
                {**PLAIN, "state": "loaded", "max_context_length": 32768, "loaded_context_length": 4096},
                {**OTHER, "state": "loaded", "max_context_length": 32768, "loaded_context_length": 512},
            ),
        },
        Served(4096, "lm studio"),
    ),
    "LM Studio, its newer way": (
        {
            "/v1/models": listed(PLAIN, OTHER),
            "/api/v1/models": told(
                {
                    "models": [
                        {"key": "other", "loaded_instances": [{"id": "other", "config": {"context_length": 512}}]},
                        {"key": "x", "loaded_instances": [{"id": MODEL, "config": {"context_length": 8192}}]},
                    ]
                }
            ),
        },
        Served(8192, "lm studio"),
    ),
    "LM Studio, not loaded": (
        {
            "/v1/models": listed(PLAIN, OTHER),
            "/api/v0/models": listed({**PLAIN, "state": "not-loaded", "max_context_length": 32768}),
        },
        Served(0, "lm studio"),
    ),
    "Ollama": (
        {"/v1/models": listed(OLLAMA), "/api/ps": told({"models": [{"model": MODEL, "context_length": 4096}]})},
        Served(4096, "ollama"),
    ),
    "Ollama, not loaded": ({"/v1/models": listed(OLLAMA), "/api/ps": told({"models": []})}, Served(0, "ollama")),
    "another": ({"/v1/models": listed(PLAIN)}, Served()),
    "one that knows no models": ({}, Served()),
    "one that has other models": ({"/v1/models": listed({**OTHER, "max_model_len": 9}, OTHER)}, Served()),
    "one that sends a web page": ({"/v1/models": Answer([b"<html>"], content_type="text/html")}, Served()),
    "one that redirects": (
        {"/v1/models": Answer([], 302, headers={"Location": "http://192.0.2.1/v1/models"})},
        Served(),
    ),
    "one that breaks off": ({"/v1/models": Answer([b'{"data": [', b"]}"], cut_at=150)}, Served()),
    "one that never answers": ({"/v1/models": Answer(before=Pause())}, Served()),
    "one whose list never ends": (
        {"/v1/models": Answer([b" " * (1 << 16)] * 200, content_type="text/plain")},
        Served(),
    ),
    "one that nests without end": ({"/v1/models": Answer([b"[" * 100_000])}, Served()),
}


def server_at(url: str, key: str = "") -> LocalServer:
    return LocalServer(url, MODEL, {}, key=key, limit_s=0.5)


@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_of_server_tells_its_window_in_its_own_way_or_not_at_all(kind: str) -> None:
    tells, expected = KINDS[kind]
    with FakeOpenAI(tells=tells) as server:
        assert await server_at(server.url).served() == expected
        assert server.requests == []


async def test_a_server_that_is_not_there_tells_nothing() -> None:
    with FakeOpenAI() as server:
        url = server.url
    assert await server_at(url).served() == Served()
    assert await server_at("http://a b/").served() == Served()


@pytest.mark.parametrize("base", ["", "/v1", "/v1/", "/some/where/v1"])
async def test_the_list_is_asked_for_beside_the_chat_and_with_the_key(base: str) -> None:
    with FakeOpenAI() as server:
        await server_at(f"http://127.0.0.1:{server.port}{base}", KEY).served()
    assert server.asides[0].target == f"{base.rstrip('/')}/models"
    assert {request.headers["authorization"] for request in server.asides} == {f"Bearer {KEY}"}
    root = base.rstrip("/").removesuffix("/v1")
    assert [aside.target for aside in server.asides[1:]] == [
        f"{root}{path}" for path in ("/api/v0/models", "/api/v1/models", "/api/ps")
    ]


@pytest.mark.parametrize(
    "url",
    ["http://localhost:1234/v1", "http://127.0.0.2", "http://[::1]:8080/v1", "http://10.0.0.5", "http://192.168.1.9:1/v1",
     "http://100.100.1.2:8000/v1", "http://vllm:8000/v1", "http://host.docker.internal:1/v1", "http://gpu.local",
     "http://GPU.Home.Arpa./v1", "http://0.0.0.0:8080", "http://[fe80::1%25eth0]:1/v1"],
)  # fmt: skip
def test_a_server_of_this_machine_or_network_is_local(url: str) -> None:
    assert is_local(url)


@pytest.mark.parametrize(
    "url",
    ["", "http://", "https://localhost:1234/v1", "http://api.openai.com/v1", "http://8.8.8.8/v1", "http://134744072/v1",
     "http://[2001:4860:4860::8888]/v1", "http://[::ffff:8.8.8.8]/v1", "http://localhost.example.com", "http://[", "localhost"],
)  # fmt: skip
def test_every_other_address_is_not(url: str) -> None:
    assert not is_local(url)


_LEAVES = st.none() | st.booleans() | st.integers() | st.sampled_from([0.5, "llamacpp", "vllm", MODEL, ""])
_NAMES = st.sampled_from(
    ["data", "models", "id", "key", "owned_by", "max_model_len", "meta", "n_ctx", "default_generation_settings", "state",
     "loaded_context_length", "loaded_instances", "config", "context_length", "aliases", "model", "name"]
)  # fmt: skip


def _json(depth: int) -> st.SearchStrategy[Any]:
    if not depth:
        return _LEAVES
    inner = _json(depth - 1)
    return _LEAVES | st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4)


@settings(max_examples=60, deadline=None)
@given(value=_json(4))
async def test_whatever_json_a_server_says_the_window_is_a_number_of_tokens_or_unknown(value: Any) -> None:
    anything: Callable[[Request], Answer] = lambda _: told(value)  # noqa: E731 - what one kind of server does
    paths = ("/v1/models", "/api/v0/models", "/api/v1/models", "/api/ps", PROPS)
    with FakeOpenAI(tells=dict.fromkeys(paths, anything)) as server:
        served = await server_at(server.url).served()
    assert 0 <= served.window <= 1 << 30
    assert served.kind in {"", "llama.cpp", "vllm", "sglang", "lm studio", "ollama"}


@asynccontextmanager
async def provider_for(
    server: FakeOpenAI, model: str = f"openai/{MODEL}", **given: float
) -> AsyncIterator[LiteLLMProvider]:
    prefix = model.partition("/")[0].upper()
    provider = LiteLLMProvider(
        ProviderSettings(
            provider="litellm",
            model=model,
            environment={f"{prefix}_BASE_URL": server.url},
            litellm=LiteLLMSettings(backoff_s=0.0, **given),  # type: ignore[arg-type]  # only floats are given
        )
    )
    try:
        yield provider
    finally:
        await provider.close()


def vllm(window: int) -> dict[str, Reaction]:
    return {"/v1/models": listed({**PLAIN, "owned_by": "vllm", "max_model_len": window})}


def studio(*windows: int) -> dict[str, Reaction]:
    """LM Studio, whose model has one window after the other; 0 is not loaded."""
    left = list(windows)

    def tell(_: Request) -> Answer:
        window = left.pop(0) if len(left) > 1 else left[0]
        loaded = {"state": "loaded", "loaded_context_length": window} if window else {"state": "not-loaded"}
        return listed({**PLAIN, **loaded})

    return {"/v1/models": listed(PLAIN), "/api/v0/models": tell}


def counted(prompt: int, cached: int | None = None) -> Answer:
    return stream(chunk(content="Hi."), chunk("stop"), usage(prompt, 5, cached), DONE)


def checked(chunks: list[Any]) -> ContextChecked:
    return next(chunk for chunk in chunks if isinstance(chunk, ContextChecked))


@pytest.mark.parametrize("prefix", ["openai", "hosted_vllm", "lm_studio", "llamafile"])
async def test_the_window_is_known_before_the_first_request_and_each_reply_is_checked(prefix: str) -> None:
    with FakeOpenAI([counted(120)], tells=vllm(16384)) as server:
        async with provider_for(server, f"{prefix}/{MODEL}") as provider:
            await provider.prepare()
            assert (provider.window, server.requests) == (16384, [])
            found = checked(await play(provider))
    assert replace(found, sent_tokens=0) == ContextChecked("seen", 0, 120, 16384)
    assert [aside.target for aside in server.asides] == ["/v1/models"]
    assert "authorization" not in server.asides[0].headers


async def test_cached_tokens_are_counted_once_whether_they_are_part_of_the_prompt_or_not() -> None:
    with FakeOpenAI([counted(120, 100), counted(20, 100)], tells=vllm(16384)) as server:
        async with provider_for(server) as provider:
            assert [checked(await play(provider)).counted_tokens for _ in range(2)] == [120, 120]


@pytest.mark.parametrize(
    ("tells", "setting"),
    [(vllm(4096), "--max-model-len"), (studio(4096), "in LM Studio"), (KINDS["llama.cpp"][0], "--ctx-size")],
)
async def test_what_cannot_fit_is_not_sent_and_the_remedy_is_that_servers(
    tells: dict[str, Reaction], setting: str
) -> None:
    with FakeOpenAI([say("never")], tells=tells) as server:
        async with provider_for(server) as provider:
            with pytest.raises(ContextTooLong, match="the window holds 4,096") as caught:
                await play(provider, ModelRequest("be brief", (UserMessage("word " * 20_000),), ()))
    assert setting in caught.value.remedy
    assert server.requests == []


async def test_a_server_that_got_a_smaller_window_since_stops_the_turn_with_its_own_remedy() -> None:
    with FakeOpenAI([counted(90), counted(7)], tells=studio(8192, 2048)) as server:
        async with provider_for(server) as provider:
            assert checked(await play(provider)).verdict == "seen"
            long = ModelRequest("be brief", (UserMessage("word " * 2_000),), ())
            with pytest.raises(ContextTruncated, match="of 2,048 tokens, not the 8,192 that it said before") as caught:
                await play(provider, long)
    assert "LM Studio" in caught.value.remedy
    assert "OLLAMA" not in caught.value.remedy


async def test_the_same_count_at_an_edge_for_a_prompt_that_grew_is_a_proof_also_where_no_window_is_known() -> None:
    first = ModelRequest("be brief", (UserMessage(os.urandom(3_000).hex()),), ())
    grown = replace(first, messages=(*first.messages, AssistantMessage("Hi."), UserMessage("and what now, after all?")))
    with FakeOpenAI([counted(2048), counted(2048)]) as server:
        async with provider_for(server) as provider:
            assert checked(await play(provider, first)).window == 0
            with pytest.raises(ContextTruncated, match=r"2,048 tokens twice") as caught:
                await play(provider, grown)
    assert "where it is served" in caught.value.remedy


async def test_a_local_server_that_tells_nothing_is_used_and_a_missing_count_is_said() -> None:
    silent = stream(chunk(content="Hi."), chunk("stop"), DONE)
    with FakeOpenAI([silent]) as server:
        async with provider_for(server) as provider:
            chunks = await play(provider)
    found = checked(chunks)
    assert (provider.window, found.verdict, found.reason) == (0, "unverified", "the server gave no count of the prompt")


async def test_a_model_that_is_loaded_by_the_first_request_has_its_window_from_the_next_turn_on() -> None:
    with FakeOpenAI([counted(90), counted(95)], tells=studio(0, 4096)) as server:
        async with provider_for(server) as provider:
            await provider.prepare()
            await play(provider)
            assert provider.window == 0
            await provider.prepare()
            await provider.prepare()
            found = checked(await play(provider))
    assert (provider.window, found.window) == (4096, 4096)
    assert sum(aside.target == "/v1/models" for aside in server.asides) == 2


async def test_a_gateway_that_tells_nothing_of_a_model_of_the_table_has_the_tables_window_and_is_not_judged() -> None:
    with FakeOpenAI([counted(7)]) as server:
        async with provider_for(server, "openai/gpt-4o") as provider:
            chunks = await play(provider, replace(ASK, messages=(UserMessage("word " * 2_000),)))
    assert provider.window == 128_000
    assert not any(isinstance(chunk, ContextChecked) for chunk in chunks)


async def test_a_slow_answer_about_the_window_does_not_hold_the_chat_up_for_long() -> None:
    with FakeOpenAI([counted(90)], tells={"/v1/models": Answer(before=Pause())}) as server:
        async with provider_for(server, show_s=0.05) as provider:
            assert checked(await play(provider)).window == 0


async def test_who_prepares_again_after_a_cancellation_learns_the_window() -> None:
    answers: list[Answer] = [Answer(before=Pause()), listed({**PLAIN, "owned_by": "vllm", "max_model_len": 4096})]
    with FakeOpenAI([counted(90)], tells={"/v1/models": lambda _: answers.pop(0)}) as server:
        async with provider_for(server, show_s=60.0) as provider:
            preparing = asyncio.ensure_future(provider.prepare())
            while len(answers) == 2:
                await asyncio.sleep(0.01)
            preparing.cancel()
            await asyncio.wait({preparing})
            found = checked(await play(provider))
    assert (provider.window, found.window) == (4096, 4096)


async def test_no_cloud_is_asked() -> None:
    settings = ProviderSettings(provider="litellm", model="openai/gpt-4o", environment={"OPENAI_API_KEY": KEY})
    for more in ({}, {"OPENAI_BASE_URL": "https://192.168.0.7/v1"}, {"OPENAI_BASE_URL": "http://api.example.com/v1"}):
        environment = {**settings.environment, **more}
        assert LiteLLMProvider(replace(settings, environment=environment))._local_server() is None


NAMED = {"type": "function", "function": {"name": "read_file"}}


@pytest.mark.parametrize(
    ("tells", "choice"), [(vllm(16384), NAMED), (studio(4096), "required"), (KINDS["llama.cpp"][0], "required")]
)
async def test_a_reply_is_held_to_one_tool_in_the_way_its_server_takes(
    tells: dict[str, Reaction], choice: object
) -> None:
    with FakeOpenAI([say(calls=[("c1", "read_file", {"path": "a"})])], tells=tells) as server:
        async with provider_for(server) as provider:
            chunks = await play(provider, replace(ASK, only_tool="read_file"))
    assert server.requests[0].json["tool_choice"] == choice
    assert not any(isinstance(chunk, ContextChecked) for chunk in chunks)


async def test_an_older_llama_cpp_that_cut_the_prompt_is_found_out_by_its_counts() -> None:
    """To mid 2025 it cut the middle out of what was too long, where it might shift its context."""
    first = ModelRequest("be brief", (UserMessage("word " * 1_000),), ())
    second = replace(first, messages=(*first.messages, AssistantMessage("Hi."), UserMessage("and what then?")))
    third = replace(second, messages=(*second.messages, AssistantMessage("Hi."), UserMessage("and on " * 100)))
    with FakeOpenAI([counted(1500), counted(1520), counted(1100)], tells=KINDS["llama.cpp, older"][0]) as server:
        async with provider_for(server) as provider:
            for asked in (first, second):
                assert checked(await play(provider, asked)).verdict == "seen"
            with pytest.raises(ContextTruncated, match="1,100 for a prompt that continues that one") as caught:
                await play(provider, third)
    assert "--ctx-size" in caught.value.remedy
