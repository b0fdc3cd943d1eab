"""GUEST. The server process of a worker: reads frames and runs calls.

Its threads take turns: one reads, and runs the call that comes while another reads on: no call waits for a thread.
"""

import _thread
import os
import select
import socket
import sys
import time
from collections import deque
from contextlib import suppress
from threading import Event, Lock

from py_mono.sandbox.screen import INTERVAL_S, CallScreen
from py_mono.sandbox.wire import FrameReader, WireError, encode
from py_mono.tools.builtin.context import Context, Output, ToolFailure

TYPE_CHECKING = False  # spelled out: importing typing costs the worker 4 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType
    from typing import Any

    from py_mono.sandbox.commands import WorkerCommands

_PIECE = 65536
_SPARE = 2  # how many threads may wait to read


class _Call:
    """One call that runs."""

    def __init__(self, server: "Server", identifier: str, module: "ModuleType", arguments: "dict[str, Any]") -> None:
        self.server = server
        self.id = identifier
        self.module = module
        self.arguments = arguments
        self.cancelled = Event()
        self.screen = CallScreen(identifier, server.write, server.remind)

    def run(self) -> None:
        """Run the tool and answer, whatever it does."""
        try:
            output = self._output()
        except ToolFailure as failure:
            output = Output(str(failure), is_error=True)
        except BaseException as error:  # noqa: BLE001 - a tool's bug, SystemExit included, must not take the worker along
            output = Output(f"the tool failed unexpectedly: {type(error).__name__}: {error}"[:1000], is_error=True)
        self.server.finish(self, output)

    def _output(self) -> Output:
        context = self.server.context(self)
        output = self.module.run(context, **self.arguments)
        if not isinstance(output, Output):
            raise TypeError(f"it returned {type(output).__name__} instead of Output")
        return output


class Server:
    """Serves calls over the wire until the host closes it."""

    def __init__(
        self,
        wire: socket.socket,
        tools: "Mapping[str, ModuleType]",
        commands: "WorkerCommands",
        make_context: "Callable[[Event, Callable[[str], None]], Context]",
    ) -> None:
        self._wire = wire
        self._tools = tools
        self._commands = commands
        self._make_context = make_context
        commands.jobs.say = self.send
        self._reader = FrameReader()
        self._reading = Lock()
        self._writing = Lock()
        self._calls: dict[str, _Call] = {}
        self._due = 0.0  # when pending output is to be shown; 0 where there is none
        self._begun: deque[Callable[[], None]] = deque()  # what whoever reads found to be done
        self._queue: deque[_Call] = deque()
        self._queue_busy = False
        self._lock = Lock()
        self._spare = 0  # threads that wait to read
        self._ended = Event()
        self._wake, self._wake_end = os.pipe()
        os.set_blocking(self._wake_end, False)
        self._poll = select.poll()
        self._poll.register(self._wire, select.POLLIN)
        self._poll.register(self._wake, select.POLLIN)
        self._poll.register(self._commands.init, 0)  # tells a hang-up: without init no command begins or ends

    def serve(self, lock: "dict[str, Any]") -> None:
        """Say hello, then answer calls until the host closes the wire or sends what is no frame."""
        self.send("hello", tools=[module.SPEC for module in self._tools.values()], lock=lock, error="", remedy="")
        _thread.start_new_thread(self._work, ())
        self._ended.wait()

    def _work(self) -> None:
        """Read until there is something to run, leave the reading to another thread, run it, and begin again."""
        while True:
            with self._lock:
                if self._spare == _SPARE:
                    return
                self._spare += 1
            with self._reading:
                with self._lock:
                    self._spare -= 1
                run = self._read()
            if run is None:
                return
            run()

    def _read(self) -> "Callable[[], None] | None":
        """Take frames until one of them is to be run; None where no more can be taken. In one thread at a time."""
        while not self._ended.is_set():
            if self._begun:
                if not self._spare:
                    with suppress(RuntimeError):  # the limit on processes is reached: nobody reads while this runs
                        _thread.start_new_thread(self._work, ())
                return self._begun.popleft()
            try:
                more = self._take_frames()
            except ConnectionResetError:
                more = False
            except WireError as error:
                sys.stderr.write(f"the host sent what is no frame: {error}\n")
                more = False
            if not more:
                self._ended.set()
        return None

    def _take_frames(self) -> bool:
        """Wait for the host and take what it sent; False where there is no more to come."""
        wait = max(0.0, self._due - time.monotonic()) * 1000 if self._due else None
        ready = {descriptor for descriptor, _ in self._poll.poll(wait)}
        if self._due and time.monotonic() >= self._due:
            self._due = 0.0
            self._flush()
        if self._wake in ready:
            os.read(self._wake, 4096)
            self._due = self._due or time.monotonic() + INTERVAL_S
        if self._commands.init in ready:
            return False
        if self._wire.fileno() in ready:
            piece = self._wire.recv(_PIECE)
            if not piece:
                return False
            for frame in self._reader.feed(piece):
                self._take(frame)
        return True

    def context(self, call: _Call) -> Context:
        """What ``call`` may use."""
        return self._make_context(call.cancelled, call.screen.emit)

    def send(self, kind: str, **fields: object) -> None:
        """Write one frame."""
        self.write(encode(kind, **fields))

    def write(self, frames: bytes) -> None:
        """Write whole frames, also where several threads write; nothing where there is none."""
        if not frames:
            return
        try:
            with self._writing:
                self._wire.sendall(frames)
        except OSError:  # the host is gone, and with it all reason to go on: have the reading thread notice
            with suppress(OSError):
                self._wire.shutdown(socket.SHUT_RDWR)

    def remind(self) -> None:
        """Have pending output shown a moment later."""
        try:
            os.write(self._wake_end, b"\0")
        except BlockingIOError:  # it has been reminded often enough
            return

    def finish(self, call: _Call, output: Output) -> None:
        """Answer a call."""
        with self._lock:
            self._calls.pop(call.id, None)
        fields = {"id": call.id, "content": output.content, "is_error": output.is_error, "details": output.details}
        try:
            result = encode("result", **fields)
        except WireError as error:
            fields = {"id": call.id, "content": f"the result cannot be sent: {error}", "is_error": True, "details": {}}
            result = encode("result", **fields)
        self.write(call.screen.rest() + result)

    def _flush(self) -> None:
        with self._lock:
            calls = list(self._calls.values())
        for call in calls:
            call.screen.flush()

    def _take(self, frame: "dict[str, Any]") -> None:
        if frame["frame"] == "cancel":
            self._cancel(frame["id"])
        elif frame["frame"] == "call":
            self._call(frame["id"], frame["tool"], frame["arguments"])
        elif frame["frame"] == "count_jobs":
            self._commands.jobs.number_after(frame["last"])
        elif frame["frame"] == "ask_job":
            self._begun.append(lambda: self._commands.jobs.answer(frame["id"], frame["job"], frame["action"]))
        else:
            raise WireError(f"{frame['frame']} goes from the worker to the host, not to the worker")

    def _cancel(self, identifier: str) -> None:
        with self._lock:
            call = self._calls.get(identifier)
        if call is not None:
            call.cancelled.set()
            self._commands.cancel(call.cancelled)

    def _call(self, identifier: str, tool: str, arguments: "dict[str, Any]") -> None:
        module = self._tools.get(tool)
        wrong = "" if module else f"there is no tool {tool!r}; there are {', '.join(self._tools)}"
        if module is not None:
            wrong = _wrong_arguments(module.SPEC["parameters"], arguments)
        if wrong or module is None:
            self.send("result", id=identifier, content=wrong, is_error=True, details={})
            return
        call = _Call(self, identifier, module, arguments)
        self._due = self._due or time.monotonic() + INTERVAL_S
        with self._lock:
            if identifier in self._calls:
                raise WireError(f"a call {identifier!r} is running already")
            self._calls[identifier] = call
            if module.SPEC["effect"] != "read":
                self._queue.append(call)
                if self._queue_busy:
                    return
                self._queue_busy = True
        self._begun.append(call.run if module.SPEC["effect"] == "read" else self._run_queue)

    def _run_queue(self) -> None:
        """Run the calls that change something, one at a time, in order."""
        while True:
            with self._lock:
                if not self._queue:
                    self._queue_busy = False
                    return
                call = self._queue.popleft()
            call.run()


def _wrong_arguments(parameters: "dict[str, Any]", arguments: "dict[str, Any]") -> str:
    """What the host's check should have refused, in words; empty where the names fit."""
    known = parameters.get("properties", {})
    unknown = [name for name in arguments if name not in known]
    missing = [name for name in parameters.get("required", ()) if name not in arguments]
    if unknown:
        return f"unknown argument {unknown[0]!r}; there are {', '.join(known)}"
    return f"the argument {missing[0]!r} is missing" if missing else ""
