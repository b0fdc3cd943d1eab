"""One connection to one server, by fastmcp's client. Importing this takes a second: see ``library``."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import mcp_types
from fastmcp import Client
from fastmcp.client.transports.base import ClientTransport, TransportOptions
from mcp import ClientSession, MCPError
from mcp.client.subscriptions import SubscriptionLost, listen
from mcp_types import CONNECTION_CLOSED
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from py_mono.mcp_integration.content import prompt_text, resource_text, said
from py_mono.mcp_integration.handlers import Ears
from py_mono.mcp_integration.http import HttpTransport
from py_mono.mcp_integration.link import LinkLost, Said, Surroundings, Told
from py_mono.mcp_integration.listing import Listing
from py_mono.mcp_integration.oauth import Authorization
from py_mono.mcp_integration.reading import listing
from py_mono.mcp_integration.requests import Requests
from py_mono.mcp_integration.server import Server
from py_mono.mcp_integration.stdio import ProgramTransport
from py_mono.mcp_integration.words import line

_CLOSE_S = 1.8
_END_S = 0.3
_LIST_S = 30.0
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 60.0


class Session(ClientSession):
    """The library's, but for one thing: what a tool gives back is not held against a schema that the same server wrote.

    The model reads text. The check would run the server's patterns over the server's data on the event loop, and make
    an error of a result that says what was asked.
    """

    async def validate_tool_result(self, name: str, result: mcp_types.CallToolResult) -> None:
        """Every result is taken."""


class Connection:
    """See ``link.Link``."""

    def __init__(self, server: Server, around: Surroundings) -> None:
        self.lost = asyncio.Event()
        self._server = server
        self._ears = Ears(server.name, around.ask, around.hear)
        self.stale = self._ears.stale
        self._reason = ""
        self._requests = Requests(
            paused=lambda: self._ears.asking > 0,
            has_session=lambda: self._client.transport.get_session_id() is not None,
            why=self.reason,
            lose=self._lose,
        )
        self._program: ProgramTransport | None = None
        self._client: Client[ClientTransport] = Client(
            self._transport(around),
            name=server.name,
            roots=[Path(around.workspace).as_uri()],
            elicitation_handler=self._ears.elicit,
            log_handler=self._ears.log,
            message_handler=self._ears.message,
            client_info=mcp_types.Implementation(name="py-mono", version=around.version),
        )

    def _transport(self, around: Surroundings) -> "ProgramTransport | HttpTransport":
        server = self._server
        if server.url:
            auth = Authorization(server, around) if server.oauth else None
            return HttpTransport(server.url, dict(server.headers), Session, auth)
        argv, environment = around.program(server)
        folder = server.cwd or around.workspace
        if not os.path.isdir(folder):
            raise LinkLost(f"there is no folder {folder!r} to start it in", final=True)
        self._program = ProgramTransport(
            argv, environment, folder, around.hear, gone=self.lost, options=TransportOptions(session_class=Session)
        )
        return self._program

    async def open(self) -> None:
        """Connect. Raises LinkLost."""
        await self._requests.answer(self._client.__aenter__())  # type: ignore[no-untyped-call] # the library's
        if self._client.protocol_version in MODERN_PROTOCOL_VERSIONS and self._lists_change():
            self._requests.keep(asyncio.create_task(self._subscribe()))

    def reason(self) -> str:
        """See ``link.Link``."""
        return self._program.reason if self._program and self._program.reason else self._reason

    async def listing(self) -> Listing:
        """See ``link.Link``."""
        capabilities = self._client.server_capabilities or mcp_types.ServerCapabilities()
        return await self._requests.answer(listing(self._client, capabilities), within_s=_LIST_S)

    async def call(self, tool: str, arguments: dict[str, Any], on_output: Callable[[str], None]) -> Said:
        """See ``link.Link``."""
        output = self._ears.begin(on_output)
        try:
            asked = self._client.call_tool_mcp(tool, arguments, progress_handler=output.progress)
            return said(await self._requests.answer(asked, within_s=self._server.timeout_s))
        except Told as error:
            return Said(str(error), is_error=True)
        finally:
            self._ears.end(output)

    async def read(self, uri: str) -> Said:
        """See ``link.Link``."""
        try:
            result = await self._requests.answer(self._client.read_resource_mcp(uri), within_s=self._server.timeout_s)
        except Told as error:
            return Said(str(error), is_error=True)
        return Said(resource_text(result.contents))

    async def prompt(self, name: str, arguments: dict[str, str]) -> Said:
        """See ``link.Link``."""
        try:
            result = await self._requests.answer(
                self._client.get_prompt_mcp(name, arguments), within_s=self._server.timeout_s
            )
        except Told as error:
            return Said(str(error), is_error=True)
        return Said(prompt_text(result))

    async def close(self) -> None:
        """See ``link.Link``."""
        closing = asyncio.create_task(self._leave())
        await self._requests.end(_END_S)
        await asyncio.wait({closing}, timeout=_CLOSE_S - _END_S)
        closing.cancel()

    async def _leave(self) -> None:
        with suppress(Exception):  # it is over either way
            await self._client.close()  # type: ignore[no-untyped-call] # the library's
        if self._program is not None:
            await self._program.over()

    def _lists_change(self) -> bool:
        has = self._client.server_capabilities
        parts = (has.tools, has.resources, has.prompts) if has else ()
        return any(part is not None and part.list_changed for part in parts)

    async def _subscribe(self) -> None:
        """Hear of changed lists, on the newest protocol, where that is asked for. A stream that ends is opened again.

        What ends it may be a proxy that is tired of it; that the server is gone shows when it is asked again.
        """
        wait = _FIRST_WAIT_S
        while self._client.is_connected():
            try:
                async with listen(
                    self._client.session,
                    tools_list_changed=True,
                    resources_list_changed=True,
                    prompts_list_changed=True,
                ) as events:
                    if wait != _FIRST_WAIT_S:
                        self.stale.set()  # nobody told of what changed in between
                    async for _ in events:
                        self.stale.set()
            except MCPError as error:
                if error.code != CONNECTION_CLOSED:
                    return  # it promised more than it keeps
            except (SubscriptionLost, RuntimeError, ValidationError):
                pass
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_S)
        self._lose("the connection was lost")

    def _lose(self, reason: str) -> None:
        self._reason = self._reason or reason
        self.lost.set()


async def connect(server: Server, around: Surroundings) -> Connection:
    """A connection that stands. Raises LinkLost."""
    try:
        connection = Connection(server, around)
    except (OSError, ValueError) as error:
        raise LinkLost(f"it cannot be connected: {line(str(error), 300)}", final=True) from error
    try:
        await connection.open()
    except Told as error:
        await connection.close()
        raise LinkLost(str(error), final=error.final) from error
    except BaseException:
        await connection.close()
        raise
    return connection
