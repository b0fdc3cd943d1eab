"""A server that is started: its process, its pipes, what it says on stderr, and its end.

The library has such a transport. Ours gives the process no variable that it was not given, takes no line without end,
tells of the end with the exit status and the last words, and ends whatever the program started within a second.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Unpack

import anyio
import mcp_types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from fastmcp.client.transports.base import ClientTransport, SessionKwargs, TransportOptions
from mcp import ClientSession
from mcp.shared.message import SessionMessage

from py_mono.mcp_integration.words import line

_Stream = MemoryObjectReceiveStream[Any] | MemoryObjectSendStream[Any]
_LONGEST_LINE = 16 * 1024 * 1024
"""Bytes of one message, a picture's base64 included."""
_LONGEST_WORDS = 500
_GARBAGE = 20
"""So many lines that are no messages are borne; programs greet on stdout."""
_GRACE_S = 0.5
"""For each step of the end: stdin closed, SIGTERM, SIGKILL."""


class ProgramTransport(ClientTransport):
    """Starts a program for as long as a session lasts.

    Attributes:
        reason: Why it ended, in words; empty while it runs.
    """

    def __init__(
        self,
        argv: list[str],
        environment: dict[str, str],
        folder: str,
        hear: Callable[[str], None],
        *,
        gone: asyncio.Event,
        options: TransportOptions,
    ) -> None:
        self._options = options
        self._argv = argv
        self._environment = environment
        self._folder = folder
        self._hear = hear
        self._gone = gone
        self._last_words = ""
        self._ending: asyncio.Task[None] | None = None
        self.reason = ""

    @asynccontextmanager
    async def connect_session(
        self, *, transport_options: TransportOptions | None = None, **session_kwargs: Unpack[SessionKwargs]
    ) -> AsyncIterator[ClientSession]:
        """See the library. Raises OSError where the program cannot be started."""
        options = transport_options or self._options
        process = await asyncio.create_subprocess_exec(
            *self._argv,
            env=self._environment,
            cwd=self._folder,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LONGEST_LINE,
            start_new_session=True,
        )
        into, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        write, out = anyio.create_memory_object_stream[SessionMessage](0)
        pumps: list[asyncio.Task[None]] = []
        try:
            words = asyncio.create_task(self._listen(process))
            reading = asyncio.create_task(self._read(process, into, words))
            pumps += [words, reading, asyncio.create_task(self._write(process, out, reading))]
            async with options.session_class(read, write, **session_kwargs) as session:
                yield session
        finally:
            # A task of its own: the library cancels this one where the end takes long, and then nothing would be ended.
            self._ending = asyncio.create_task(_over(process, pumps, (into, read, write, out)))
            await asyncio.shield(self._ending)

    async def over(self) -> None:
        """Until the program is ended."""
        if self._ending is not None:
            await asyncio.wait({self._ending})

    async def _read(
        self,
        process: asyncio.subprocess.Process,
        into: MemoryObjectSendStream[SessionMessage | Exception],
        words: asyncio.Task[None],
    ) -> None:
        """Messages from its stdout, until it has none any more; then why."""
        assert process.stdout is not None  # noqa: S101 - it was started with a pipe
        garbage = 0
        try:
            while text := await process.stdout.readline():
                try:
                    message = mcp_types.jsonrpc_message_adapter.validate_json(text, by_name=False)
                except ValueError:
                    garbage += 1
                    self._hear(f"stdout: {line(text[:_LONGEST_WORDS].decode('utf-8', 'replace'), _LONGEST_WORDS)}")
                    if garbage == _GARBAGE:
                        self.reason = f"it wrote {_GARBAGE} lines to stdout that are no messages of MCP"
                        break
                else:
                    await into.send(SessionMessage(message))
            else:
                self.reason = await self._exit(process, words)
        except ValueError:  # a line beyond the limit
            self.reason = f"it sent a message of more than {_LONGEST_LINE >> 20} MiB"
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            self.reason = self.reason or "the connection was closed"
        finally:
            self._gone.set()
            into.close()

    async def _exit(self, process: asyncio.subprocess.Process, words: asyncio.Task[None]) -> str:
        await asyncio.wait({words}, timeout=_GRACE_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                await process.wait()
        ended = _status(process.returncode)
        return f"{ended}: {self._last_words}" if self._last_words else ended

    async def _write(
        self,
        process: asyncio.subprocess.Process,
        out: MemoryObjectReceiveStream[SessionMessage],
        reading: asyncio.Task[None],
    ) -> None:
        """Messages to its stdin; where it takes none any more nothing is answered either."""
        assert process.stdin is not None  # noqa: S101 - it was started with a pipe
        try:
            async for message in out:
                text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                process.stdin.write(text.encode() + b"\n")
                await process.stdin.drain()
        except anyio.ClosedResourceError:
            return
        except OSError:
            await asyncio.wait({reading}, timeout=3 * _GRACE_S)  # where it ended, that says more
            self.reason = self.reason or "it closed its stdin"
            self._gone.set()

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Its stderr, line by line; the last one tells most of why it ended."""
        assert process.stderr is not None  # noqa: S101 - it was started with a pipe
        while True:
            try:
                text = await process.stderr.readline()
            except ValueError:  # a line beyond the limit is passed over: who is not read any more stands still
                continue
            if not text:
                break
            words = line(text[: 4 * _LONGEST_WORDS].decode("utf-8", "replace"), _LONGEST_WORDS)
            if words:
                self._last_words = words
                self._hear(words)


def _status(code: int | None) -> str:
    if code is None:
        return "it closed its stdout"
    if code >= 0:
        return f"it exited with status {code}"
    try:
        return f"it was ended by {signal.Signals(-code).name}"
    except ValueError:  # real-time signals have no names
        return f"it was ended by signal {-code}"


async def _over(
    process: asyncio.subprocess.Process, pumps: list[asyncio.Task[None]], streams: tuple[_Stream, ...]
) -> None:
    try:
        await _end(process)
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        for stream in streams:
            stream.close()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Close its stdin, then ask its whole group to go, then make it."""
    assert process.stdin is not None  # noqa: S101 - it was started with a pipe
    process.stdin.close()
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        if number is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)
        deadline = asyncio.get_running_loop().time() + _GRACE_S
        # Not wait(), which also waits for the pipes to end, and somebody else may hold them.
        while process.returncode is None and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.01)
        if process.returncode is not None:
            break
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)  # what it left behind in its group
    # Open as long as somebody else holds a pipe; nothing public closes it.
    transport = getattr(process, "_transport", None)
    if transport is not None:
        transport.close()
