"""A server on 127.0.0.1, in a thread of its own, that sends exactly the bytes it is told to and breaks where it is told to.

It knows no wire: a reply is a plan, a list of actions (bytes, waits, ends of the connection). Each request takes the next
plan, apart from those for a path that has a plan of its own.
"""

import asyncio
import contextlib
import enum
import socket
import struct
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self


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


class FaultServer:
    """The server; a context manager.

    Attributes:
        asked: Every request that was read to its end, in order.
        plans: What the next requests get; with none left a request is answered by status 418.
        greetings: What the next connections get before anything is read; ``None`` for nothing.
        flooded: How many bytes of floods were taken.
        connections: How many connections were accepted.
    """

    def __init__(self, plans: Sequence[Plan] = (), *, routes: Mapping[str, Plan] | None = None) -> None:
        self.asked: list[Asked] = []
        self.plans: list[Plan] = list(plans)
        self.greetings: list[End | None] = []
        self.flooded = 0
        self.connections = 0
        self.port = 0
        self._routes = dict(routes or {})
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def open(self) -> int:
        """How many connections stand."""
        return len(self._tasks)

    def asked_for(self, ending: str) -> int:
        """How many requests there were for paths that end like this."""
        return sum(request.target.endswith(ending) for request in self.asked)

    def stop_listening(self) -> None:
        """From here on connections are refused; those that stand are reset."""
        asyncio.run_coroutine_threadsafe(self._deafen(), self._loop).result(10)

    def listen_again(self) -> None:
        """Accept again, at the same port."""
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._run())

    async def _run(self) -> None:
        self._stop = asyncio.Event()
        await self._listen()
        self._ready.set()
        await self._stop.wait()
        await self._deafen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _deafen(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the transports close their sockets in the loop's next round

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._talk(reader, writer, self.connections))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: writer.transport.abort())  # also where it was cancelled before it began

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        try:
            greeting = self.greetings.pop(0) if self.greetings else None
            going_on = greeting is None or await self._act([greeting], reader, writer)
            while going_on:
                plan = await self._next(reader, number)
                going_on = await self._act(plan, reader, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass

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
