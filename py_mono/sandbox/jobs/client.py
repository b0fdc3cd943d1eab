"""GUEST. The command ``job``, with which the tools' own commands look at background commands, wait for them and end them.

A command cannot signal another one's processes, so it asks the supervisor; see ``supervise``. Run as a program of its
own, it imports nothing of ours.
"""

import os
import re
import select
import sys
from contextlib import suppress

TYPE_CHECKING = False  # spelled out: importing typing costs 4 ms
if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = "PY_MONO_JOBS"
"""The variable that names the folder of the logs; ``commands`` sets it."""

USAGE = "usage: job (list) | job N (its last output) | job wait N | job kill N"
_LOG = re.compile(r"job-([1-9][0-9]{0,8})\.log")
_NUMBER = re.compile(r"%?([1-9][0-9]{0,8})")
_CODE = re.compile(rb"\[ended: (?:[a-z ]+, )?exit code (\d{1,3}) after \d+ s\]\n\Z")
_SHOWN = {"": 8192, "wait": 2048, "kill": 512}
"""How many bytes of a log are shown."""
_COMMAND = 200  # bytes of a command
_LOST = 137  # what a shell says of a killed program


def main(arguments: "Sequence[str]") -> int:
    """Do what is asked; the exit status: 2 for a wrong use, 1 for a job there is not, the job's own where it was waited for."""
    words = [word for word in arguments if word in {"wait", "kill"}]
    numbers = [found[1] for word in arguments if (found := _NUMBER.fullmatch(word))]
    os.chdir(os.environ[FOLDER])
    if not arguments or list(arguments) == ["list"]:
        return _list()
    if len(words) + len(numbers) != len(arguments) or len(numbers) != 1 or len(words) > 1:
        sys.stderr.write(USAGE + "\n")
        return 2
    number = int(numbers[0])
    if number not in _jobs():
        sys.stderr.write(f"job: there is no job {number}; there are: {', '.join(map(str, _jobs())) or 'none'}\n")
        return 1
    word = words[0] if words else ""
    if word:
        _wait(number, word)
    code = _show(number, _SHOWN[word])
    return code if word == "wait" else 0


def _jobs() -> list[int]:
    return sorted(int(found[1]) for name in os.listdir() if (found := _LOG.fullmatch(name)))


def _list() -> int:
    for number in _jobs():
        ending = _tail(number, 256).rpartition(b"\n[")[2].decode("utf-8", "replace").strip().rstrip("]")
        ended = ending if ending.startswith("ended: ") else "ended"
        state = f"runs: {_command(number)}" if _runs(number) else ended
        sys.stdout.write(f"job {number} {state}\n")
    return 0


def _command(number: int) -> str:
    with suppress(OSError), open(f"job-{number}.command", "rb") as file:
        return file.read(_COMMAND).decode("utf-8", "replace")
    return "?"


def _show(number: int, size: int) -> int:
    """Print the end of a log and whether the job runs; its exit status, 0 while it runs."""
    tail = _tail(number, size)
    sys.stdout.buffer.write(tail)
    sys.stdout.buffer.flush()
    if _runs(number):
        sys.stdout.write(f"[job {number} runs on]\n")
        return 0
    found = _CODE.search(tail)
    if found is None:
        sys.stdout.write(f"[job {number} ended]\n")
        return _LOST
    return int(found[1])


def _tail(number: int, size: int) -> bytes:
    """The last lines of a log, at most so many bytes."""
    with suppress(OSError), open(f"job-{number}.log", "rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - size))
        text = file.read(size)
        return text if end <= size else text[text.find(b"\n", 0, -1) + 1 :]
    return b""


def _door(number: int) -> int:
    """The way to the supervisor; -1 where there is none any more."""
    try:
        return os.open(f"job-{number}.door", os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return -1


def _runs(number: int) -> bool:
    door = _door(number)
    if door >= 0:
        os.close(door)
    return door >= 0


def _wait(number: int, word: str) -> None:
    """Wait for its end; first ask for it, where the word is ``kill``."""
    door = _door(number)
    if door < 0:
        return
    if word == "kill":
        with suppress(BlockingIOError):  # somebody filled it: the supervisor hears them first
            os.write(door, b"kill")
    poll = select.poll()
    poll.register(door, 0)  # tells, unasked, that nobody reads any more
    poll.poll()


if __name__ == "__main__":
    with suppress(BrokenPipeError, KeyboardInterrupt):
        sys.exit(main(sys.argv[1:]))
