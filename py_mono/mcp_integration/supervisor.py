"""One server over the time of a session: connected in the background, connected again, asked."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from py_mono.mcp_integration import known, naming
from py_mono.mcp_integration.link import Link, LinkLost, OpenLink, Said, Surroundings, Told
from py_mono.mcp_integration.listing import Held, Listing, Tool
from py_mono.mcp_integration.server import Server
from py_mono.mcp_integration.shown import concealing, where
from py_mono.mcp_integration.state import Phase, ServerState
from py_mono.mcp_integration.words import line
from py_mono.utils.threads import in_thread

_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 60.0
_STEADY_S = 10.0
"""A connection that lasted so long was a good one: the next wait is short again."""
_MOST_STARTS = 5
"""So often a program is started that ends at once, or never answers; then not before the person asks."""
_DEBOUNCE_S = 0.3
_BETWEEN_LISTS_S = 2.0
_LOG_LINES = 50
_GONE = frozenset({"failed", "untrusted"})
_LONGEST_DETAIL = 300

Redact = Callable[[str], str]


class Supervisor:
    """See the module. Its texts are free of the server's secrets."""

    def __init__(
        self, server: Server, around: Surroundings, opener: Callable[[], Awaitable[OpenLink]], redact: Redact
    ) -> None:
        conceal = concealing(server)
        self.server = server
        self.known = known.Known()
        self.held: dict[str, Tool] = {}
        self.listing = Listing()
        self._words: Redact = lambda text: redact(conceal(text))
        self._around = replace(around, hear=self._hear)
        self._opener = opener
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._phase: Phase = "untrusted"
        self._detail = ""
        self._link: Link | None = None
        self._was_ready = False
        self._attempts = 0
        self._hurry = asyncio.Event()
        self._moved = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def state(self) -> ServerState:
        """How it stands."""
        detail = "; ".join(filter(None, (self._detail, *self.listing.left_out)))
        return ServerState(
            name=self.server.name,
            where=self._words(where(self.server)),
            origin=self.server.origin,
            phase=self._phase,
            detail=self._words(detail),
            tools=len(self.tools()),
            resources=len(self.listing.resources),
            prompts=len(self.listing.prompts),
            log=tuple(self._log),
        )

    def tools(self) -> tuple[Tool, ...]:
        """What can be called, as far as is known; nothing of one that was given up."""
        return () if self._phase in _GONE else self.known.tools

    def offered(self) -> tuple[Tool, ...]:
        """The same, with ours that reads its resources."""
        tools = self.tools()
        ours = naming.reader(tools, self.known.resources) if self._phase not in _GONE else None
        return tools if ours is None else (*tools, ours)

    def start(self) -> None:
        """Connect, and stay connected, in the background. What was known of its tools is known from here on."""
        if self._task is None:
            self.known = known.read(self._around.store, self.server)
            self._move("connecting")
            self._task = asyncio.create_task(self._run(), name=f"mcp {self.server.name}")

    async def again(self) -> None:
        """Connect anew, whatever the wait says; returns when that came to something."""
        attempts = self._attempts
        self.start()
        self._was_ready = False
        if self._link is not None:
            self._link.lost.set()
        self._hurry.set()
        while self._phase == "connecting" or self._attempts == attempts:
            await self.moved()

    async def moved(self) -> None:
        """Until its state is another one."""
        await self._moved.wait()

    async def connection(self) -> Link:
        """The connection, once there is one; raises Told where there is none within ``connect_s``."""
        attempts, hurried = self._attempts, False
        with suppress(TimeoutError):
            async with asyncio.timeout(self.server.connect_s):
                while True:
                    if self._link is not None and not self._link.lost.is_set():
                        return self._link
                    if self._phase in _GONE or (self._attempts > attempts and not self._was_ready):
                        break
                    if self._phase == "waiting" and not hurried:
                        hurried = True
                        self._hurry.set()
                    await self.moved()
        raise Told(
            self._words(f"the MCP server {self.server.name} is not there: {self._detail or 'it is not connected yet'}")
        )

    async def call(self, name: str, arguments: dict[str, Any], on_output: Callable[[str], None]) -> Said:
        """Call a tool. What may have been done is not done a second time, unless it changes nothing."""
        tool = next((tool for tool in self.offered() if tool.name == name), None)
        if tool is not None and tool not in self.known.tools:
            return await self.read(str(arguments.get("uri", "")))

        async def work(link: Link) -> Said:
            # Looked up again: who waited for the connection may find another list.
            if not any(tool.name == name for tool in self.known.tools):
                return Said(self._missing(name), is_error=True)
            return await link.call(name, arguments, on_output)

        return await self._asked(work, twice=tool is not None and tool.read_only)

    async def read(self, uri: str) -> Said:
        """Read a resource."""
        return await self._asked(lambda link: link.read(uri), twice=True)

    async def prompt(self, name: str, arguments: dict[str, str]) -> Said:
        """Get a prompt."""
        return await self._asked(lambda link: link.prompt(name, arguments), twice=True)

    async def _asked(self, work: Callable[[Link], Awaitable[Said]], *, twice: bool) -> Said:
        """What a server answers; where it was lost, once more: if it cannot have done it, or may do it ``twice``."""
        for again in (False, True):
            try:
                return await work(await self.connection())
            except Told as error:
                return Said(self._words(str(error)), is_error=True)
            except LinkLost as lost:
                if again or (lost.begun and not twice):
                    done = " The call may have been carried out all the same." if lost.begun else ""
                    return Said(
                        self._words(f"the MCP server {self.server.name} was lost: {lost}.{done}"), is_error=True
                    )
        raise AssertionError

    def differences(self) -> tuple[Held, ...]:
        """What is held back."""
        return known.differences(self.known, self.held)

    def agree(self) -> None:
        """The person agrees to it."""
        self._keep(known.agreed(self.known, self.held))
        self.held = {}
        if self._phase == "changed":
            self._move("ready")

    async def close(self) -> None:
        """End it; may be called twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        failures = 0
        while True:
            self._hurry.clear()
            self._move("connecting")
            reason, final, lasted = await self._once()
            failures = 1 if lasted >= _STEADY_S else failures + 1
            self._attempts += 1
            self._detail = line(reason, _LONGEST_DETAIL)
            if final or (self.server.command and failures >= _MOST_STARTS):
                self._move("failed")
                await self._hurry.wait()
                failures = 0
                continue
            self._move("waiting")
            # Full jitter: clients that lost a server together do not come back together.
            wait = random.uniform(0, min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2**failures))  # noqa: S311 - no secret
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), wait)

    async def _once(self) -> tuple[str, bool, float]:
        """Connect, and stay until it is lost: why, whether for good, and how many seconds it lasted."""
        link: Link | None = None
        begun = 0.0
        try:
            connect = await self._opener()
            async with asyncio.timeout(self.server.connect_s):
                link = await connect(self.server, self._around)
                self._take(await link.listing())
            begun, self._link, self._was_ready = time.monotonic(), link, True
            self._detail = ""
            self._move("changed" if self.held else "ready")
            await self._stay(link)
            reason, final = link.reason() or "the connection was lost", False
        except LinkLost as lost:
            reason, final = str(lost), lost.final
        except Told as error:
            reason, final = f"its tools cannot be listed: {error}", error.final
        except TimeoutError:
            last = f"; it said last: {self._log[-1]}" if self._log else ""
            reason, final = f"it did not answer within {self.server.connect_s:g} s{last}", False
        finally:
            self._link = None
            if link is not None:
                await link.close()
        return reason, final, time.monotonic() - begun if begun else 0.0

    async def _stay(self, link: Link) -> None:
        """Until it is lost; its lists are read again when it says that they changed, not more often than need be."""
        lost = asyncio.ensure_future(link.lost.wait())
        try:
            while True:
                stale = asyncio.ensure_future(link.stale.wait())
                await asyncio.wait({lost, stale}, return_when=asyncio.FIRST_COMPLETED)
                stale.cancel()
                if lost.done() or (await asyncio.wait({lost}, timeout=_DEBOUNCE_S))[0]:
                    return
                link.stale.clear()
                with suppress(Told):
                    self._take(await link.listing())
                    self._move("changed" if self.held else "ready")
                await asyncio.wait({lost}, timeout=_BETWEEN_LISTS_S)
        finally:
            lost.cancel()

    def _take(self, listing: Listing) -> None:
        """A new list: what was agreed to, or is new, can be called; what says something else is held back."""
        before, held_before = self.known, self.held
        self.listing = listing
        new, self.held = known.compared(before, listing)
        self._keep(new)
        if self.held and self.held != held_before:
            names = ", ".join(line(name, 40) for name in list(self.held)[:5])
            self._around.notice(
                f"MCP server {self.server.name}: {len(self.held)} of its tools say something else than before ({names}), "
                f"and are held back. /mcp trust {self.server.name} shows what, and agrees"
            )

    def _keep(self, new: known.Known) -> None:
        before, self.known = self.known, new
        if new != before:
            saving = asyncio.ensure_future(
                in_thread(lambda: known.write(self._around.store, self.server, new), "mcp-known")
            )
            saving.add_done_callback(self._saved)

    def _saved(self, saving: "asyncio.Future[None]") -> None:
        if not saving.cancelled() and (error := saving.exception()) is not None:
            self._hear(f"what its tools say cannot be kept: {error}")

    def _missing(self, name: str) -> str:
        if name in self.held:
            return (
                f"the tool {name} of the MCP server {self.server.name} says something else than before; it is held back "
                "until the operator agrees to that"
            )
        return f"the MCP server {self.server.name} has no tool {line(name, 80)!r} any more"

    def _hear(self, text: str) -> None:
        self._log.append(self._words(line(text, 500)))

    def _move(self, phase: Phase) -> None:
        self._phase = phase
        self._moved.set()
        self._moved = asyncio.Event()
