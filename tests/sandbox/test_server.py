"""The worker's end of the wire: frames in, answers out, whatever comes."""

import os
import random
import socket
import time
from threading import Event, Thread
from types import ModuleType
from typing import Any

import pytest

from py_mono.sandbox.commands import WorkerCommands
from py_mono.sandbox.server import Server
from py_mono.sandbox.wire import FrameReader, encode
from py_mono.tools.builtin.context import Context, Output, ToolFailure
from py_mono.tools.builtin.reads import ReadLog


def tool(run: Any, effect: str = "read") -> ModuleType:
    module = ModuleType("tool")
    vars(module)["SPEC"] = {
        "name": "tool", "description": "", "parameters": {"properties": {"x": {}}, "required": []}, "effect": effect,
    }  # fmt: skip
    vars(module)["run"] = run
    return module


class Served:
    """A server in threads of this process; the test is its host."""

    def __init__(self, **tools: ModuleType) -> None:
        self.wire, theirs = socket.socketpair()
        self._theirs = theirs
        self._pairs = [*socket.socketpair(), *socket.socketpair()]
        commands = WorkerCommands(self._pairs[0], self._pairs[2], {})
        self.server = Server(theirs, tools, commands, lambda cancelled, emit: self.context(commands, cancelled, emit))
        self.thread = Thread(target=self.server.serve, args=({},))
        self.thread.start()
        self.reader = FrameReader()
        self.frames: list[dict[str, Any]] = []

    @staticmethod
    def context(commands: WorkerCommands, cancelled: Event, emit: Any) -> Context:
        return Context(
            workspace="/", commands=commands, reads=ReadLog(), emit=emit, cancelled=cancelled, private_tmp="/nowhere"
        )

    def ask(self, *frames: bytes) -> None:
        for frame in frames:
            self.wire.sendall(frame)

    def until(self, results: int) -> list[dict[str, Any]]:
        """All frames up to a number of results."""
        while sum(frame["frame"] == "result" for frame in self.frames) < results:
            piece = self.wire.recv(65536)
            assert piece, "it hung up"
            self.frames += self.reader.feed(piece)
        return self.frames

    def close(self) -> None:
        self.wire.shutdown(socket.SHUT_WR)
        self.thread.join()
        self.wire.close()
        self._theirs.close()
        for end in self._pairs:
            end.close()
        for pipe in (self.server, self.server._commands.jobs):  # a worker ends with its process, which closes these
            os.close(pipe._wake)
            os.close(pipe._wake_end)


def call(identifier: str, name: str = "tool", **arguments: Any) -> bytes:
    return encode("call", id=identifier, tool=name, arguments=arguments)


def leave(_context: Context) -> Output:
    raise SystemExit(3)


def refuse(_context: Context) -> Output:
    raise ToolFailure("no such line; there are 3")


def sink(context: Context) -> Output:
    return sink(context)


@pytest.mark.parametrize(
    ("run", "content"),
    [
        (leave, "the tool failed unexpectedly: SystemExit: 3"),
        (refuse, "no such line; there are 3"),
        (sink, "the tool failed unexpectedly: RecursionError"),
        (lambda _context: 1 / 0, "the tool failed unexpectedly: ZeroDivisionError: division by zero"),
        (lambda _context: "text", "the tool failed unexpectedly: TypeError: it returned str instead of Output"),
        (lambda _context: Output("", details={"x": float("nan")}), "the result cannot be sent"),
        (lambda _context: Output("", details={"x": object()}), "the result cannot be sent"),
    ],
)
def test_a_tool_that_fails_in_any_way_is_an_answer_and_the_next_call_works(run: Any, content: str) -> None:
    served = Served(tool=tool(run), fine=tool(lambda _context: Output("fine")))
    try:
        served.ask(call("1"), call("2", "fine"))
        results = {frame["id"]: frame for frame in served.until(2) if frame["frame"] == "result"}
    finally:
        served.close()
    assert results["1"]["content"].startswith(content)
    assert "Traceback" not in results["1"]["content"]
    assert results["1"]["is_error"]
    assert results["2"]["content"] == "fine"


def test_calls_that_write_wait_for_each_other_and_those_that_read_do_not() -> None:
    go, log = Event(), []

    def write(_context: Context, x: int) -> Output:
        log.append(f"start {x}")
        go.wait()
        log.append(f"end {x}")
        return Output("")

    def read(_context: Context) -> Output:
        log.append("read")
        go.set()
        return Output("")

    served = Served(write=tool(write, "write"), read=tool(read))
    try:
        served.ask(call("1", "write", x=1), call("2", "write", x=2), call("3", "read"))
        served.until(3)
    finally:
        served.close()
    log.remove("read")
    assert log == ["start 1", "end 1", "start 2", "end 2"]


def test_cancel_sets_the_calls_own_event() -> None:
    def wait(context: Context) -> Output:
        context.cancelled.wait()
        return Output("stopped")

    served = Served(tool=tool(wait))
    try:
        served.ask(call("1"), call("2"), encode("cancel", id="unknown"), encode("cancel", id="2"))
        assert [frame["id"] for frame in served.until(1) if frame["frame"] == "result"] == ["2"]
        served.ask(encode("cancel", id="1"))
        served.until(2)
    finally:
        served.close()


def test_a_flood_for_the_screen_is_shown_in_part_and_its_end_whole() -> None:
    def flood(context: Context) -> Output:
        for number in range(100_000):
            context.emit(f"line {number}\n")
        return Output("done")

    served = Served(tool=tool(flood))
    try:
        served.ask(call("1"))
        shown = [frame["text"] for frame in served.until(1) if frame["frame"] == "output"]
    finally:
        served.close()
    assert "characters not shown]" in "".join(shown)
    assert shown[-1].endswith("line 99998\nline 99999\n")
    assert max(map(len, shown)) < 17_000


def test_a_piece_that_waits_is_shown_before_the_call_ends() -> None:
    go = Event()

    def talk(context: Context) -> Output:
        context.emit("a")
        context.emit("b")
        go.wait()
        return Output("")

    served = Served(tool=tool(talk))
    try:
        served.ask(call("1"))
        texts = ""
        while texts != "ab":
            served.frames += served.reader.feed(served.wire.recv(65536))
            texts = "".join(frame["text"] for frame in served.frames if frame["frame"] == "output")
        go.set()
        served.until(1)
    finally:
        go.set()
        served.close()


def test_a_piece_of_a_call_that_waited_in_line_is_shown_before_it_ends() -> None:
    gates = {"1": Event(), "2": Event()}

    def run(context: Context, x: str) -> Output:
        if x == "2":
            context.emit("on")
        gates[x].wait()
        return Output(x)

    served = Served(tool=tool(run, "write"))
    served.ask(call("1", x="1"))
    time.sleep(0.1)  # what is done for a call's first output is done for this one
    served.ask(call("2", x="2"))
    gates["1"].set()
    while not any(frame["frame"] == "output" for frame in served.frames):
        served.frames += served.reader.feed(served.wire.recv(65536))
    assert [frame.get("text", "") for frame in served.frames if frame["frame"] == "output"] == ["on"]
    gates["2"].set()
    assert [frame["id"] for frame in served.until(2) if frame["frame"] == "result"] == ["1", "2"]
    served.close()


def test_broken_streams_end_the_server_and_never_hang_it(capsys: pytest.CaptureFixture[str]) -> None:
    chance = random.Random(5)
    whole = call("1", x="y" * 40) + encode("cancel", id="1") + call("2", x=1)
    for _ in range(300):
        broken = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        served = Served(tool=tool(lambda _context, x=0: Output(str(x))))
        served.ask(bytes(broken))
        served.close()
    assert "the host sent what is no frame" in capsys.readouterr().err
