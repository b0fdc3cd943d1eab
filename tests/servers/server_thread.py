"""A server on 127.0.0.1 in a thread of its own: what the fake servers share."""

import asyncio
import contextlib
import threading
from abc import ABC, abstractmethod
from typing import Self

_ROUNDS = 8


class ServerThread(ABC):
    """Accepts connections, each served by a task of its own, until it is closed; a context manager.

    Attributes:
        accepted: How many connections were accepted.
        port: Where it listens; the same one when it listens again.
    """

    def __init__(self) -> None:
        self.accepted = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """How many connections were opened."""
        return self.accepted

    @property
    def open(self) -> int:
        """How many connections stand."""
        return len(self._tasks)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and break every connection; may be called twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)

    def stop_listening(self) -> None:
        """From here on connections are refused; those that stand are broken."""
        asyncio.run_coroutine_threadsafe(self._deafen(), self._loop).result(10)

    def listen_again(self) -> None:
        """Accept again, at the same port."""
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    @abstractmethod
    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        """Serve a connection, counted from 1."""

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
        for listening in self._server.sockets:
            self._loop.remove_reader(listening.fileno())
        # A connection that was just accepted gets its task some rounds of the loop later. One whose server is closed in
        # between is left behind open by asyncio before 3.12.1 (python/cpython#109564), so closing waits for it.
        await self._break_off()
        self._server.close()
        await self._break_off()

    async def _break_off(self) -> None:
        for _ in range(_ROUNDS):
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await asyncio.sleep(0)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.get_running_loop().create_task(self._serve_one(reader, writer, self.accepted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: writer.transport.abort())  # also where it was cancelled before it began

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            await self._talk(reader, writer, number)
