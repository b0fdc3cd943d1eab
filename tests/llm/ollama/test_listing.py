"""What an Ollama server has to choose from, and whether it would answer."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from py_mono.llm.ollama.provider import models, ready
from py_mono.llm.readiness import Readiness
from py_mono.llm.settings import ProviderSettings
from py_mono.protocol.errors import BadResponse, ConfigError, ProviderUnavailable
from tests.servers.certificates import make_certificate
from tests.servers.fake_ollama import Answer, FakeOllama, Pause, as_json
from tests.servers.faults import FaultServer, Flood
from tests.servers.tls import tls_url

TAGS = as_json({"models": [{"name": "qwen3:8b"}, {"name": "lfm2.5-thinking:latest"}, {"name": "qwen3:8b"}]})


def at(url: str, model: str = "", **environment: str) -> ProviderSettings:
    return ProviderSettings(base_url=url, model=model, environment=environment)


def closed_url() -> str:
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{own.getsockname()[1]}"


async def test_the_models_that_were_pulled_in_their_order() -> None:
    with FakeOllama(tags=TAGS) as server:
        assert await models(at(server.url)) == ("qwen3:8b", "lfm2.5-thinking:latest")
        assert [request.target for request in server.requests] == ["/api/tags"]


@pytest.mark.parametrize("name", ["\x1b[2Jgone", "two words", "new\nline", "", "x" * 200 + "y", "\u202eright", 7, None])
async def test_a_name_that_cannot_be_typed_is_left_out(name: object) -> None:
    tags = as_json({"models": [{"name": name}, {"name": "good:1b"}]})
    with FakeOllama(tags=tags) as server:
        found = await models(at(server.url))
    assert all(one.isprintable() and len(one) <= 200 for one in found)
    assert found[-1] == "good:1b"


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        (Answer([b"<html>hello</html>"], content_type="text/html"), "not JSON"),
        (as_json([1]), "lists no models"),
        (as_json({"models": 3}), "lists no models"),
        (Answer([b"{"] * 10), "not JSON"),
        (Answer([b"boom"], 500), "status 500"),
        (Answer([b'{"models": ['] + [b" " * (1 << 20)] * 9), "longer than 8 MiB"),
    ],
    ids=["page", "list", "number", "cut", "500", "huge"],
)
async def test_what_is_no_list_is_said(tags: Answer, words: str) -> None:
    with FakeOllama(tags=tags) as server:
        with pytest.raises(BadResponse, match=words) as caught:
            await models(at(server.url, OLLAMA_HOST="x"))
        assert caught.value.remedy == "is OLLAMA_HOST the address of an Ollama server?"
        assert not (await ready(at(server.url))).ready


async def test_a_list_without_end_is_left() -> None:
    with FaultServer() as server:
        server.plans.append([b"HTTP/1.1 200 OK\r\n\r\n[", Flood(b" " * 65536, 1 << 20)])
        with pytest.raises(BadResponse, match="longer than 8 MiB"):
            await models(at(server.url))


async def test_whether_it_would_answer() -> None:
    with FakeOllama(tags=TAGS) as server:
        assert await ready(at(server.url)) == Readiness(
            ready=True, text=f"3 models at {server.url}, lfm2.5-thinking:latest among them"
        )
        other = await ready(at(server.url, "llama3"))
        assert other == Readiness(ready=False, text=f"3 models at {server.url}, and not llama3: ollama pull llama3")
    with FakeOllama() as server:
        none = await ready(at(server.url, "m"))
        assert none == Readiness(ready=False, text=f"no models at {server.url}, and not m: ollama pull m")


async def test_a_server_that_is_not_there() -> None:
    url = closed_url()
    found = await ready(at(url))
    assert found == Readiness(
        ready=False, text=f"no Ollama at {url} (connection refused): py-mono doctor says what mends it"
    )
    with pytest.raises(ProviderUnavailable, match="cannot be reached: connection refused") as caught:
        await models(at(url))
    assert "set OLLAMA_BASE_URL to where it runs" in caught.value.remedy
    assert not (await ready(at("ftp://x"))).ready
    with pytest.raises(ConfigError):
        await models(at("ftp://x"))


async def test_who_stops_waiting_for_a_silent_server_leaves_nothing_behind() -> None:
    with FakeOllama(tags=Answer(before=Pause())) as server:
        asking = asyncio.ensure_future(ready(at(server.url)))
        while not server.requests:
            await asyncio.sleep(0.01)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


@pytest.mark.parametrize(
    ("made", "environment", "remedy"),
    [
        ({}, {}, "set SSL_CERT_FILE to a file (PEM) with the certificate that signed the server's"),
        ({"days": -1}, {"trust": True}, "renew the certificate on the server; or is this machine's clock wrong?"),
        (
            {"name": "gpu.example"},
            {"trust": True, "OLLAMA_HOST": "x"},
            "set OLLAMA_HOST to the name that the certificate is for",
        ),
    ],
    ids=["untrusted", "expired", "other name"],
)
async def test_a_certificate_that_is_not_trusted_is_not_a_server_to_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: dict[str, Any], environment: dict[str, Any], remedy: str
) -> None:
    certificate = make_certificate(tmp_path / "both.pem", **made)
    if environment.pop("trust", False):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with tls_url(certificate) as url:
        with pytest.raises(ProviderUnavailable, match="cannot be asked: its certificate is not trusted") as caught:
            await models(at(url, **environment))
    assert caught.value.remedy == remedy
    assert "ollama serve" not in caught.value.remedy


async def test_https_where_only_http_is_spoken() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        there = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(ProviderUnavailable, match="does not speak TLS") as caught:
            await models(at(f"https://{there}"))
    assert caught.value.remedy == f"set OLLAMA_BASE_URL to http://{there}, if that is what it speaks"
