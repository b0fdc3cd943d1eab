"""Calls of one tool of an MCP server over HTTP, by a bare fastmcp client and through py-mono's list of tools, as JSON.

Run by the product's own interpreter: ``remote.py ROUNDS``; ``remote.py serve`` is the server, which prints its port.
"""

import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import uvicorn
from fastmcp import Client, FastMCP
from mcp_types import ToolAnnotations

from py_mono.mcp_integration.hub import McpServers
from py_mono.mcp_integration.server import Server
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec
from py_mono.tools.capped import CappedTools
from py_mono.tools.late import Late
from py_mono.tools.registry import ToolRegistry

_TOOL = "get_current_datetime"
_SETTLE_S = 20.0


class _NoTools:
    async def specs(self) -> tuple[ToolSpec, ...]:
        return ()

    async def call(self, call: ToolCall, on_output: Callable[[str], None]) -> ToolResult:
        del on_output
        return ToolResult(call.id, call.name, "", is_error=True)


def _serve() -> None:
    server: FastMCP = FastMCP("datetime")

    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    def get_current_datetime(timezone: str = "UTC") -> str:
        """Get the current date and time."""
        return f"{datetime.now(UTC).isoformat()} {timezone}"

    # With the protocol named asyncio turns Nagle's algorithm off; else each answer waits 40 ms for an acknowledgement.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    print(listening.getsockname()[1], flush=True)
    app = server.http_app(stateless_http=True, json_response=True)
    uvicorn.Server(uvicorn.Config(app, log_level="critical")).run([listening])


async def _timed(call: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await call()
    return (time.perf_counter() - began) * 1000


async def _measure(url: str, rounds: int) -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory() as store:
        servers = McpServers(
            [Server("datetime", "user", "d", url=url)],
            workspace=store, store=store, trusted=lambda _: True, program=lambda _: ([], {}), notice=print, redact=str, version="0",
        )  # fmt: skip
        servers.start()
        await servers.settle(_SETTLE_S)
        late = Late(CappedTools(servers, 0), lambda: servers.settle(_SETTLE_S), 4_000, 3_000)
        tools = ToolRegistry([_NoTools()], late=late)
        await tools.specs()

        async def ours() -> None:
            result = await tools.call(ToolCall("1", _TOOL, {"timezone": "Europe/Berlin"}), lambda _: None)
            assert not result.is_error, result.content

        async with Client(url) as client:

            async def bare() -> None:
                await client.call_tool(_TOOL, {"timezone": "Europe/Berlin"})

            for call in (bare, ours) * 5:
                await call()
            taken: dict[str, list[float]] = {"bare": [], "ours": []}
            for _ in range(rounds):
                taken["bare"].append(await _timed(bare))
                taken["ours"].append(await _timed(ours))
        await servers.close()
    return taken


def _main() -> None:
    if sys.argv[1] == "serve":
        _serve()
        return
    serving = subprocess.Popen([sys.executable, "-I", __file__, "serve"], stdout=subprocess.PIPE, text=True)
    try:
        assert serving.stdout
        port = int(serving.stdout.readline())
        print(json.dumps(asyncio.run(_measure(f"http://127.0.0.1:{port}/mcp", int(sys.argv[1])))))
    finally:
        serving.terminate()
        serving.wait()


_main()
