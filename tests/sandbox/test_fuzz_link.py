"""Ten thousand frames of a forged worker: every call ends, each result is its own call's, and nothing is left over.

What should come of a stream is worked out here once more, from the five lines of prose that define the frames.
"""

import asyncio
import json
import random
from typing import Any

import pytest

from py_mono.protocol.errors import WorkerDied
from py_mono.protocol.jobs import JobStarted
from tests.sandbox.test_link import Impostor

FRAMES = 10_000
CALLS = 6
KINDS: dict[str, dict[str, type]] = {
    "hello": {"tools": list, "lock": dict, "error": str, "remedy": str},
    "call": {"id": str, "tool": str, "arguments": dict},
    "output": {"id": str, "text": str},
    "result": {"id": str, "content": str, "is_error": bool, "details": dict},
    "cancel": {"id": str},
    "job_started": {"job": int, "command": str, "output": str},
    "job_ended": {"job": int, "status": int, "reason": str, "size": int, "tail": str},
    "count_jobs": {"last": int},
    "ask_job": {"id": str, "job": int, "action": str},
}
LEAVES: list[Any] = [
    None,
    True,
    0,
    -1,
    1e308,
    10**30,
    "",
    "x",
    "1",
    "\x00\x1b[2J",
    "\u2028",
    "é" * 99,
    "x" * 70_000,
    [],
    {},
    [[[]]],
    {"a": {}},
]


def honest(chance: random.Random, number: int) -> dict[str, Any]:
    """A frame of the right form, its id mostly one that waits."""
    identifier = str(chance.choice([*range(1, CALLS + 1), *range(1, CALLS + 1), 0, 99, "é", ""]))
    kinds = ["output", "result", "job_started", "job_ended", "hello", "cancel", "call", "count_jobs", "ask_job"]
    kind = chance.choices(kinds, [60, 25, 5, 3, 3, 1, 1, 1, 1])[0]
    values: dict[str, Any] = {
        "id": identifier, "text": f"piece {number}", "content": f"for {identifier} {number}", "is_error": chance.random() < 0.5,
        "job": chance.choice([1, 1, 2, 3, 4, 0]), "command": "c", "status": chance.choice([0, 143]), "last": 1, "action": "kill",
        "reason": chance.choice(["exited", "stopped", "timed_out", "lost"]), "size": number, "tail": f"end {number}",
        "details": {"number": number}, "tools": [], "lock": {}, "error": "", "remedy": "", "tool": "shell", "arguments": {},
        "output": "/o",
    }  # fmt: skip
    return {"frame": kind, **{name: values[name] for name in KINDS[kind]}}


def forged(chance: random.Random, number: int) -> bytes:
    """A line; one in five is spoilt in its meaning, one in five in its bytes."""
    frame = honest(chance, number)
    spoilt = chance.random()
    if spoilt < 0.1:
        frame[chance.choice(list(frame))] = chance.choice(LEAVES)
    elif spoilt < 0.15:
        del frame[chance.choice(list(frame))]
    elif spoilt < 0.2:
        frame |= {"further": chance.choice(LEAVES), "frame ": "result"}
    line = bytearray(json.dumps(frame, ensure_ascii=chance.random() < 0.5).encode())
    if spoilt > 0.8:
        at = chance.randrange(len(line) + 1)
        match chance.randrange(5):
            case 0:
                line[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del line[at : at + chance.randint(1, 30)]
            case 2:
                line[at:at] = chance.randbytes(chance.randint(1, 30))
            case 3:
                line[at:at] = chance.choice(
                    [b"\n", b"\r", b"[" * 3000, b"9" * 5000, b'"\\ud800"', b"NaN", b"\xef\xbb\xbf", b"\x00"]
                )
            case _:
                line = bytearray(chance.randbytes(chance.randint(0, 60)))
    return bytes(line) + b"\n"


def meant(line: bytes) -> dict[str, Any] | None:
    """The frame in a line, or None where it is none."""
    try:
        frame = json.loads(line.decode(), parse_constant=lambda _: 1 / 0)
    except (ValueError, RecursionError, ZeroDivisionError):
        return None
    kind = (
        KINDS.get(str(frame.get("frame"))) if isinstance(frame, dict) and isinstance(frame.get("frame"), str) else None
    )
    if kind is None or any(type(frame.get(name)) is not wanted for name, wanted in kind.items()):
        return None
    return dict(frame)


class Expected:
    """What the host must make of a stream."""

    def __init__(self, stream: bytes) -> None:
        self.results: dict[str, dict[str, Any]] = {}
        self.heard: dict[str, list[str]] = {str(number): [] for number in range(1, CALLS + 1)}
        self.told: list[tuple[str, int]] = []
        self.running: set[int] = set()
        self.taken = 0
        greeted = False
        for line in stream.split(b"\n")[:-1]:
            frame = meant(line)
            if frame is None:
                return
            identifier = frame.get("id")
            waits = identifier in self.heard and identifier not in self.results
            if frame["frame"] == "hello" and not greeted:
                greeted = True
            elif frame["frame"] == "output":
                if waits:
                    self.heard[frame["id"]].append(frame["text"])
            elif frame["frame"] == "result" and waits:
                self.results[frame["id"]] = frame
            elif frame["frame"] in {"job_started", "job_ended"} and self.takes_job(frame):
                pass
            else:
                return
            self.taken += 1

    def takes_job(self, frame: dict[str, Any]) -> bool:
        """Whether a job can begin, or end, so: no more of them than calls, and each ends once, in a way there is."""
        job = frame["job"]
        if frame["frame"] == "job_started":
            begun = sum(kind == "started" for kind, _ in self.told)
            if begun == CALLS or len(self.results) == CALLS or job in self.running or not 0 < job < 2**31:
                return False
            self.running.add(job)
            self.told.append(("started", job))
            return True
        ways = {"exited", "stopped", "timed_out", "lost"}
        sound = 0 <= frame["status"] < 256 and 0 <= frame["size"] < 2**62 and frame["reason"] in ways
        if job not in self.running or not sound:
            return False
        self.running.discard(job)
        self.told.append(("ended", job))
        return True


async def session(chance: random.Random, lines: list[bytes]) -> int:
    """One worker's life: calls, the stream in pieces, its end; how many frames were taken."""
    impostor = Impostor()
    link, wire = impostor.link, impostor.wire
    wire.settimeout(0)
    heard: dict[str, list[str]] = {str(number): [] for number in range(1, CALLS + 1)}
    told: list[tuple[str, int]] = []
    link.jobs.tell = lambda event: told.append(("started" if isinstance(event, JobStarted) else "ended", event.job))
    calls = {name: link.call(name, "shell", {}, texts.append) for name, texts in heard.items()}
    stream = b"".join(lines)
    rest = stream
    while rest and not link.dead:
        size = chance.choice([1, 7, 100, 5_000, 300_000])
        try:
            await asyncio.get_running_loop().sock_sendall(wire, rest[:size])
        except OSError:
            break
        rest = rest[size:]
        if chance.random() < 0.3:
            link.cancel(str(chance.randint(1, CALLS)))
        await asyncio.sleep(0)
    wire.close()
    outcomes = dict(
        zip(calls, await asyncio.wait_for(asyncio.gather(*calls.values(), return_exceptions=True), 20), strict=True)
    )
    await impostor.end()
    expected = Expected(stream)
    assert {
        name: outcome for name, outcome in outcomes.items() if not isinstance(outcome, WorkerDied)
    } == expected.results
    assert heard == expected.heard
    assert told == [*expected.told, *(("ended", job) for job in sorted(expected.running))]
    with pytest.raises(WorkerDied):
        link.call("later", "shell", {}, print)
    return expected.taken


async def test_ten_thousand_forged_frames_never_reach_another_call_and_leave_none_waiting() -> None:
    chance = random.Random(17)
    sent = taken = sessions = 0
    while sent < FRAMES:
        lines = [forged(chance, sent + number) for number in range(chance.choice([1, 5, 20, 200]))]
        if chance.random() < 0.7:  # else it would mostly end at the first spoilt one
            good = [line for line in lines if Expected(line).taken]
            lines = [*good, *lines[-3:]]
        taken += await session(chance, lines)
        sent += len(lines)
        sessions += 1
    assert taken > 500
    assert sessions > 100
