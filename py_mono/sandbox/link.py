"""HOST. The line to one worker: its frames as futures, its death as an exception, its end as one call."""

import asyncio
import os
from collections.abc import Callable
from typing import Any

from py_mono.protocol.errors import SandboxError, WorkerDied
from py_mono.sandbox.ending import Processes
from py_mono.sandbox.jobs.host import LinkJobs
from py_mono.sandbox.launch import Launched
from py_mono.sandbox.wire import FrameReader, WireError, encode

_PIECE = 262_144
_STDERR_KEPT = 4096

OnOutput = Callable[[str], None]


class Link:
    """Talks to one worker; made in the event loop that uses it.

    Attributes:
        hello: What the worker said first, once it did.
        dead: Why nothing more can be asked, or None.
        jobs: Its background commands.
    """

    def __init__(self, launched: Launched) -> None:
        self._loop = asyncio.get_running_loop()
        self._launched = launched
        self._wire = launched.wire
        os.set_blocking(self._wire.fileno(), False)
        self._reader = FrameReader()
        self._unsent = bytearray()
        self._calls: dict[str, tuple[asyncio.Future[dict[str, Any]], OnOutput]] = {}
        self._late: dict[str, dict[str, Any]] = {}
        self._made = 0
        self.jobs = LinkJobs(self._loop.time)
        self._stderr = b""
        self._closed = False
        self._ending: asyncio.Future[None] | None = None
        self.hello: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self.dead: WorkerDied | None = None
        self._loop.add_reader(self._wire, self._on_wire)
        os.set_blocking(launched.errors, False)
        self._loop.add_reader(launched.errors, self._on_stderr)
        self._processes = Processes(launched.pid, launched.report)

    def call(self, identifier: str, tool: str, arguments: dict[str, Any], on_output: OnOutput) -> "asyncio.Future[Any]":
        """Send a call; the future gets its ``result`` frame, or WorkerDied. Raises WorkerDied, WireError."""
        future = self._ask(identifier, encode("call", id=identifier, tool=tool, arguments=arguments), on_output)
        self._made += 1
        return future

    def ask_job(self, identifier: str, job: int, action: str) -> "asyncio.Future[Any]":
        """Ask something of a background command; the future as that of a call. Raises WorkerDied."""
        return self._ask(identifier, encode("ask_job", id=identifier, job=job, action=action), _unheard)

    def count_jobs(self, last: int) -> None:
        """The next background command's number is to be greater."""
        if not self.dead:
            self._send(encode("count_jobs", last=last))

    def _ask(self, identifier: str, frame: bytes, on_output: OnOutput) -> "asyncio.Future[Any]":
        if self.dead:
            raise self.dead
        future: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._calls[identifier] = (future, on_output)
        self._send(frame)
        return future

    def cancel(self, identifier: str) -> "asyncio.Future[Any] | None":
        """Ask for a call to end; what then gets its result: its own future, or another where that one was cancelled.

        None where no result will come.
        """
        if identifier in self._late:
            future: asyncio.Future[dict[str, Any]] = self._loop.create_future()
            future.set_result(self._late.pop(identifier))
            return future
        if self.dead or identifier not in self._calls:
            return None
        future, on_output = self._calls[identifier]
        if future.cancelled():
            future = self._loop.create_future()
            self._calls[identifier] = (future, on_output)
        self._send(encode("cancel", id=identifier))
        return future

    def _send(self, frame: bytes) -> None:
        if not self._unsent:
            try:
                frame = frame[self._wire.send(frame) :]
            except BlockingIOError:
                pass
            except OSError:
                self._die("it closed the wire")
                return
            if not frame:
                return
            self._loop.add_writer(self._wire, self._on_writable)
        self._unsent += frame

    def _on_writable(self) -> None:
        try:
            del self._unsent[: self._wire.send(self._unsent)]
        except BlockingIOError:
            return
        except OSError:
            self._die("it closed the wire")
            return
        if not self._unsent:
            self._loop.remove_writer(self._wire)

    def _on_wire(self) -> None:
        try:
            piece = self._wire.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self._die("")
            return
        try:
            for frame in self._reader.feed(piece):
                self._take(frame)
        except WireError as error:
            self._die(f"it sent what is no frame: {error}")

    def _take(self, frame: dict[str, Any]) -> None:
        kind = frame["frame"]
        if kind == "hello" and not self.hello.done():
            self.hello.set_result(frame)
        elif kind == "output":  # what a tool says after its result is heard by nobody
            if frame["id"] in self._calls:
                self._calls[frame["id"]][1](frame["text"])
        elif kind == "result" and frame["id"] in self._calls:
            future, _ = self._calls.pop(frame["id"])
            if future.cancelled():
                self._late[frame["id"]] = frame  # whoever waited has not yet been told that it was cancelled
            else:
                future.set_result(frame)
        elif kind in {"job_started", "job_ended"}:
            self.jobs.take(frame, calls=self._made, open_calls=len(self._calls))
        else:
            raise WireError(f"a {kind} frame that nothing was waiting for")

    def _on_stderr(self) -> None:
        try:
            piece = os.read(self._launched.errors, _PIECE)
        except BlockingIOError:
            return
        if not piece:
            self._loop.remove_reader(self._launched.errors)
        self._stderr = (self._stderr + piece)[-_STDERR_KEPT:]

    def _die(self, why: str) -> None:
        """Nothing more can be asked: tell everyone who waits."""
        if self.dead:
            return
        if not self._closed:
            self._on_stderr()
        said = self._stderr.decode("utf-8", "replace").strip()
        reason = "; ".join(part for part in (why, said) if part)
        self.dead = WorkerDied(
            "the sandbox's worker ended" + (f": {reason}" if reason else ""),
            remedy="The next turn starts a new one; background commands of the old one are gone.",
        )
        self._stop_reading()
        for future, _ in self._calls.values():
            if not future.done():
                future.set_exception(self.dead)
        self._calls.clear()
        self.jobs.lost()
        if not self.hello.done():
            self.hello.set_exception(self.dead)
            self.hello.exception()  # whoever asks gets it; where nobody does it is no error

    def _stop_reading(self) -> None:
        self._loop.remove_reader(self._wire)
        self._loop.remove_writer(self._wire)
        self._loop.remove_reader(self._launched.errors)

    async def end(self) -> None:
        """Kill the worker and everything it started, and wait until all of it is gone; may be called twice."""
        if self._ending is None:
            self._closed = True
            self._die("it was ended")
            self._wire.close()
            os.close(self._launched.errors)
            self._ending = asyncio.ensure_future(self._processes.end())
        await asyncio.shield(self._ending)  # it goes on where whoever waits is cancelled, and the next waits for it too


def _unheard(_text: str) -> None:
    """What is asked of a background command prints nothing."""


def checked_hello(frame: dict[str, Any]) -> dict[str, Any]:
    """The worker's greeting. Raises SandboxError where it says that there is no lock."""
    if frame["error"]:
        raise SandboxError(frame["error"], remedy=frame["remedy"])
    return frame
