"""Background commands: the facts about them, what the model is told, and the door to those that run."""

from collections.abc import Callable, Mapping
from typing import Literal, Protocol

from msgspec import Struct

from py_mono.protocol.event_base import TaggedEvent

JobEnd = Literal["exited", "stopped", "timed_out", "session_ended", "lost"]
"""Why a background command is over. ``stopped``: it was asked to be; ``lost``: the sandbox it ran in ended."""

_TAILS = 3
"""How many may have ended at once for each one's last lines to be told."""


class JobStarted(TaggedEvent, frozen=True):
    """A background command runs; comes between the ``ToolStarted`` and the ``ToolFinished`` of its call.

    One that ended within its first moment is none.

    Attributes:
        job: Its handle, from 1; never given twice in a session.
        command: As the model gave it; at most 500 characters.
        output: The file its output goes to, as the tools see it.
    """

    job: int
    command: str
    output: str


class JobEnded(TaggedEvent, frozen=True):
    """Nothing is left of a background command; comes once for each, at any time, also between turns.

    Attributes:
        job: Its handle.
        reason: Why.
        status: Its exit code as a shell reports it; 0 where that is not known (``session_ended``, ``lost``).
        seconds: How long it ran; 0 where that is not known.
        output_bytes: How much it printed.
        tail: Its last lines, at most 800 characters.
    """

    job: int
    reason: JobEnd
    status: int = 0
    seconds: float = 0.0
    output_bytes: int = 0
    tail: str = ""


class Job(Struct):
    """What the facts say of one."""

    command: str
    output: str
    ended: JobEnded | None = None


class JobList:
    """The background commands of a session: a fold of facts.

    Attributes:
        jobs: By handle, in the order they began.
    """

    def __init__(self) -> None:
        self.jobs: dict[int, Job] = {}
        self._untold: dict[int, JobEnded] = {}

    def started(self, event: JobStarted) -> None:
        """Take it in."""
        self.jobs[event.job] = Job(event.command, event.output)

    def ended(self, event: JobEnded) -> None:
        """Take it in; of one that nobody knows nothing is kept."""
        if event.job in self.jobs:
            self.jobs[event.job].ended = event
            self._untold[event.job] = event

    def told(self) -> None:
        """The model knows of every end so far, or does not care any more."""
        self._untold.clear()

    @property
    def last(self) -> int:
        """The greatest handle so far; 0 where there is none."""
        return max(self.jobs, default=0)

    @property
    def running(self) -> tuple[int, ...]:
        """The handles of those that have not ended."""
        return tuple(number for number, job in self.jobs.items() if job.ended is None)

    def note(self) -> str:
        """What the model has not been told yet; empty where there is nothing."""
        tails = len(self._untold) <= _TAILS
        return "\n".join(self._said(event, tail=tails) for event in self._untold.values())

    def _said(self, event: JobEnded, *, tail: bool) -> str:
        job = self.jobs[event.job]
        words = f"job {event.job} ({_short(job.command)}) {ending(event)}"
        if tail and event.tail and event.reason != "stopped":
            return f"[{words}. Its last lines:\n{event.tail}]"
        return f"[{words}]"


def ending(event: JobEnded) -> str:
    """How it ended, in words."""
    after = f" after {event.seconds:.0f} s"
    match event.reason:
        case "exited":
            return f"ended: exit code {event.status}{after}"
        case "stopped":
            return f"was stopped{after}"
        case "timed_out":
            return f"reached its time limit{after} and was ended"
        case "session_ended":
            return "ended with the session"
        case "lost":
            return "is gone: the sandbox it ran in ended"


def _short(command: str) -> str:
    line = " ".join(command.split())
    return line if len(line) <= _SHORT else line[: _SHORT - 1] + "…"


_SHORT = 80


class JobProgress(Struct, frozen=True):
    """How far a running one is: seconds since it began, and how many bytes its output takes."""

    seconds: float
    output_bytes: int


class Jobs(Protocol):
    """The background commands that run.

    Those that end are told of by ``JobEnded``, also where the sandbox ends, or its worker dies.
    """

    def watch(self, last: int, emit: Callable[[JobStarted | JobEnded], None]) -> None:
        """Hand every fact about them to ``emit``; the next one's handle is greater than ``last``. Called once, first."""

    async def progress(self) -> Mapping[int, JobProgress]:
        """Those that run, by handle."""

    async def show(self, job: int) -> str:
        """The end of one's output, at most 16 kB. Raises SandboxError where it is not kept any more."""

    async def kill(self, job: int) -> None:
        """End one, and wait until nothing of it is left. Raises SandboxError where it does not run."""

    def leave(self) -> None:
        """What ends from here on ends with the session."""
