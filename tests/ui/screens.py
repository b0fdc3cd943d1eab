"""The test program in a real terminal, with a screen to look at."""

import os
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pexpect
import pyte
import pytest

PROGRAM = Path(__file__).with_name("repl_program.py")
ROOT = Path(__file__).parents[2]
LIMIT_S = 12


class Terminal:
    """The program in a real terminal, with a screen to look at."""

    def __init__(self, folder: Path, columns: int, rows: int, *, around: str = "", **environment: str) -> None:
        """``around`` is a shell's line round ``PROGRAM``, run with job control."""
        program = shlex.join([sys.executable, str(PROGRAM)])
        arguments = ["-mc", around.replace("PROGRAM", program)] if around else [str(PROGRAM)]

        self.screen = pyte.HistoryScreen(columns, rows, history=1000)
        self.raw = ""
        self._stream = pyte.Stream(self.screen)
        self.child = pexpect.spawn(
            "bash" if around else sys.executable,
            arguments,
            dimensions=(rows, columns),
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "TERM": "xterm-256color",
                "LANG": "C.UTF-8",
                "PYTHONPATH": str(ROOT),
                "TEST_HISTORY": str(folder / "history"),
                **environment,
            },
            encoding="utf-8",
            timeout=LIMIT_S,
            use_poll=True,
        )
        self.child.delaybeforesend = None

    def pump(self) -> None:
        try:
            data = self.child.read_nonblocking(65536, timeout=0.05)
        except (pexpect.TIMEOUT, pexpect.EOF):
            return
        self.raw += data
        self._stream.feed(data)

    def lines(self) -> list[str]:
        past = ["".join(line[column].data for column in range(self.screen.columns)) for line in self.screen.history.top]
        return [line.rstrip() for line in [*past, *self.screen.display]]

    def text(self) -> str:
        return "\n".join(self.lines())

    def wait(self, seen: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + LIMIT_S
        while not seen():
            self.pump()
            if time.monotonic() > end:
                pytest.fail(f"{what} did not come; the screen is:\n{self.text()}")

    def wait_for(self, text: str) -> None:
        self.wait(lambda: text in self.text(), repr(text))

    def input_line(self) -> str:
        """What stands in the row of the cursor."""
        return str(self.screen.display[self.screen.cursor.y]).rstrip()

    def wait_input(self, text: str) -> None:
        self.wait(lambda: self.input_line() == text, f"the input line {text!r}")

    def type(self, keys: str) -> None:
        self.child.send(keys)

    def say(self, text: str) -> None:
        self.type(text)
        self.wait(lambda: text[-5:] in self.input_line(), f"{text!r} in the line")
        self.type("\r")

    def resize(self, rows: int, columns: int) -> None:
        self.child.setwinsize(rows, columns)
        self.screen.resize(rows, columns)

    def status(self) -> int:
        end = time.monotonic() + LIMIT_S
        while self.child.isalive() and time.monotonic() < end:
            self.pump()
        self.pump()
        self.child.close()
        assert self.child.exitstatus is not None, self.text()
        return int(self.child.exitstatus)


Start = Callable[..., Terminal]
