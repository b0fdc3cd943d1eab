"""A connection to one server, as the supervisor of it sees it; the one there is stands in ``connection``."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from msgspec import Struct

from py_mono.mcp_integration.asking import Ask
from py_mono.mcp_integration.listing import Listing
from py_mono.mcp_integration.server import Server
from py_mono.protocol.errors import PyMonoError


class LinkLost(Exception):
    """The server is gone, or cannot be reached.

    Attributes:
        begun: Whether the server may have done what was asked; else it certainly was not.
        final: Whether another try is of no use until something is mended.
    """

    def __init__(self, reason: str, *, begun: bool = False, final: bool = False) -> None:
        super().__init__(reason)
        self.begun = begun
        self.final = final


class Told(Exception):
    """The server answered, and the answer is an error; ``final`` where it will be the same until something is mended."""

    def __init__(self, words: str, *, final: bool = False) -> None:
        super().__init__(words)
        self.final = final


class McpError(PyMonoError):
    """What the person wanted of a server cannot be had; the message says why."""

    kind = "mcp"


class Said(Struct, frozen=True):
    """What a server answered, as text within limits."""

    text: str
    is_error: bool = False


class Surroundings(Struct, frozen=True):
    """What a connection needs to know of the program around it.

    Attributes:
        workspace: The one folder that a server is told of, absolute.
        store: A folder of ours for what outlives the session.
        version: Of this program.
        program: The argument vector and whole environment of a server that is started.
        ask: Who can ask the person now; None where nobody can.
        notice: Says a line to the person.
        browser: Whether the person can be sent to a browser.
        hear: Takes a line that the server logged.
        longer: Connecting may take so many seconds more: the person is wanted.
    """

    workspace: str
    store: str
    version: str
    program: Callable[[Server], tuple[list[str], dict[str, str]]]
    ask: Callable[[], Ask | None]
    notice: Callable[[str], None]
    browser: bool
    hear: Callable[[str], None]
    longer: Callable[[float], None]


class Link(Protocol):
    """One connection. Every method but ``close`` raises ``LinkLost`` where there is none any more."""

    lost: asyncio.Event
    """Set once the server is gone."""
    stale: asyncio.Event
    """Set when it said that its lists changed; whoever reads them clears it."""

    def reason(self) -> str:
        """Why it was lost, in words."""

    async def listing(self) -> Listing:
        """All that it has. Raises Told where it cannot be had."""

    async def call(self, tool: str, arguments: dict[str, Any], on_output: Callable[[str], None]) -> Said:
        """Call a tool, by the server's name for it."""

    async def read(self, uri: str) -> Said:
        """Read a resource."""

    async def prompt(self, name: str, arguments: dict[str, str]) -> Said:
        """Get a prompt."""

    async def close(self) -> None:
        """End it, within two seconds; never raises but when cancelled."""


OpenLink = Callable[[Server, Surroundings], Awaitable[Link]]
"""Connects; raises ``LinkLost``. Without a limit of time: the caller has one."""
