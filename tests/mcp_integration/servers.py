"""What the tests of this room connect to, and how."""

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from py_mono.mcp_integration.hub import McpServers
from py_mono.mcp_integration.server import Server
from py_mono.mcp_integration.state import ServerState
from py_mono.protocol.tools import ToolCall, ToolResult
from tests.servers.server_thread import ServerThread

MINI = str(Path(__file__).with_name("mini.py"))
OBJECT = {"type": "object", "properties": {}}


def tool(name: str, description: str = "does it", *, read_only: bool = False, schema: Any = None) -> dict[str, Any]:
    about = {"name": name, "description": description, "inputSchema": schema or OBJECT}
    return {**about, "annotations": {"readOnlyHint": True}} if read_only else about


def mini(folder: Path, *tools: dict[str, Any], name: str = "mini", **more: Any) -> Server:
    """The small server; its tools may be written again while it runs."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tools.json").write_text(json.dumps(tools), encoding="utf-8")
    options = {"connect_s": 20.0, "timeout_s": 20.0, **more}
    return Server(name, "user", "d1", command=sys.executable, args=("-I", MINI, str(folder)), **options)


def heard(folder: Path) -> list[dict[str, Any]]:
    """What came in at the small server."""
    return [json.loads(text) for text in (folder / "heard").read_text(encoding="utf-8").splitlines()]


def web(url: str, name: str = "web", **more: Any) -> Server:
    return Server(name, "user", "d1", url=url, **{"connect_s": 20.0, "timeout_s": 20.0, **more})


class Told(list[str]):
    """Notices."""


@asynccontextmanager
async def hub(store: Path, *servers: Server, told: list[str] | None = None, **more: Any) -> AsyncIterator[McpServers]:
    """All of them, started."""
    options: dict[str, Any] = {
        "workspace": str(store.parent),
        "store": str(store),
        "trusted": lambda _: True,
        "program": lambda server: ([server.command, *server.args], {"PATH": "/usr/bin:/bin", **server.env}),
        "notice": (told if told is not None else []).append,
        "redact": str,
        "version": "0",
        **more,
    }
    servers_ = McpServers(servers, **options)
    servers_.start()
    try:
        yield servers_
    finally:
        await servers_.close()


async def state(servers: McpServers, name: str) -> ServerState:
    return next(state for state in servers.states() if state.name == name)


async def until(servers: McpServers, name: str, *phases: str) -> ServerState:
    """Once it is in one of these phases."""
    while (found := await state(servers, name)).phase not in phases:
        await asyncio.sleep(0.01)
    return found


async def call(servers: McpServers, name: str, output: list[str] | None = None, **arguments: Any) -> ToolResult:
    """A call as the agent makes it: of a tool that it saw, if it comes up at all."""
    while any(state.phase == "connecting" for state in servers.states()):
        if name in [spec.name for spec in await servers.specs()]:
            break
        await asyncio.sleep(0.01)
    return await servers.call(ToolCall("c1", name, arguments), (output if output is not None else []).append)


@contextmanager
def served(app: Any, port: int = 0) -> Iterator[str]:
    """An ASGI application on 127.0.0.1, in a thread; its URL."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, ws="none", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


Behave = Callable[[asyncio.StreamReader, asyncio.StreamWriter, bytes], Awaitable[None]]


class Raw(ServerThread):
    """A server that does with each request whatever the test wants."""

    def __init__(self, behave: Behave) -> None:
        super().__init__()
        self._behave = behave

    def run(self, act: Callable[[], None]) -> None:
        """Do it on the server's own loop."""
        self._loop.call_soon_threadsafe(act)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        del number
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(one.split(b":")[1]) for one in head.split(b"\r\n") if one.lower().startswith(b"content-length")), 0
            )
            await self._behave(reader, writer, head + await reader.readexactly(length))
            await writer.drain()


def answer(status: str, body: bytes = b"", kind: str = "application/json", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body
