"""What a server offers: what it listed, what of it the person agreed to, and what is held back."""

import asyncio
from collections.abc import Callable
from functools import partial

from py_mono.mcp_integration import known
from py_mono.mcp_integration.listing import Held, Listing, Tool
from py_mono.mcp_integration.naming import reader
from py_mono.mcp_integration.server import Server
from py_mono.mcp_integration.words import line
from py_mono.utils.threads import in_thread

_NAMED = 5


class Offer:
    """The tools of one server, kept in the folder ``store`` from one session to the next.

    Attributes:
        listing: What it listed last; empty before it was connected.
        held: Its tools that say something else than was agreed to.
    """

    def __init__(self, server: Server, store: str, notice: Callable[[str], None], hear: Callable[[str], None]) -> None:
        self.listing = Listing()
        self.held: dict[str, Tool] = {}
        self._server = server
        self._store = store
        self._notice = notice
        self._hear = hear
        self._known = known.Known()
        self._saving: asyncio.Task[None] | None = None

    def remember(self) -> None:
        """What was known at the end of an earlier session is known again."""
        self._known = known.read(self._store, self._server)

    def tools(self) -> tuple[Tool, ...]:
        """Those of its own that can be called."""
        return self._known.tools

    def all(self) -> tuple[Tool, ...]:
        """The same, with ours that reads its resources."""
        ours = reader(self._known.tools, self._known.resources)
        return self._known.tools if ours is None else (*self._known.tools, ours)

    def take(self, listing: Listing) -> None:
        """A new list: what was agreed to, or is new, can be called; what says something else is held back, and that is said once."""
        before = self.held
        self.listing = listing
        new, self.held = known.compared(self._known, listing)
        self._keep(new)
        if self.held and self.held != before:
            names = ", ".join(line(name, 40) for name in list(self.held)[:_NAMED])
            more = ", …" if len(self.held) > _NAMED else ""
            self._notice(
                f"MCP server {self._server.name}: tools that say something else than before are held back ({names}{more}); "
                f"/mcp trust {self._server.name} shows what, and agrees"
            )

    def differences(self) -> tuple[Held, ...]:
        """What is held back."""
        return known.differences(self._known, self.held)

    def agree(self) -> None:
        """The person agrees to it."""
        self._keep(known.agreed(self._known, self.held))
        self.held = {}

    def missing(self, name: str) -> str:
        """Why a tool cannot be called, for the model."""
        if name in self.held:
            return (
                f"the tool {name} of the MCP server {self._server.name} says something else than before; it is held back "
                "until the operator agrees to that"
            )
        return f"the MCP server {self._server.name} has no tool {line(name, 80)!r} any more"

    async def kept(self) -> None:
        """Until what was agreed to is on the disk."""
        if self._saving is not None:
            await asyncio.wait({self._saving})

    def _keep(self, new: known.Known) -> None:
        if new == self._known:
            return
        self._known = new
        if self._saving is None:
            self._saving = asyncio.create_task(self._save(), name=f"mcp-known {self._server.name}")

    async def _save(self) -> None:
        """Bring what is known onto the disk; one write at a time, so that no older word comes last."""
        kept = None
        while kept is not self._known:
            kept = self._known
            try:
                await in_thread(partial(known.write, self._store, self._server, kept), "mcp-known")
            except (OSError, ValueError) as error:
                self._hear(f"what its tools say cannot be kept: {error}")
        self._saving = None
