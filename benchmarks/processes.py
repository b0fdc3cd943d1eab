"""Starting a program and measuring it: when it ended, and what it and all its descendants spent."""

import contextlib
import ctypes
import os
import re
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 180.0
_PR_SET_CHILD_SUBREAPER = 36
_CPUCLOCK_SCHED = 2  # <linux/posix-timers.h>: run time in ns of a whole process
_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


class NotMeasured(Exception):
    """A number could not be had; the text says why."""


@dataclass(frozen=True)
class Command:
    """What to start, where, and with which environment (all of it)."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]


@dataclass(frozen=True)
class Ended:
    """How a program ended; times as ``time.monotonic_ns()``. ``cpu_ms`` holds the children it waited for."""

    started: int
    ended: int
    cpu_ms: float

    @property
    def wall_ms(self) -> float:
        """From just before it was started to its end."""
        return (self.ended - self.started) / 1e6


def become_subreaper() -> None:
    """Inherit orphans, so that what outlives a measured program is seen and ended, not left to the machine."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise NotMeasured("prctl(PR_SET_CHILD_SUBREAPER) failed")


class Running:
    """A program that was started; its output is kept for the case that it fails."""

    def __init__(self, command: Command) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by _end
        self._name = Path(command.argv[0]).name
        self.started = time.monotonic_ns()
        self._process = subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env=command.env,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.pid = self._process.pid

    def ended_within(self, seconds: float) -> bool:
        """Wait for its end without polling (``Popen.wait`` with a timeout sleeps in steps of up to 50 ms)."""
        return _ended_within(self.pid, seconds)

    def wait(self) -> Ended:
        """Wait for its end.

        Raises:
            NotMeasured: It failed, or took longer than ``TIMEOUT_S``.
        """
        in_time = self.ended_within(TIMEOUT_S)
        ended = time.monotonic_ns()
        if not in_time:
            os.kill(self.pid, signal.SIGKILL)
        cpu_ms, code = _reap(self.pid)
        output = self._end(code)
        if code != 0:
            why = f"exit status {code}" if in_time else f"no end in {TIMEOUT_S:.0f} s"
            raise NotMeasured(f"{self._name}: {why}: {output[-600:]!r}")
        return Ended(self.started, ended, cpu_ms)

    def stop_and_count(self) -> float:
        """What it and its descendants, living and waited for, have spent until now, in ms of CPU; ends them all."""
        spent = stop_and_count(self.pid)
        self._end(-signal.SIGKILL)
        return spent

    def _end(self, code: int) -> str:
        self._process.returncode = code
        end_orphans()
        self._output.seek(0)
        output = self._output.read().decode(errors="replace")
        self._output.close()
        return output


def _ended_within(pid: int, seconds: float) -> bool:
    descriptor = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    finally:
        os.close(descriptor)


def _reap(pid: int) -> tuple[float, int]:
    _, status, usage = os.wait4(pid, 0)
    return (usage.ru_utime + usage.ru_stime) * 1000, os.waitstatus_to_exitcode(status)


def stop_and_count(pid: int) -> float:
    """End a child of ours with all its descendants; what they have spent until now, in ms of CPU.

    What the child itself and those it waited for spent is known to the kernel exactly (``wait4``). A process that lives
    on has a clock of its own; those inside a pid namespace are never waited for by anybody when the namespace ends.
    The child's own end is part of it, some 2 ms.
    """
    os.kill(pid, signal.SIGSTOP)  # so that it spends nothing while it is counted
    below = list(descendants(pid))
    living = sum(_clock_ms(child) + _waited_ms(child) for child in below)
    for process in (pid, *below):
        _kill(process)
    return _reap(pid)[0] + living


def cpu_ms(pid: int) -> float:
    """What one living process has spent, all its threads together, children not."""
    return _clock_ms(pid)


def _clock_ms(pid: int) -> float:
    try:
        return time.clock_gettime_ns(~pid << 3 | _CPUCLOCK_SCHED) / 1e6
    except OSError:  # it has just ended
        return 0.0


def _waited_ms(pid: int) -> float:
    """What the children that a living process has waited for spent; the kernel tells it in ticks only."""
    fields = _stat(pid)
    return (int(fields[13]) + int(fields[14])) * _TICK_MS if fields else 0.0


def _stat(pid: int) -> list[str]:
    """The fields of ``/proc/PID/stat`` after the name (proc(5)); empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def descendants(pid: int) -> Iterator[int]:
    """The processes below one, nearest first."""
    below: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := _stat(int(entry))):
            below.setdefault(int(fields[1]), []).append(int(entry))
    level = below.get(pid, [])
    while level:
        yield from level
        level = [child for parent in level for child in below.get(parent, [])]


_ours: set[int] = set()


def keep(pid: int) -> None:
    """This child is the harness's own, not something a measured program left behind."""
    _ours.add(pid)


def end_orphans() -> None:
    """End and wait for whatever a measured program left behind."""
    me = os.getpid()
    while left := [child for child in descendants(me) if child not in _ours]:
        for child in left:
            _kill(child)
        for child in left:
            fields = _stat(child)
            if fields and int(fields[1]) == me:
                os.waitpid(child, 0)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


_OWN = re.compile(rb"^Pss_(?:Anon|Shmem):\s+(\d+) kB", re.MULTILINE)
_MAPPING = re.compile(
    rb"^[0-9a-f]+-[0-9a-f]+ \S+ ([0-9a-f]+ [0-9a-f]+:[0-9a-f]+ [1-9]\d*) .*\n"  # offset, device, inode: of a file
    rb"(?:[A-Z].*\n)*?Rss:\s+(\d+) kB\n(?:[A-Z].*\n)*?Anonymous:\s+(\d+) kB",
    re.MULTILINE,
)


def _borrows_memory(pid: int) -> bool:
    """Whether a process runs in its parent's memory: between ``vfork`` and ``exec``, as ``subprocess`` starts programs."""
    here = _stat(pid)
    parent = _stat(int(here[1])) if here else []
    size, resident, stack = 20, 21, 25  # fields of proc(5), counted from the state
    return bool(parent) and all(here[field] == parent[field] for field in (size, resident, stack))


def memory_mb(pid: int) -> float:
    """What a process and its descendants hold, in MB, whatever else runs on the machine.

    Memory of their own in proportion to how they share it among themselves, and each mapped piece of a file once.
    (``Pss`` of files would sink with every other Python on the machine, and the sum of ``Rss`` counts shared pages
    several times.) Processes that the kernel does not let us look into raise NotMeasured.
    """
    own = 0
    files: dict[bytes, int] = {}
    for process in (pid, *descendants(pid)):
        if _borrows_memory(process):
            continue
        try:
            own += sum(map(int, _OWN.findall(Path(f"/proc/{process}/smaps_rollup").read_bytes())))
            mappings = _MAPPING.findall(Path(f"/proc/{process}/smaps").read_bytes())
        except PermissionError:
            raise NotMeasured("memory of the agent can be seen by root only: it made itself undumpable") from None
        except (FileNotFoundError, ProcessLookupError):
            continue
        for place, resident, anonymous in mappings:
            files[place] = max(files.get(place, 0), int(resident) - int(anonymous))
    return (own + sum(files.values())) / 1024
