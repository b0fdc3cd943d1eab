"""All MCP servers of a session as one source of tools. Light: what speaks the protocol is loaded when one is connected."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from py_mono.mcp_integration import calls
from py_mono.mcp_integration.asking import Ask
from py_mono.mcp_integration.library import Library
from py_mono.mcp_integration.link import LinkLost, McpError, Said, Surroundings, Told
from py_mono.mcp_integration.listing import Held, Prompt, Resource
from py_mono.mcp_integration.naming import Names, prefix
from py_mono.mcp_integration.server import Server
from py_mono.mcp_integration.state import ServerState
from py_mono.mcp_integration.supervisor import Supervisor
from py_mono.protocol.ports import Redact
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec

_CLOSE_S = 2.0
_CANCELLED = Said("cancelled by the user; the server was told, and may have carried it out all the same", is_error=True)


class McpServers:
    """See ``LateTools``, which this is; the other methods are for the commands of the person.

    Attributes:
        ask: Puts a server's question to the person; None where nobody can be asked, and then every question is declined.
    """

    ask: Ask | None = None

    def __init__(
        self,
        servers: Sequence[Server],
        *,
        workspace: str,
        store: str,
        trusted: Callable[[Server], bool],
        program: Callable[[Server], tuple[list[str], dict[str, str]]],
        notice: Callable[[str], None],
        redact: Redact,
        version: str,
        browser: bool = False,
    ) -> None:
        """Nothing is read, started or connected before ``start``. See ``Surroundings`` for what is given.

        ``redact`` takes keys out of what servers say to the person; ``trusted`` says whether the person agreed to one.
        """
        self._trusted = trusted
        self._names = Names()
        around = Surroundings(
            workspace=workspace,
            store=store,
            version=version,
            program=program,
            ask=lambda: self.ask,
            notice=lambda text: notice(redact(text)),
            browser=browser,
            hear=lambda _: None,  # each has ears of its own, and a time of its own
            longer=lambda _: None,
        )
        library = Library()
        self._servers = {server.name: Supervisor(server, around, library.opener, redact) for server in servers}

    def recall(self) -> None:
        """Know what was known at the end of an earlier session, of all that are trusted, without connecting any."""
        for one in self._servers.values():
            if self._trusted(one.server):
                one.recall()

    def start(self) -> None:
        """Connect all that are trusted, at the same time, in the background; returns at once. Needs a running loop."""
        for one in self._servers.values():
            if self._trusted(one.server):
                one.start()

    async def specs(self) -> Sequence[ToolSpec]:
        """See ``ToolSource``."""
        specs = [self._names.spec(one.server, tool) for one in self._servers.values() for tool in one.tools()]
        for one in self._servers.values():  # a list that was frozen before may name what is held back now
            for tool in one.offer.held.values():
                self._names.name(one.server, tool)
        return specs

    async def call(self, call: ToolCall, on_output: Callable[[str], None]) -> ToolResult:
        """See ``ToolSource``."""
        await self.specs()  # names are given as tools are listed
        known = self._names.owner(call.name) is not None
        if not known:
            for one in self._servers.values():  # of one that was never connected no name is known yet
                if call.name.startswith(prefix(one.server)) and one.state.phase == "connecting":
                    with suppress(Told):
                        await one.connection()
            await self.specs()
        server, tool = self._names.owner(call.name) or ("", "")
        if server not in self._servers:
            return _result(call, Said(f"there is no tool {call.name!r} of an MCP server", is_error=True))
        try:
            said = await calls.call(self._servers[server], tool, call.arguments, on_output, known=known)
        except asyncio.CancelledError:
            raise asyncio.CancelledError(_result(call, _CANCELLED)) from None
        return _result(call, said)

    async def settle(self, timeout_s: float) -> None:
        """See ``LateTools``."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                for one in self._servers.values():
                    while one.state.phase == "connecting" and not one.tools():
                        await one.moved()

    def states(self) -> Sequence[ServerState]:
        """How each stands, in the order of the configuration."""
        return [one.state for one in self._servers.values()]

    def changed(self, name: str) -> Sequence[Held]:
        """What is held back of a server. Raises McpError where there is no such server."""
        return _named(self._servers, name).offer.differences()

    def agree(self, name: str) -> None:
        """The person agrees to what is held back. Raises McpError where there is no such server."""
        _named(self._servers, name).offer.agree()

    async def reconnect(self, name: str) -> None:
        """Connect now, whatever the wait says, and return when that came to something; what came of it is in ``states``.

        Raises:
            McpError: There is no such server, or nobody agreed to it.
        """
        one = _named(self._servers, name)
        if not self._trusted(one.server):
            raise McpError(
                f"nobody agreed to the MCP server {name} yet", remedy=f"agree to it: py-mono mcp trust {name}"
            )
        await one.again()

    async def resources(self, name: str) -> Sequence[Resource]:
        """What a server lets be read. Raises McpError."""
        return (await _there(_named(self._servers, name))).offer.listing.resources

    async def resource(self, name: str, uri: str) -> str:
        """One of them, as text. Raises McpError."""
        return _text(await calls.read(_named(self._servers, name), uri))

    async def prompts(self, name: str) -> Sequence[Prompt]:
        """What texts a server writes. Raises McpError."""
        return (await _there(_named(self._servers, name))).offer.listing.prompts

    async def prompt(self, name: str, prompt: str, arguments: dict[str, str]) -> str:
        """One of them. Raises McpError."""
        return _text(await calls.prompt(_named(self._servers, name), prompt, arguments))

    async def close(self) -> None:
        """End every connection and program, within two seconds; may be called twice."""
        closing = [asyncio.ensure_future(one.close()) for one in self._servers.values()]
        if closing:
            await asyncio.wait(closing, timeout=_CLOSE_S)


def _named(servers: dict[str, Supervisor], name: str) -> Supervisor:
    try:
        return servers[name]
    except KeyError:
        names = ", ".join(servers) or "none is configured"
        raise McpError(f"there is no MCP server {name!r}; there are: {names}") from None


def _result(call: ToolCall, said: Said) -> ToolResult:
    return ToolResult(call.id, call.name, said.text, is_error=said.is_error)


async def _there(one: Supervisor) -> Supervisor:
    try:
        await one.connection()
    except (Told, LinkLost) as error:
        raise McpError(str(error)) from None
    return one


def _text(said: Said) -> str:
    if said.is_error:
        raise McpError(said.text)
    return said.text
