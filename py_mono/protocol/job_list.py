"""What is known of a session's background commands, and what the model has not been told of them: a fold of facts."""

from msgspec import Struct

from py_mono.protocol.events import Event, HistoryCleared, MessageSteered
from py_mono.protocol.jobs import JobEnded, JobStarted

_TAILS = 3
"""How many may have ended at once for each one's last lines to be told."""

_SHORT = 80
"""How many characters of a command name it."""


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

    def apply(self, event: Event) -> None:
        """Take one event in; those that say nothing of background commands are passed over."""
        match event:
            case JobStarted():
                self.jobs[event.job] = Job(event.command, event.output)
            case JobEnded() if event.job in self.jobs:  # whatever the stream: a fold never fails
                self.jobs[event.job].ended = event
                self._untold[event.job] = event
            case (
                MessageSteered(origin="job") | HistoryCleared()
            ):  # who has forgotten the beginning needs not hear the end
                self._untold.clear()
            case _:
                pass

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
        words = f"job {event.job} ({short(job.command)}) {ending(event)}"
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


def short(command: str) -> str:
    """A command in one line, to name a background command by."""
    line = " ".join(command.split())
    return line if len(line) <= _SHORT else line[: _SHORT - 1] + "…"
