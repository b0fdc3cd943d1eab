"""What a streamed answer costs the REPL's process until it stands on the screen: ``answers.py``.

Run by the product's own interpreter: ``answer.py PIECES RATE SECONDS RESULT``. The pieces (JSON) are given to what the REPL
shows with, in a terminal of 100 by 40, as many a second as ``RATE`` says (0: all at once) and for ``SECONDS`` at most (0: all
of them). ``RESULT`` gets the CPU time in ms, from the first piece until all is written, and the wall time in seconds.
"""

import asyncio
import fcntl
import gc
import json
import os
import pty
import struct
import sys
import termios
import time
from pathlib import Path

from prompt_toolkit.completion import DummyCompleter

from py_mono.protocol.events import Envelope, Event, MessageFinished, StepStarted, TextDelta, TurnStarted
from py_mono.protocol.messages import AssistantMessage, UserMessage
from py_mono.security.redact import Redactor
from py_mono.ui.account import Account
from py_mono.ui.prompt import InputLine
from py_mono.ui.render import Renderer
from py_mono.ui.rendering.live import Live
from py_mono.ui.rendering.meter import Meter
from py_mono.ui.terminal import Screen

_LOADED_S = 1.0
_AT_ONCE = 20
"""Pieces between two turns of the event loop where none is waited for: what arrives together is read together."""


async def _stream(slave: int, pieces: list[str], rate: float, seconds: float) -> dict[str, float]:
    redact = Redactor(["sk-0123456789abcdefghij"])
    with os.fdopen(os.dup(slave), encoding="utf-8") as keys, os.fdopen(os.dup(slave), "w", encoding="utf-8") as shown:
        line = InputLine(keys, shown, history_file="", completer=DummyCompleter(), term="xterm-256color")
        screen = Screen(line.above, {"TERM": "xterm-256color"}, terminal=True, redact=redact)
        view = Renderer(screen, on_change=line.redraw)
        live = Live(view, Meter(lambda: "bench", Account()), line.redraw)
        line.pending, line.numbers = live.rows, live.numbers

        def emit(event: Event) -> None:
            envelope = Envelope(1, time.time(), event)
            view(envelope)
            live(envelope)

        async with line.shown():
            emit(TurnStarted(1, UserMessage("Explain it.")))
            emit(StepStarted(1, "bench", "00"))
            await asyncio.sleep(_LOADED_S)
            gc.collect()
            busy, began = time.process_time(), time.perf_counter()
            for number, piece in enumerate(pieces):
                emit(TextDelta(piece))
                if rate:
                    await asyncio.sleep(max(began + number / rate - time.perf_counter(), 0))
                elif number % _AT_ONCE == 0:
                    await asyncio.sleep(0)
                if seconds and time.perf_counter() - began > seconds:
                    break
            emit(MessageFinished(AssistantMessage("".join(pieces))))
            line.above.drain()
            return {"cpu_ms": (time.process_time() - busy) * 1000, "wall_s": time.perf_counter() - began}


def main() -> None:
    """Measure, with another process reading what is shown."""
    pieces = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    reader = os.fork()
    if not reader:
        os.close(slave)
        try:
            while os.read(master, 65536):
                pass
        except OSError:
            os._exit(0)
    os.close(master)
    taken = asyncio.run(_stream(slave, pieces, float(sys.argv[2]), float(sys.argv[3])))
    os.close(slave)
    os.waitpid(reader, 0)
    Path(sys.argv[4]).write_text(json.dumps(taken), encoding="utf-8")


if __name__ == "__main__":
    main()
