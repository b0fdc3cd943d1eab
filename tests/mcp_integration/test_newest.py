"""The newest protocol over HTTP, where changed lists are told of to who subscribed: a server made by hand."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.mcp_integration.servers import Raw, answer, call, hub, tool, until, web

KEPT = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
FOUND = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {"listChanged": True}}, **KEPT}


class Newest:
    """What it knows, and who listens."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.tools = [tool("act")]
        self.refuses = refuses
        self.listeners: list[tuple[Any, asyncio.StreamWriter]] = []
        self.subscribed = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
        message = json.loads(request.partition(b"\r\n\r\n")[2])
        method, number = message["method"], message.get("id")
        if method == "subscriptions/listen" and not self.refuses:
            self.subscribed += 1
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
            self.listeners.append((number, writer))
            self.tell(
                number, writer, "notifications/subscriptions/acknowledged", notifications={"toolsListChanged": True}
            )
            await reader.read()
            return
        results: dict[str, Any] = {
            "server/discover": FOUND,
            "tools/list": {"tools": self.tools, **KEPT},
            "tools/call": {"content": [{"type": "text", "text": "done"}], "resultType": "complete"},
        }
        reply = {"result": results[method]} if method in results else {"error": {"code": -32601, "message": "no"}}
        writer.write(answer("200 OK", json.dumps({"jsonrpc": "2.0", "id": number, **reply}).encode()))

    @staticmethod
    def tell(number: Any, writer: asyncio.StreamWriter, method: str, **params: Any) -> None:
        params["_meta"] = {"io.modelcontextprotocol/subscriptionId": number}
        event = json.dumps({"jsonrpc": "2.0", "method": method, "params": params})
        writer.write(f"event: message\ndata: {event}\n\n".encode())

    def changed(self) -> None:
        for number, writer in self.listeners:
            self.tell(number, writer, "notifications/tools/list_changed")

    def hang_up(self) -> None:
        for _, writer in self.listeners:
            writer.transport.abort()
        self.listeners.clear()


async def _soon(seen: Callable[[], Awaitable[bool]]) -> None:
    while not await seen():
        await asyncio.sleep(0.01)


async def test_a_changed_list_is_read_again(tmp_path: Path) -> None:
    server = Newest()
    with Raw(server) as raw:
        async with hub(tmp_path / "store", web(raw.url)) as servers:
            await until(servers, "web", "ready")

            async def has_both() -> bool:
                return len(await servers.specs()) == 2

            async def listens() -> bool:
                return bool(server.listeners)

            await _soon(listens)
            server.tools.append(tool("later"))
            raw.run(server.changed)
            await _soon(has_both)
            assert (await call(servers, "web__later")).content == "done"


async def test_a_subscription_that_is_cut_off_is_opened_again_and_the_list_read(tmp_path: Path) -> None:
    server = Newest()
    with Raw(server) as raw:
        async with hub(tmp_path / "store", web(raw.url)) as servers:

            async def listens() -> bool:
                return bool(server.listeners)

            async def has_both() -> bool:
                return len(await servers.specs()) == 2

            await until(servers, "web", "ready")
            await _soon(listens)
            server.tools.append(tool("later"))
            raw.run(server.hang_up)
            await _soon(has_both)
            assert server.subscribed == 2
            assert (await until(servers, "web", "ready")).detail == ""


async def test_that_a_server_is_gone_is_seen_without_a_call(tmp_path: Path) -> None:
    server = Newest()
    with Raw(server) as raw:
        async with hub(tmp_path / "store", web(raw.url)) as servers:

            async def listens() -> bool:
                return bool(server.listeners)

            await _soon(listens)
            raw.stop_listening()
            await until(servers, "web", "waiting")
            raw.listen_again()
            await until(servers, "web", "ready")
            assert (await call(servers, "web__act")).content == "done"


async def test_a_server_that_promises_to_tell_and_refuses_is_borne(tmp_path: Path) -> None:
    with Raw(Newest(refuses=True)) as raw:
        async with hub(tmp_path / "store", web(raw.url)) as servers:
            assert (await call(servers, "web__act")).content == "done"
            assert (await until(servers, "web", "ready")).detail == ""
