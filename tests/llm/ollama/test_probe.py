import asyncio
from typing import Any

import pytest

from py_mono.llm.http.endpoint import parse_endpoint
from py_mono.llm.ollama.probe import Described, Installed, NoAnswer, Probe, Running, named
from tests.servers.fake_ollama import Answer, FakeOllama, as_json, refuse
from tests.servers.faults import End, FaultServer, Flood, Plan, Wait

LLAMA: dict[str, Any] = {
    "general.architecture": "llama",
    "llama.context_length": 131072,
    "llama.block_count": 32,
    "llama.embedding_length": 4096,
    "llama.attention.head_count": 32,
    "llama.attention.head_count_kv": 8,
}


def probe(url: str, limit_s: float = 0.5) -> Probe:
    return Probe(parse_endpoint(url), {}, limit_s=limit_s)


async def test_an_honest_server_is_understood() -> None:
    tags = as_json({"models": [{"name": "a:1", "size": 5}, {"model": "b", "remote_host": "https://ollama.com:443"}]})
    ps = as_json({"models": [{"name": "a:1", "size": 9, "size_vram": 4, "context_length": 4096}]})
    show = as_json({"model_info": LLAMA, "capabilities": ["completion", "tools"]})
    with FakeOllama(tags=tags, ps=ps, show=show) as server:
        asked = probe(server.url)
        said = await asyncio.gather(asked.version(), asked.installed(), asked.running(), asked.described("a:1"))
    assert list(said) == [
        "0.33.0",
        [Installed("a:1", 5), Installed("b", 0, "https://ollama.com:443")],
        [Running("a:1", 9, 4, 4096)],
        Described(131072, frozenset({"completion", "tools"}), 2 * 32 * 8 * (128 + 128)),
    ]


async def test_a_model_that_is_not_there_is_none() -> None:
    with FakeOllama(show=refuse(404, "model 'x' not found")) as server:
        assert await probe(server.url).described("x") is None


@pytest.mark.parametrize("empty", [None, []])
async def test_no_models_are_an_empty_list_however_it_is_written(empty: object) -> None:
    with FakeOllama(tags=as_json({"models": empty})) as server:
        assert await probe(server.url).installed() == []


@pytest.mark.parametrize(
    ("info", "cache"),
    [
        ({}, 0),
        ({**LLAMA, "llama.attention.key_length": 64, "llama.attention.value_length": 32}, 2 * 32 * 8 * 96),
        ({**LLAMA, "llama.attention.head_count_kv": [0, 8, 0, 8]}, 2 * 16 * 256),
        ({**LLAMA, "llama.attention.head_count": 0}, 0),
        ({**LLAMA, "llama.block_count": -1}, 0),
        ({**LLAMA, "llama.block_count": True}, 0),
        ({**LLAMA, "llama.block_count": 1 << 60}, 0),
        ({**LLAMA, "llama.block_count": 1 << 50}, 1 << 53),
        ({**LLAMA, "general.architecture": ["llama"]}, 0),
    ],
)
async def test_what_a_token_of_the_window_takes(info: dict[str, Any], cache: int) -> None:
    with FakeOllama(show=as_json({"model_info": info})) as server:
        described = await probe(server.url).described("x")
    assert described is not None
    assert described.cache_bytes == cache


@pytest.mark.parametrize(
    "lie",
    [{"models": "none"}, [], 3, {"models": {"a": 1}}, {"error": "x"}],
    ids=["a word", "a list", "a number", "an object", "an error"],
)
async def test_what_is_no_list_of_models_is_no_answer(lie: object) -> None:
    with FakeOllama(tags=as_json(lie)) as server, pytest.raises(NoAnswer, match="it lists no models"):
        await probe(server.url).installed()


async def test_members_of_a_wrong_kind_are_left_out() -> None:
    lies = [
        None,
        7,
        {"name": 3},
        {"name": ""},
        {"name": "a", "size": "5"},
        {"name": "b", "size": -1},
        {"name": "c" * 999},
    ]
    with FakeOllama(tags=as_json({"models": lies})) as server:
        assert await probe(server.url).installed() == [Installed("a"), Installed("b"), Installed("c" * 200)]
    with FakeOllama(show=as_json({"model_info": 4, "capabilities": "tools"})) as server:
        assert await probe(server.url).described("a") == Described()


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        ([Wait()], "no answer to /api/version within 0.2 s"),
        ([End.FIN], "the server closed the connection without an answer"),
        ([End.RST], "/api/version: "),
        ([b"SSH-2.0-x\r\n\r\n", Wait()], "is not HTTP"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\xff\xfe\x00"], "is not JSON"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"[" * 200_000], "is not JSON"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n" + b'{"version": 3}'], "tells no version"),
        ([b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"], "status 302"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", Wait()], "within 0.2 s"),
    ],
)
async def test_a_server_that_does_not_answer_properly_is_told_in_words(plan: Plan, why: str) -> None:
    with FaultServer(routes={"/api/version": plan}) as server, pytest.raises(NoAnswer, match=why) as caught:
        await probe(server.url, 0.2).version()
    assert not caught.value.refused


async def test_an_endless_answer_is_left_early() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n"
    with (
        FaultServer(routes={"/api/tags": [head, Flood(b"[" * 65536, 150_000)]}) as server,
        pytest.raises(NoAnswer, match=r"longer than 8 MiB|within 5 s"),
    ):
        await probe(server.url, 5).installed()
    assert server.flooded < 100 << 20


async def test_where_nothing_listens_it_is_refused() -> None:
    with FakeOllama() as server:
        url = server.url
    with pytest.raises(NoAnswer) as caught:
        await probe(url).version()
    assert caught.value.refused


@pytest.mark.parametrize("name", ["a", "a:latest", "A", "library/a", "registry.ollama.ai/library/a:latest"])
def test_a_model_is_found_however_its_name_is_written(name: str) -> None:
    models = [Running("b", 1), Running("a:latest", 2, window=10), Running("a:latest", 3, window=20)]
    assert named(name, models) == models[2]
    assert named("c", models) is None


async def test_an_error_in_words_is_passed_on() -> None:
    with (
        FakeOllama(version=Answer([b'{"error": "not now"}'], 503)) as server,
        pytest.raises(NoAnswer, match="status 503 to /api/version: not now"),
    ):
        await probe(server.url).version()
