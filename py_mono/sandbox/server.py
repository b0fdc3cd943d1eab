"""GUEST. The server process of a worker: reads frames in one thread, runs each call in another."""

import _thread
import os
import select
import socket
import sys
import time
from collections import deque
from contextlib import suppress
from threading import Event, Lock

from py_mono.sandbox.wire import FrameReader, WireError, encode
from py_mono.tools.builtin.context import Context, Output, ToolFailure

TYPE_CHECKING = False  # spelled out: importing typing costs the worker 4 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType
    from typing import Any

    from py_mono.sandbox.commands import WorkerCommands

_PIECE = 65536
_PENDING_LIMIT = 16_384  # characters of output a call may have waiting for the screen
_INTERVAL_S = 0.03  # between two output frames of a call


class _Screen:
    """The output of one call on its way to the screen: frames at most every 30 ms, and of a flood only its end."""

    def __init__(self, call: "_Call") -> None:
        self._call = call
        self._lock = Lock()
        self._pending = ""
        self._dropped = 0
        self._sent_at = 0.0
        self._reminded = False

    def emit(self, text: str) -> None:
        """Take a piece; show it now where the last one is long enough ago."""
        with self._lock:
            self._pending += text
            over = len(self._pending) - _PENDING_LIMIT
            if over > 0:
                self._pending = self._pending[over:]
                self._dropped += over
            now = time.monotonic()
            if now - self._sent_at >= _INTERVAL_S:
                self._send(now)
                return
            reminded, self._reminded = self._reminded, True
        if not reminded:
            self._call.server.remind()

    def flush(self) -> None:
        """Show what is left."""
        with self._lock:
            self._send(time.monotonic())

    def _send(self, now: float) -> None:
        if not self._pending:
            return
        text, self._pending, self._reminded = self._pending, "", False
        if self._dropped:
            text = f"\n[{self._dropped} characters not shown]\n{text}"
            self._dropped = 0
        self._sent_at = now
        self._call.server.send("output", id=self._call.id, text=text)


class _Call:
    """One call that runs."""

    def __init__(self, server: "Server", identifier: str, module: "ModuleType", arguments: "dict[str, Any]") -> None:
        self.server = server
        self.id = identifier
        self.module = module
        self.arguments = arguments
        self.cancelled = Event()
        self.screen = _Screen(self)

    def run(self) -> None:
        """Run the tool and answer, whatever it does."""
        try:
            output = self._output()
        except ToolFailure as failure:
            output = Output(str(failure), is_error=True)
        except BaseException as error:  # noqa: BLE001 - a tool's bug, SystemExit included, must not take the worker along
            output = Output(f"the tool failed unexpectedly: {type(error).__name__}: {error}"[:1000], is_error=True)
        self.screen.flush()
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
        self._writing = Lock()
        self._calls: dict[str, _Call] = {}
        self._queue: deque[_Call] = deque()
        self._queue_busy = False
        self._lock = Lock()
        self._wake, self._wake_end = os.pipe()
        os.set_blocking(self._wake_end, False)

    def serve(self, lock: "dict[str, Any]") -> None:
        """Say hello, then answer calls until the host closes the wire or sends what is no frame."""
        self.send("hello", tools=[module.SPEC for module in self._tools.values()], lock=lock, error="", remedy="")
        reader = FrameReader()
        poll = select.poll()
        poll.register(self._wire, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        poll.register(self._commands.init, 0)  # reports a hang-up: without init there is no command, and no end of one
        due = 0.0  # when pending output is to be shown; 0 where there is none
        while True:
            wait = max(0.0, due - time.monotonic()) * 1000 if due else None
            ready = {descriptor for descriptor, _ in poll.poll(wait)}
            if due and time.monotonic() >= due:
                due = 0.0
                self._flush()
            if self._wake in ready:
                os.read(self._wake, 4096)
                due = due or time.monotonic() + _INTERVAL_S
            if self._commands.init in ready:
                return
            if self._wire.fileno() not in ready:
                continue
            try:
                piece = self._wire.recv(_PIECE)
                if not piece:
                    return
                for frame in reader.feed(piece):
                    self._take(frame)
            except ConnectionResetError:
                return
            except WireError as error:
                sys.stderr.write(f"the host sent what is no frame: {error}\n")
                return

    def context(self, call: _Call) -> Context:
        """What ``call`` may use."""
        return self._make_context(call.cancelled, call.screen.emit)

    def send(self, kind: str, **fields: object) -> None:
        """Write one frame; whole, also where several threads write."""
        line = encode(kind, **fields)
        try:
            with self._writing:
                self._wire.sendall(line)
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
            self.send("result", **fields)
        except WireError as error:
            self.send("result", id=call.id, content=f"the result cannot be sent: {error}", is_error=True, details={})

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
        with self._lock:
            if identifier in self._calls:
                raise WireError(f"a call {identifier!r} is running already")
            self._calls[identifier] = call
            if module.SPEC["effect"] != "read":
                self._queue.append(call)
                if self._queue_busy:
                    return
                self._queue_busy = True
        target = call.run if module.SPEC["effect"] == "read" else self._run_queue
        try:
            _thread.start_new_thread(target, ())
        except RuntimeError:  # the limit on processes is reached: another try, with the wait in line, may do
            target()

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
