"""The host's end of the wire, against workers that lie, mumble and die."""

import asyncio
import os
import random
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from py_mono.protocol.errors import SandboxError, WorkerDied
from py_mono.sandbox.launch import Launched
from py_mono.sandbox.link import Link, checked_hello
from py_mono.sandbox.wire import encode

HELLO = encode("hello", tools=[], lock={}, error="", remedy="")


class Impostor:
    """The worker's end of everything, held by the test; the process is a real one that just sleeps."""

    def __init__(self) -> None:
        host, self.wire = socket.socketpair()
        report, self.report = os.pipe()
        errors, self.errors = os.pipe()
        self.pid = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
        self.link = Link(Launched(self.pid, host, report, errors))

    async def say(self, *frames: bytes) -> None:
        for frame in frames:
            try:
                await asyncio.get_running_loop().sock_sendall(self.wire, frame)
            except BrokenPipeError:  # the host has heard enough
                return
        await asyncio.sleep(0)

    async def end(self) -> None:
        os.write(self.report, b"%d\n" % self.pid)
        os.close(self.report)
        self.wire.close()
        await self.link.end()
        os.close(self.errors)


@pytest.fixture
async def impostor() -> AsyncIterator[Impostor]:
    impostor = Impostor()
    impostor.wire.settimeout(0)
    yield impostor
    await impostor.end()


def ignore(_text: str) -> None:
    pass


async def test_a_result_reaches_its_call_and_output_comes_before_it(impostor: Impostor) -> None:
    heard: list[str] = []
    first = impostor.link.call("1", "shell", {}, heard.append)
    second = impostor.link.call("2", "shell", {}, ignore)
    await impostor.say(
        HELLO,
        encode("result", id="2", content="two", is_error=True, details={}),
        encode("output", id="1", text="a"),
        encode("result", id="1", content="one", is_error=False, details={}),
        encode("output", id="1", text="too late"),
    )
    assert [(await first)["content"], (await second)["content"], heard] == ["one", "two", ["a"]]
    assert impostor.link.dead is None


@pytest.mark.parametrize(
    "lie",
    [
        b"\n",
        b"Traceback (most recent call last):\n",
        HELLO + HELLO,
        encode("call", id="1", tool="shell", arguments={}),
        encode("cancel", id="1"),
        encode("result", id="nobody's", content="", is_error=False, details={}),
        b'{"frame":"result","id":"1"}\n',
    ],
)
async def test_a_worker_that_lies_is_dead_to_everyone_who_waits(impostor: Impostor, lie: bytes) -> None:
    call = impostor.link.call("1", "shell", {}, ignore)
    await impostor.say(lie)
    with pytest.raises(WorkerDied, match="it sent what is no frame") as died:
        await call
    assert died.value.remedy
    with pytest.raises(WorkerDied):
        impostor.link.call("2", "shell", {}, ignore)


async def test_what_a_dying_worker_says_on_stderr_is_told(impostor: Impostor) -> None:
    os.write(impostor.errors, b"MemoryError: no room\n")
    impostor.wire.shutdown(socket.SHUT_RDWR)
    with pytest.raises(WorkerDied, match="MemoryError: no room"):
        await impostor.link.hello


async def test_a_worker_that_floods_stderr_does_not_stand_still(impostor: Impostor) -> None:
    os.set_blocking(impostor.errors, False)
    written = 0
    while written < 1_000_000:
        try:
            written += os.write(impostor.errors, b"x" * 65536)
        except BlockingIOError:
            await asyncio.sleep(0)
    await impostor.say(HELLO)
    assert (await impostor.link.hello)["tools"] == []


async def test_a_big_call_waits_for_a_slow_worker_without_holding_up_the_host(impostor: Impostor) -> None:
    impostor.link.call("1", "write_file", {"content": "x" * 5_000_000}, ignore).cancel()
    call = impostor.link.cancel("1")
    assert call is not None
    received = b""
    while received.count(b"\n") < 2:
        received += await asyncio.get_running_loop().sock_recv(impostor.wire, 1 << 20)
    assert len(received) > 5_000_000
    await impostor.say(encode("result", id="1", content="done", is_error=False, details={}))
    assert (await call)["content"] == "done"


async def test_a_result_that_comes_before_the_cancellation_is_sent_is_kept(impostor: Impostor) -> None:
    impostor.link.call("1", "shell", {}, ignore).cancel()
    await impostor.say(HELLO, encode("result", id="1", content="done", is_error=False, details={}))
    await impostor.link.hello
    late = impostor.link.cancel("1")
    assert late is not None
    assert (await late)["content"] == "done"
    assert impostor.link.cancel("1") is None


async def test_a_call_that_is_cancelled_at_a_dead_worker_is_lost(impostor: Impostor) -> None:
    impostor.link.call("1", "shell", {}, ignore).cancel()
    impostor.wire.shutdown(socket.SHUT_RDWR)
    with pytest.raises(WorkerDied):
        await impostor.link.hello
    assert impostor.link.cancel("1") is None


async def test_broken_streams_leave_an_answer_or_a_dead_link() -> None:
    chance = random.Random(3)
    whole = (
        HELLO
        + encode("output", id="1", text="x" * 50)
        + encode("result", id="1", content="", is_error=False, details={})
    )
    for _ in range(150):
        impostor = Impostor()
        impostor.wire.settimeout(0)
        broken = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        call = impostor.link.call("1", "shell", {}, ignore)
        await impostor.say(bytes(broken))
        impostor.wire.shutdown(socket.SHUT_RDWR)
        outcome: Any = (await asyncio.gather(call, return_exceptions=True))[0]
        assert isinstance(outcome, WorkerDied | dict)
        await impostor.end()


def test_a_lock_that_cannot_be_had_is_an_error_with_its_remedy() -> None:
    with pytest.raises(SandboxError, match="no Landlock") as refused:
        checked_hello({"error": "no Landlock", "remedy": "use a newer kernel"})
    assert refused.value.remedy == "use a newer kernel"
