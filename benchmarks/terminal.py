"""The REPL in a terminal: how long a key waits for its echo while a reply streams in."""

import fcntl
import os
import pty
import random
import select
import signal
import statistics
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.processes import TIMEOUT_S, Command, NotMeasured
from benchmarks.rows import Row
from benchmarks.sides import Bench, product_command

_LIMIT_MS = 16.0
_TOKENS_PER_S = 200
_SECONDS = 60
_KEYS = 150
_FILES = 100_000
_ECHOES = 0x4E00
"""Keys are characters from here on, each typed once: the first time that one is seen is its echo. Each is two columns wide."""

_WORDS = (
    "the",
    "loop",
    "reads",
    "each",
    "fact",
    "once",
    "and",
    "folds",
    "what",
    "a",
    "turn",
    "sends",
    "until",
    "it",
    "stops",
)


class Screen:
    """The program in a terminal of its own."""

    def __init__(self, command: Command) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self._process = subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env=command.env,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self._seen = b""

    def type(self, text: str) -> None:
        """Press keys."""
        self._seen = b""
        os.write(self._master, text.encode())

    def wait_for(self, text: str, timeout_s: float = TIMEOUT_S) -> float:
        """Read until this was drawn since the last ``type``; the time when it was there.

        Raises:
            NotMeasured: It does not come.
        """
        end = time.monotonic() + timeout_s
        while text.encode() not in self._seen:
            self.read(end - time.monotonic())
            if time.monotonic() > end:
                raise NotMeasured(f"{text!r} did not appear; at the end there was {self._seen[-300:]!r}")
        return time.perf_counter()

    def read(self, timeout_s: float) -> None:
        """Take what comes within so many seconds."""
        if select.select([self._master], [], [], max(timeout_s, 0))[0]:
            self._seen += os.read(self._master, 65536)

    def idle(self, seconds: float) -> None:
        """Take what comes, for so many seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read(end - time.monotonic())

    def close(self) -> None:
        """End the program."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._master)


@contextmanager
def _program(bench: Bench, cwd: Path) -> Iterator[Screen]:
    screen = Screen(product_command(bench, "--provider", "ollama", "-m", "bench", cwd=cwd))
    try:
        screen.wait_for("/help")
        screen.wait_for("lock")
        yield screen
    finally:
        screen.close()


def _answer() -> list[str]:
    """So many tokens as ``_SECONDS`` hold: paragraphs, a list and code, as models write them."""
    chance = random.Random(1)
    pieces: list[str] = []
    while len(pieces) < _SECONDS * _TOKENS_PER_S:
        pieces += [f" {chance.choice(_WORDS)}" for _ in range(60)] + ["\n", "\n"]
        for number in range(4):
            pieces += [f"{number + 1}", ".", " **", chance.choice(_WORDS), "**", " and", " `x`", "\n"]
        pieces += ["\n", "```", "python", "\n"]
        for _ in range(6):
            pieces += ["def", f" {chance.choice(_WORDS)}", "(x", "):", " return", " x", " + 1", "\n"]
        pieces += ["```", "\n", "\n"]
    return pieces


def _echoes(screen: Screen, keys: int, *, first: str = "", every_s: float = 0.06) -> list[float]:
    """Milliseconds from each key to its echo; after 20 of them the line is cleared, and begins with ``first`` again."""
    chance, taken = random.Random(2), []
    for number in range(keys):
        if number % 20 == 0:
            screen.type("\x03" if number else "")
            screen.idle(0.1)
            screen.type(first)
            screen.idle(0.2)
        key = chr(_ECHOES + number)
        began = time.perf_counter()
        screen.type(key)
        taken.append((screen.wait_for(key, 5) - began) * 1000)
        screen.idle(every_s * (0.5 + chance.random()))
    return taken


def _p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[98]


def _row(name: str, taken: Sequence[float], note: str) -> Row:
    return Row(
        name,
        "ms",
        _p99(taken),
        limit=_LIMIT_MS,
        note=f"{note}; half of {len(taken)} keys within {statistics.median(taken):.1f} ms, the slowest {max(taken):.1f} ms",
    )


def _while_streaming(bench: Bench, keys: int) -> Row:
    bench.server.stream(_answer(), gap_us=1_000_000 // _TOKENS_PER_S)
    with _program(bench, bench.folder("workspace")) as screen:
        screen.type("go on\r")
        screen.wait_for("fold")
        taken = _echoes(screen, keys)
        screen.type("\x03\x03")
    return _row("key to echo while 200 tokens/s stream, p99", taken, "a reply of prose, lists and code at 120 x 40")


def _among_files(bench: Bench, keys: int) -> Row:
    place = bench.folder("many")
    for number in range(_FILES):
        if number % 500 == 0:
            folder = place / f"part_{number // 5000}" / f"module_{number // 500}"
            folder.mkdir(parents=True, exist_ok=True)
        (folder / f"file_{number}.py").touch()
    bench.server.start(1)
    with _program(bench, place) as screen:
        taken = _echoes(screen, keys, first="@modu")
    return _row(
        "key to echo in @file among 100,000 files, p99", taken, "from the first moment on, while they are looked for"
    )


def terminal(bench: Bench) -> list[Row]:
    """What a person at the terminal feels."""
    keys = _KEYS if bench.rounds > 3 else _KEYS // 3
    return [_while_streaming(bench, keys), _among_files(bench, keys)]
