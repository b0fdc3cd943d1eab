"""Ten thousand frames for the worker's server, and hundreds for a real worker: each call is answered once, none is lost."""

import asyncio
import json
import random
import socket
from collections import Counter
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from py_mono.sandbox.launch import Launcher
from py_mono.sandbox.wire import FrameReader, encode
from py_mono.tools.builtin.context import Context, Output, ToolFailure
from tests.sandbox.test_fuzz_link import LEAVES, meant
from tests.sandbox.test_server import Served, tool

FRAMES = 10_000
TOOLS = ("reads", "writes", "fails", "talks", "", "nobody", "shell\n")


def reads(_context: Context, x: Any = None) -> Output:
    return Output(str(x)[:50])


def fails(_context: Context, x: Any = None) -> Output:
    raise ToolFailure(str(x)[:50])


def talks(context: Context, x: Any = None) -> Output:
    context.emit(str(x)[:50])
    return Output("", details={"x": x})


def asked(chance: random.Random, number: int) -> bytes:
    """A frame from the host of the right form; ids are used once, but for a few."""
    identifier = str(number) if chance.random() < 0.97 else str(chance.randrange(number + 1))
    if chance.random() < 0.2:
        return encode("cancel", id=identifier)
    if chance.random() < 0.1:
        return encode("count_jobs", last=chance.choice([0, -1, 7, 10**30]))
    if chance.random() < 0.1:
        return encode(
            "ask_job", id=f"j{number}", job=chance.choice([1, -1, 10**30]), action=chance.choice(["kill", ""])
        )
    names = chance.choice([["x"], [], ["y"], ["x", "__class__"], [""]])
    return encode(
        "call", id=f"c{number}", tool=chance.choice(TOOLS), arguments={name: chance.choice(LEAVES) for name in names}
    )


def spoilt(chance: random.Random, line: bytes) -> bytes:
    """The same with some bytes changed, removed or added; still one line."""
    broken = bytearray(line[:-1])
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(broken) + 1)
        match chance.randrange(3):
            case 0:
                broken[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del broken[at : at + chance.randint(1, 30)]
            case _:
                broken[at:at] = chance.choice(
                    [b"[" * 3000, b"9" * 5000, b'"\\ud800"', b"NaN", b"\x00", chance.randbytes(9)]
                )
    return bytes(broken).replace(b"\n", b" ") + b"\n"


def served() -> Served:
    return Served(reads=tool(reads), writes=tool(reads, "write"), fails=tool(fails, "write"), talks=tool(talks))


class Listener(Thread):
    """Reads what a server says while it is asked, as the host does: how many results each id got."""

    def __init__(self, one: Served, results: int) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        self._wire, self._wanted = one.wire, results
        self.start()

    def run(self) -> None:
        reader = FrameReader()
        with suppress(ConnectionError):  # it hung up in the middle of what was asked
            while self.found.total() < self._wanted and (piece := self._wire.recv(1 << 20)):
                self.found.update(frame["id"] for frame in reader.feed(piece) if frame["frame"] == "result")


def hang_up_at_its_end(one: Served) -> None:
    """What the end of the server's process does to its wire."""
    one.thread.join()
    one._theirs.shutdown(socket.SHUT_RDWR)


def calls_in(stream: bytes) -> list[str]:
    """The ids of the calls a server must take from a stream, up to the first line that is no frame for it."""
    found = []
    for line in stream.split(b"\n")[:-1]:
        frame = meant(line)
        if frame is None or frame["frame"] not in {"call", "cancel", "count_jobs", "ask_job"}:
            break
        if frame["frame"] in {"call", "ask_job"}:
            found.append(frame["id"])
    return found


def test_ten_thousand_sound_frames_are_each_answered_once() -> None:
    chance = random.Random(23)
    for start in range(0, FRAMES, 500):
        stream = b"".join(asked(chance, number) for number in range(start, start + 500))
        one, wanted = served(), Counter(calls_in(stream))
        listener = Listener(one, wanted.total())
        one.ask(stream)
        listener.join(40)
        one.close()
        assert listener.found == wanted


def test_ten_thousand_spoilt_frames_end_the_server_in_order_and_answer_nothing_nobody_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    chance = random.Random(29)
    sent = refused = 0
    while sent < FRAMES:
        lines = [asked(chance, number) for number in range(40)]
        lines[chance.randrange(40) :] = [spoilt(chance, line) for line in lines[:60]]
        one = served()
        asked_for = Counter(calls_in(b"".join(lines)))
        listener = Listener(one, FRAMES)
        Thread(target=hang_up_at_its_end, args=(one,)).start()
        with suppress(ConnectionError):  # it may have hung up
            one.ask(b"".join(lines))
            one.wire.shutdown(socket.SHUT_WR)
        one.thread.join(30)
        listener.join(30)
        assert (one.thread.is_alive(), listener.is_alive()) == (False, False)
        assert listener.found <= asked_for
        one.close()
        sent += len(lines)
        refused += "the host sent what is no frame" in capsys.readouterr().err
    assert refused > 150


async def test_a_real_worker_answers_every_sound_frame_and_ends_at_the_first_spoilt_one(tmp_path: Path) -> None:
    chance = random.Random(31)
    launcher = Launcher(str(tmp_path))
    launched = launcher.start()
    reader, writer = await asyncio.open_connection(sock=launched.wire, limit=1 << 26)
    assert json.loads(await reader.readline())["frame"] == "hello"
    names = ("read_file", "list_files", "edit_file", "write_file", "nobody")
    arguments = ("path", "offset", "content", "old_content", "new_content", "recursive", "x")
    wanted = Counter[str]()
    for number in range(1000):
        given = {name: chance.choice(LEAVES) for name in arguments if chance.random() < 0.4}
        writer.write(encode("call", id=str(number), tool=chance.choice(names), arguments=given))
        wanted[str(number)] += 1
        if chance.random() < 0.1:
            writer.write(encode("cancel", id=str(chance.randrange(number + 1))))
    found = Counter[str]()
    while found.total() < wanted.total():
        frame = json.loads(await asyncio.wait_for(reader.readline(), 30))
        if frame["frame"] == "result":
            found[frame["id"]] += 1
            assert "Traceback" not in frame["content"]
    assert found == wanted
    writer.write(b'{"frame":"result"}\n')
    assert await asyncio.wait_for(reader.read(), 30) == b""
    writer.close()
    launcher.close()
