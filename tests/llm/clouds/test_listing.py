"""Which models a cloud has, and whether it could be asked; from servers that are honest, broken and hostile."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from py_mono.llm.clouds import named
from py_mono.llm.clouds.loader import LOADER
from py_mono.llm.clouds.provider import models, ready
from py_mono.llm.readiness import Readiness
from py_mono.llm.settings import Keys, ProviderSettings
from py_mono.protocol.errors import (
    AccessDenied,
    BadResponse,
    ConfigError,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)
from tests.llm.clouds.serving import KEY, Looked, StoredKeys
from tests.servers import fake_anthropic, fake_gemini, fake_openai
from tests.servers.certificates import make_certificate
from tests.servers.fake_http import Answer, FakeServer, Pause
from tests.servers.fake_ollama import FakeOllama, as_json
from tests.servers.fake_openai import FakeOpenAI
from tests.servers.faults import FaultServer, Flood
from tests.servers.tls import tls_url


def at(model: str, url: str = "", keys: Keys | None = None, **environment: str) -> ProviderSettings:
    prefix = model.partition("/")[0].upper()
    if url:
        environment |= {f"{prefix}_BASE_URL": url}
    if keys is None:
        environment |= {f"{prefix}_API_KEY": KEY}
    return ProviderSettings(provider="litellm", model=model, base_url=url, environment=environment, keys=keys)


@pytest.mark.parametrize(
    "provider", ["openai", "groq", "openrouter", "mistral", "deepseek", "xai", "lm_studio", "hosted_vllm"]
)
async def test_those_like_openai_are_asked_with_the_key_as_bearer(provider: str) -> None:
    with FakeOpenAI(tells={"/v1/models": fake_openai.listed("big", "a/small:free")}) as server:
        found = await models(at(f"{provider}/m", server.url))
        (request,) = server.asides
    assert found == (f"{provider}/big", f"{provider}/a/small:free")
    assert request.headers["authorization"] == f"Bearer {KEY}"


async def test_anthropic_is_asked_page_by_page() -> None:
    pages = [fake_anthropic.listed("claude-a", "claude-b/../&x=1", more=True), fake_anthropic.listed("claude-c")]
    with fake_anthropic.FakeAnthropic(pages) as server:
        found = await models(at("anthropic/m", server.url))
        requests = server.requests
    assert found == ("anthropic/claude-a", "anthropic/claude-b/../&x=1", "anthropic/claude-c")
    assert [request.target for request in requests] == [
        "/v1/models?limit=1000",
        "/v1/models?limit=1000&after_id=claude-b%2F..%2F%26x%3D1",
    ]
    for request in requests:
        assert (request.headers["x-api-key"], request.headers["anthropic-version"]) == (KEY, "2023-06-01")
        assert "authorization" not in request.headers


async def test_gemini_is_asked_page_by_page_and_its_key_is_in_no_url() -> None:
    pages = [
        fake_gemini.listed("gemini-a", after="t/2"),
        fake_gemini.listed("embedder", methods=["embedContent"], after="t3"),
        fake_gemini.listed("gemini-b"),
    ]
    with fake_gemini.FakeGemini(pages) as server:
        found = await models(at("gemini/m", server.url))
        requests = server.requests
    assert found == ("gemini/gemini-a", "gemini/gemini-b")
    assert [request.target for request in requests] == [
        "/v1beta/models?pageSize=1000",
        "/v1beta/models?pageSize=1000&pageToken=t%2F2",
        "/v1beta/models?pageSize=1000&pageToken=t3",
    ]
    assert {request.headers["x-goog-api-key"] for request in requests} == {KEY}


@pytest.mark.parametrize(
    "pages",
    [
        [fake_anthropic.listed("a", more=True)],
        [fake_anthropic.listed(f"m{number}", more=True) for number in range(50)],
    ],
    ids=["the same page again and again", "ever new pages"],
)
async def test_pages_without_end_are_not_followed_for_ever(pages: list[Answer]) -> None:
    with fake_anthropic.FakeAnthropic(pages, repeat=True) as server:
        found = await models(at("anthropic/m", server.url))
        assert len(server.requests) <= 20
    assert len(found) == len(set(found)) <= 20


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("text-embedding-3-small", {}),
        ("whisper-large-v3", {}),
        ("gpt-image-1", {}),
        ("old", {"active": False}),
        ("ocr", {"capabilities": {"completion_chat": False}}),
        ("painter", {"architecture": {"output_modalities": ["image"]}}),
        ("flux", {"type": "image"}),
    ],
)
async def test_models_that_do_not_chat_are_left_out(name: str, entry: dict[str, Any]) -> None:
    says = {"data": [{"id": name, **entry}, {"id": "chatty", "capabilities": {"completion_chat": True}}]}
    with FakeOpenAI(tells={"/v1/models": as_json(says)}) as server:
        assert await models(at("mistral/m", server.url)) == ("mistral/chatty",)


async def test_a_list_that_is_bare_is_one() -> None:
    with FakeOpenAI(tells={"/v1/models": as_json([{"id": "a", "type": "chat"}, 3, None, {"id": 4}])}) as server:
        assert await models(at("together_ai/m", server.url, TOGETHERAI_API_KEY=KEY)) == ("together_ai/a",)


async def test_names_that_cannot_be_typed_or_would_write_on_the_screen_are_left_out() -> None:
    bad = ["\x1b]0;title\x07", "a b", "new\nline", "", "x" * 201, "\u202egnp"]
    many = [f"m{number}" for number in range(9_000)]
    with FakeOpenAI(tells={"/v1/models": fake_openai.listed(*bad, *many)}) as server:
        found = await models(at("groq/m", server.url))
    assert found[0] == "groq/m0"
    assert len(found) == 5_000


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Answer([b"<html>sign in</html>"], content_type="text/html"), BadResponse, "a web page"),
        (Answer([b"<html>oops</html>"], 404, "text/html"), BadResponse, "a web page"),
        (Answer([b"{"] * 3, content_type="application/json"), BadResponse, "not JSON"),
        (Answer([b"[" * 100_000]), BadResponse, "not JSON"),
        (as_json({"data": "x"}), BadResponse, "without a list"),
        (as_json({}), BadResponse, "without a list"),
        (as_json(7), BadResponse, "without a list"),
        (Answer([b'{"data": [', *[b" " * (1 << 20)] * 9]), BadResponse, "more than 8 MiB"),
        (
            fake_openai.refuse(401, f"Incorrect API key provided: {KEY}"),
            AccessDenied,
            "does not accept the key in GROQ_API_KEY",
        ),
        (fake_openai.refuse(403, "not here"), AccessDenied, "not here"),
        (fake_openai.refuse(400, "API key not valid"), AccessDenied, "not valid"),
        (fake_openai.refuse(429, "slow down"), RateLimited, "slow down"),
        (fake_openai.refuse(503, "\x1b[2Jdown"), ProviderUnavailable, "failed"),
        (Answer([], 302, headers={"Location": "http://evil.test/"}), BadResponse, "status 302"),
        (Answer(raw=b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), ProviderUnavailable, "not HTTP"),
        (Answer([b"{}"], cut_at=40), ProviderUnavailable, "cannot be reached"),
    ],
)
async def test_what_is_no_list_is_told_without_the_key(answer: Answer, kind: type[ProviderError], words: str) -> None:
    with FakeOpenAI(tells={"/v1/models": answer}) as server:
        with pytest.raises(kind) as caught:
            await models(at("groq/m", server.url))
        assert len(server.asides) == 1
    assert words in str(caught.value)
    assert caught.value.remedy
    assert KEY not in f"{caught.value!r} {caught.value.remedy}"
    assert str(caught.value).isprintable()


async def test_a_list_without_end_is_left() -> None:
    with FaultServer() as server:
        server.plans.append([b"HTTP/1.1 200 OK\r\n\r\n[", Flood(b" " * 65536, 1 << 20)])
        with pytest.raises(BadResponse, match="more than 8 MiB"):
            await models(at("openai/m", f"{server.url}/v1"))


async def test_a_cloud_that_cannot_be_reached_is_said() -> None:
    with FakeOpenAI() as server:
        url = server.url
    with pytest.raises(ProviderUnavailable, match="connection refused"):
        await models(at("groq/m", url))


async def test_who_stops_waiting_is_not_waited_for() -> None:
    with FakeOpenAI(tells={"/v1/models": Answer(before=Pause())}) as server:
        asking = asyncio.ensure_future(models(at("groq/m", server.url)))
        while not server.asides:
            await asyncio.sleep(0.01)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_it_is_asked_through_the_proxy_of_the_environment() -> None:
    with FakeServer([fake_openai.listed("a")]) as proxy:
        settings = at("groq/m", "http://cloud.test/openai/v1", HTTP_PROXY=proxy.url)
        assert await models(settings) == ("groq/a",)
        assert proxy.requests[0].target == "http://cloud.test/openai/v1/models"


async def test_ollama_by_litellm_lists_what_was_pulled() -> None:
    with FakeOllama(tags=as_json({"models": [{"name": "m:1"}]})) as server:
        assert await models(at("ollama/x", server.url)) == ("ollama_chat/m:1",)
        assert (await ready(at("ollama/m:1", server.url))).ready


async def test_where_nothing_can_be_asked_the_table_tells() -> None:
    await LOADER.loaded("openai")
    found = await models(at("bedrock/x"))
    assert found
    assert all(name.startswith("bedrock/") for name in found)
    assert "perplexity/sonar" in await models(at("perplexity/x"))


async def test_without_a_key_nobody_is_asked() -> None:
    with FakeOpenAI() as server:
        with pytest.raises(ConfigError, match="needs a key"):
            await models(at("groq/m", server.url, StoredKeys()))
        with pytest.raises(AccessDenied, match="cannot be opened"):
            await models(at("groq/m", server.url, StoredKeys(closed=True)))
        assert server.asides == server.requests == []


class InFile(StoredKeys):
    """A key in a secret file."""

    def may_have(self, provider: str, variables: Sequence[str]) -> bool:
        del provider, variables
        return True

    def look(self, provider: str, variables: Sequence[str]) -> Looked:
        del provider, variables
        return Looked(KEY, "/run/secrets/groq_api_key")


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        (at("groq/m"), Readiness(ready=True, text="key from GROQ_API_KEY")),
        (at("groq/m", keys=StoredKeys({"groq": KEY})), Readiness(ready=True, text="stored key")),
        (at("groq/m", keys=InFile()), Readiness(ready=True, text="key from /run/secrets/groq_api_key")),
        (at("azure/m"), Readiness(ready=True, text="LiteLLM looks for the keys of azure itself")),
        (
            at("groq/m", keys=StoredKeys()),
            Readiness(ready=False, text="no key: /key groq"),
        ),
        (
            at("groq/m", keys=StoredKeys(closed=True)),
            Readiness(ready=False, text="the stored keys cannot be opened: set LLM_MASTER_KEY"),
        ),
        (
            ProviderSettings(provider="litellm"),
            Readiness(ready=False, text="no model: /provider litellm PROVIDER/MODEL"),
        ),
    ],
    ids=["environment", "stored", "file", "others", "none", "closed", "no model"],
)
async def test_whether_a_cloud_could_be_asked(settings: ProviderSettings, found: Readiness) -> None:
    assert await ready(settings) == found


async def test_to_be_ready_nothing_is_sent_to_a_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: object, **__: object) -> None:
        raise AssertionError("a cloud was asked")

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", connect)
    for settings in (at("groq/m"), at("openai/m"), at("anthropic/m"), at("groq/m", "https://gpu.example/v1")):
        assert (await ready(settings)).ready


async def test_a_server_of_ones_own_is_tried() -> None:
    with FakeOpenAI(tells={"/v1/models": fake_openai.listed("a", "b")}) as server:
        settings = at("openai/m", server.url)
        assert await ready(settings) == Readiness(ready=True, text=f"2 models at {server.url}")
    gone = await ready(settings)
    assert gone == Readiness(ready=False, text=f"{server.url} cannot be reached: connection refused")
    with FakeOpenAI() as server:  # has no list, and answers
        assert await ready(at("openai/m", server.url)) == Readiness(ready=True, text=f"{server.url} answers")


@pytest.mark.parametrize("name", list(named.DEFAULT_MODELS))
async def test_a_cloud_with_a_name_of_its_own_lists_its_models(name: str) -> None:
    answers: Mapping[str, Answer] = {
        "anthropic": fake_anthropic.listed("x/y"), "gemini": fake_gemini.listed("x/y"),
    }  # fmt: skip
    with FakeServer([answers.get(name, fake_openai.listed("x/y"))]) as server:
        environment = {f"{name.upper()}_API_KEY": KEY, f"{name.upper()}_BASE_URL": server.url}
        settings = ProviderSettings(provider=name, environment=environment)
        assert await named.models(settings) == (f"{name}/x/y",)
        assert (await named.ready(settings)).ready
    assert KEY not in json.dumps([request.target for request in server.requests])


async def test_a_certificate_that_is_not_trusted_names_what_to_set(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path / "both.pem")
    async with tls_url(certificate) as url:
        with pytest.raises(ProviderUnavailable, match="certificate is not trusted") as caught:
            await models(at("groq/m", url))
        assert caught.value.remedy.startswith("set SSL_CERT_FILE to a file (PEM)")
        with pytest.raises(BadResponse, match="without a list"):  # it answers, and is no cloud
            await models(at("groq/m", url, SSL_CERT_FILE=str(certificate)))
        with pytest.raises(ConfigError, match="no certificates can be read") as wrong:
            await models(at("groq/m", url, SSL_CERT_FILE=str(tmp_path / "none")))
    assert wrong.value.remedy == "set it to a file of certificates (PEM), or unset it"
