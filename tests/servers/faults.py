"""A server that sends exactly the bytes it is told to and breaks where it is told to.

It knows no wire: a reply is a plan, a list of actions (bytes, waits, ends of the connection). Each request takes the next
plan, apart from those for a path that has a plan of its own.
"""

import asyncio
import contextlib
import enum
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.servers.server_thread import ServerThread


class End(enum.Enum):
    """How a connection ends from the server's side: in order, or with a reset (what was in flight is lost)."""

    FIN = "fin"
    RST = "rst"


@dataclass(frozen=True)
class Wait:
    """Nothing is sent for so long; without a number, until the client is gone."""

    seconds: float | None = None


@dataclass(frozen=True)
class Flood:
    """``piece`` again and again, ``count`` times at most, with a pause between two; made as it is sent, never held."""

    piece: bytes
    count: int
    pause_s: float = 0.0


Action = bytes | Wait | Flood | End
Plan = Sequence[Action]


@dataclass(frozen=True)
class Asked:
    """A request that came in; ``connection`` counts from 1."""

    target: str
    body: bytes
    connection: int


class FaultServer(ServerThread):
    """The server.

    Attributes:
        asked: Every request that was read to its end, in order.
        plans: What the next requests get; with none left a request is answered by status 418.
        greetings: What the next connections get before anything is read; ``None`` for nothing.
        flooded: How many bytes of floods were taken.
    """

    def __init__(self, plans: Sequence[Plan] = (), *, routes: Mapping[str, Plan] | None = None) -> None:
        super().__init__()
        self.asked: list[Asked] = []
        self.plans: list[Plan] = list(plans)
        self.greetings: list[End | None] = []
        self.flooded = 0
        self._routes = dict(routes or {})

    def asked_for(self, ending: str) -> int:
        """How many requests there were for paths that end like this."""
        return sum(request.target.endswith(ending) for request in self.asked)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        greeting = self.greetings.pop(0) if self.greetings else None
        going_on = greeting is None or await self._act([greeting], reader, writer)
        while going_on:
            plan = await self._next(reader, number)
            going_on = await self._act(plan, reader, writer)

    async def _next(self, reader: asyncio.StreamReader, number: int) -> Plan:
        """Read a request; its plan."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (row.split(": ", 1) for row in head[1:] if row)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        target = head[0].split(" ")[1]
        self.asked.append(Asked(target, body, number))
        plan = self._routes.get(target.partition("?")[0])
        if plan is None:
            plan = self.plans.pop(0) if self.plans else [b"HTTP/1.1 418 No plan left\r\nContent-Length: 0\r\n\r\n"]
        return plan

    async def _act(self, plan: Plan, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Do what the plan says; False where the connection is over."""
        for action in plan:
            match action:
                case bytes():
                    writer.write(action)
                    await writer.drain()
                case Flood():
                    await self._flood(action, writer)
                case Wait(seconds=None):
                    await reader.read()
                    return False
                case Wait():
                    await asyncio.sleep(action.seconds or 0)
                case End.FIN:
                    writer.write_eof()
                    await reader.read()  # closing now would turn the end into a reset if the client still sends
                    return False
                case End.RST:
                    _reset(writer)
                    return False
        return True

    async def _flood(self, flood: Flood, writer: asyncio.StreamWriter) -> None:
        for _ in range(flood.count):
            writer.write(flood.piece)
            await writer.drain()
            self.flooded += len(flood.piece)
            if flood.pause_s:
                await asyncio.sleep(flood.pause_s)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the kernel sends a reset: a linger of 0 seconds."""
    own = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
