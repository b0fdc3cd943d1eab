"""One server over the time of a session: connected in the background, connected again, asked."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from msgspec.structs import replace

from py_mono.mcp_integration.link import Link, LinkLost, OpenLink, Surroundings, Told
from py_mono.mcp_integration.listing import Tool
from py_mono.mcp_integration.offer import Offer
from py_mono.mcp_integration.server import Server
from py_mono.mcp_integration.shown import concealing, where
from py_mono.mcp_integration.state import Phase, ServerState
from py_mono.mcp_integration.words import line
from py_mono.protocol.errors import PyMonoError, SandboxBusy
from py_mono.protocol.ports import Redact

_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 60.0
_STEADY_S = 10.0
"""A connection that lasted so long was a good one: the next wait is short again."""
_BACK_S = 10.0
"""So long is waited for one that was there before: it is being started again, or it stays away."""
_MOST_STARTS = 5
"""So often a program is started that ends at once, or never answers; then not before the person asks."""
_DEBOUNCE_S = 0.3
_BETWEEN_LISTS_S = 2.0
_LOG_LINES = 50
_GONE = frozenset({"failed", "untrusted"})
_LONGEST_DETAIL = 300


class Supervisor:
    """See the module. Its texts are free of the server's secrets.

    Attributes:
        server: Which.
        offer: What it has.
        words: Takes what is secret out of a text about it.
    """

    def __init__(
        self, server: Server, around: Surroundings, opener: Callable[[], Awaitable[OpenLink]], redact: Redact
    ) -> None:
        conceal = concealing(server)
        self.server = server
        self.words: Redact = lambda text: redact(conceal(text))
        self.offer = Offer(server, around.store, around.notice, self._hear)
        self._around = replace(around, hear=self._hear, longer=self._longer)
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
        self._limit: asyncio.Timeout | None = None

    @property
    def state(self) -> ServerState:
        """How it stands."""
        detail = "; ".join(filter(None, (self._detail, *self.offer.listing.left_out)))
        return ServerState(
            name=self.server.name,
            where=self.words(where(self.server)),
            origin=self.server.origin,
            phase="changed" if self._phase == "ready" and self.offer.held else self._phase,
            detail=self.words(detail),
            tools=len(self.offer.tools()) if self._phase not in _GONE else 0,
            resources=len(self.offer.listing.resources),
            prompts=len(self.offer.listing.prompts),
            log=tuple(self._log),
        )

    def tools(self) -> tuple[Tool, ...]:
        """What can be called, as far as is known; nothing of one that was given up."""
        return () if self._phase in _GONE else self.offer.all()

    def recall(self) -> None:
        """What was known of its tools is known from here on."""
        if self._task is None:
            self.offer.remember()
            self._move("waiting")

    def start(self) -> None:
        """Connect, and stay connected, in the background; it is recalled first."""
        if self._task is None:
            self.recall()
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
        """The connection, once there is one; raises Told where there is none within ``connect_s``, or sooner."""
        attempts, hurried = self._attempts, False
        limit_s = min(self.server.connect_s, _BACK_S) if self._was_ready else self.server.connect_s
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
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
            self.words(f"the MCP server {self.server.name} is not there: {self._detail or 'it is not connected yet'}")
        )

    async def close(self) -> None:
        """End it; may be called twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.offer.kept()

    async def _run(self) -> None:
        failures = 0
        while True:
            self._hurry.clear()
            self._move("connecting")
            attempts = self._attempts
            reason, final, lasted = await self._once()
            self._attempts = attempts + 1
            failures = 1 if lasted >= _STEADY_S else failures + 1
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
            async with asyncio.timeout(self.server.connect_s) as self._limit:
                link = await connect(self.server, self._around)
                self.offer.take(await link.listing())
            self._limit = None
            begun, self._link, self._was_ready = time.monotonic(), link, True
            self._detail = ""
            self._attempts += 1
            self._move("ready")
            await self._stay(link)
            reason, final = link.reason() or "the connection was lost", False
        except LinkLost as lost:
            reason, final = str(lost), lost.final
        except Told as error:
            reason, final = f"its tools cannot be listed: {error}", error.final
        except TimeoutError:
            last = f"; it said last: {self._log[-1]}" if self._log else ""
            reason, final = f"it did not answer within {self.server.connect_s:g} s{last}", False
        except SandboxBusy as error:
            reason, final = error.told, False
        except PyMonoError as error:  # no lock can be had, say
            reason, final = error.told, True
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs this server's line alone
            reason, final = f"{type(error).__name__}: {error}", False
        finally:
            self._link = self._limit = None
            if link is not None:
                await link.close()
        return reason, final, time.monotonic() - begun if begun else 0.0

    async def _stay(self, link: Link) -> None:
        """Until it is lost; its lists are read again when it says that they changed, not more often than need be."""
        lost = asyncio.ensure_future(link.lost.wait())
        stale = asyncio.ensure_future(link.stale.wait())
        try:
            while True:
                await asyncio.wait({lost, stale}, return_when=asyncio.FIRST_COMPLETED)
                if lost.done() or (await asyncio.wait({lost}, timeout=_DEBOUNCE_S))[0]:
                    return
                link.stale.clear()
                stale = asyncio.ensure_future(link.stale.wait())
                with suppress(Told):
                    self.offer.take(await link.listing())
                    self._move("ready")
                await asyncio.wait({lost}, timeout=_BETWEEN_LISTS_S)
        finally:
            lost.cancel()
            stale.cancel()

    def _longer(self, seconds: float) -> None:
        if self._limit is not None and (when := self._limit.when()) is not None:
            self._limit.reschedule(when + seconds)

    def _hear(self, text: str) -> None:
        self._log.append(self.words(line(text, 500)))

    def _move(self, phase: Phase) -> None:
        self._phase = phase
        self._moved.set()
        self._moved = asyncio.Event()
