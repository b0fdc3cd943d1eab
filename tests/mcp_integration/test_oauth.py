"""Servers that want a login, with the library's own authorization server in this process."""

import asyncio
import socket
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastmcp import FastMCP
from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider
from mcp.server.auth.settings import ClientRegistrationOptions

from tests.mcp_integration.servers import call, hub, served, state, until, web


@pytest.fixture(autouse=True)
def _no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


@pytest.fixture(scope="module")
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def provider(port: int) -> InMemoryOAuthProvider:
    options = ClientRegistrationOptions(enabled=True)
    return InMemoryOAuthProvider(base_url=f"http://127.0.0.1:{port}", client_registration_options=options)


@pytest.fixture(scope="module")
def guarded(port: int, provider: InMemoryOAuthProvider) -> Iterator[str]:
    server = FastMCP("guarded", auth=provider)

    @server.tool
    def secret() -> str:
        """For those who logged in."""
        return "open sesame"

    with served(server.http_app(), port) as base:
        yield f"{base}/mcp"


def browser(notices: list[str]) -> None:
    """The person, who goes where the notice says."""
    address = notices[-1].rpartition(" ")[2]
    threading.Thread(target=lambda: urllib.request.urlopen(address, timeout=10).read(), daemon=True).start()


class Notices(list[str]):
    def append(self, text: str) -> None:
        super().append(text)
        browser(self)


async def test_the_person_logs_in_once_and_the_tokens_are_kept(tmp_path: Path, guarded: str) -> None:
    told = Notices()
    server = web(guarded, "guarded", oauth=True)
    async with hub(tmp_path / "store", server, told=told, browser=True) as servers:
        assert (await call(servers, "guarded__secret")).content == "open sesame"
        assert (await state(servers, "guarded")).phase == "ready"
    assert len(told) == 1
    assert told[0].startswith("MCP server guarded wants you to log in: http://127.0.0.1:")
    files = list((tmp_path / "store").glob("*.tokens.json"))
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600]
    assert "access_token" in files[0].read_text()
    async with hub(tmp_path / "store", server, browser=False) as servers:
        assert (await call(servers, "guarded__secret")).content == "open sesame"


async def test_who_is_forgotten_in_the_middle_logs_in_again(
    tmp_path: Path, guarded: str, provider: InMemoryOAuthProvider
) -> None:
    told = Notices()
    server = web(guarded, "guarded", oauth=True)
    async with hub(tmp_path / "store", server, told=told, browser=True) as servers:
        assert (await call(servers, "guarded__secret")).content == "open sesame"
        provider.access_tokens.clear()
        provider.refresh_tokens.clear()
        assert (await call(servers, "guarded__secret")).content == "open sesame"
    assert len(told) == 2


async def test_nobody_is_sent_to_a_browser_where_nobody_sits(tmp_path: Path, guarded: str) -> None:
    told: list[str] = []
    async with hub(tmp_path / "store", web(guarded, "guarded", oauth=True), told=told, browser=False) as servers:
        found = await until(servers, "guarded", "failed", "waiting")
    assert (found.phase, found.detail) == ("failed", "it wants a login: run py-mono mcp test guarded at a terminal")
    assert told == []


async def test_without_oauth_it_is_said_what_would_be_right(tmp_path: Path, guarded: str) -> None:
    async with hub(tmp_path / "store", web(guarded, "guarded")) as servers:
        found = await until(servers, "guarded", "failed", "waiting")
    assert found.phase == "failed"
    assert '"oauth": true' in found.detail


async def test_a_login_that_nobody_finishes_does_not_hold_up_the_end(tmp_path: Path, guarded: str) -> None:
    told: list[str] = []
    async with hub(tmp_path / "store", web(guarded, "guarded", oauth=True), told=told, browser=True) as servers:
        while not told:
            await asyncio.sleep(0.01)
        async with asyncio.timeout(10):
            await servers.close()
