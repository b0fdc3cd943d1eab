"""Another provider in mid-session: Enter is pressed behind ``/provider``, until the reply is on the terminal."""

import fcntl
import os
import select
import struct
import termios
import time

import pyte

from benchmarks.processes import NotMeasured, end_orphans, stop_and_count
from benchmarks.rows import Row, median
from benchmarks.sides import Bench, product_command
from benchmarks.startup import EmulatedScreen, await_prompt

_NAMES = ("openai", "ollama", "groq", "anthropic", "ollama", "gemini")
"""In this order: the first cloud begins to load LiteLLM, beside which the next ones are chosen."""

_KEYS = {f"{name.upper()}_API_KEY": "key-of-the-benchmark" for name in ("openai", "groq", "anthropic", "gemini")}
_LOOK_S = 20.0


def switching(bench: Bench) -> list[Row]:
    """The slowest switch of a session, and the first one to a cloud by itself."""
    _session(bench)  # fills the disk's cache
    runs = [_session(bench) for _ in range(bench.best_of)]
    every = sorted(taken for run in runs for taken in run)
    note = (
        f"of {len(_NAMES)} in each of {len(runs)} sessions; the first, to a cloud, with what begins to load LiteLLM: "
        f"{median([run[0] for run in runs]):.1f} ms; half of all within {median(every):.1f} ms, the slowest {every[-1]:.1f} ms"
    )
    return [Row("a switch of provider, the slowest", "ms", median([max(run) for run in runs]), limit=50, note=note)]


def _session(bench: Bench) -> list[float]:
    """One session's switches, in ms each."""
    command = product_command(bench)
    env = {**command.env, **_KEYS, "COLUMNS": "80", "LINES": "24"}
    pid, terminal = os.forkpty()
    if pid == 0:
        try:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
            os.chdir(command.cwd)
            os.execve(command.argv[0], command.argv, env)
        finally:
            os._exit(127)
    try:
        seen = _Seen(terminal)
        await_prompt(terminal)
        return [_switch(seen, name, f"m{number}") for number, name in enumerate(_NAMES)]
    finally:
        stop_and_count(pid)
        os.close(terminal)
        end_orphans()


def _switch(seen: "_Seen", name: str, model: str) -> float:
    for key in f"/provider {name} {model}":  # as a person does: what is pasted is drawn at once
        seen.write(key)
        time.sleep(0.01)
    seen.wait_for(model)
    started = time.perf_counter()
    seen.write("\r")
    seen.wait_for(f"using model '{model if name == 'ollama' else f'{name}/{model}'}'")
    return (time.perf_counter() - started) * 1000


class _Seen:
    """What the terminal shows."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._screen = EmulatedScreen(terminal)
        self._stream = pyte.ByteStream(self._screen)

    def write(self, keys: str) -> None:
        """Press keys."""
        os.write(self._terminal, keys.encode())

    def wait_for(self, words: str) -> None:
        """Read what the program draws until these words stand there.

        Raises:
            NotMeasured: They do not come.
        """
        until = time.monotonic() + _LOOK_S
        while (left := until - time.monotonic()) > 0 and select.select([self._terminal], [], [], left)[0]:
            try:
                self._stream.feed(os.read(self._terminal, 65536))
            except OSError:  # how Linux says that the other side has ended
                break
            if any(words in line for line in self._screen.display):
                return
        shown = "\n".join(line.rstrip() for line in self._screen.display).strip()
        raise NotMeasured(f"{words!r} does not appear, only {shown[-600:]!r}")
