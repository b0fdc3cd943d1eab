"""Background commands: the facts about them, and the door to those that run."""

from collections.abc import Callable, Mapping
from typing import Literal, Protocol

from msgspec import Struct

from py_mono.protocol.event_base import TaggedEvent

JobEnd = Literal["exited", "stopped", "timed_out", "session_ended", "lost"]
"""Why a background command is over. ``stopped``: it was asked to be; ``lost``: the sandbox it ran in ended."""


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
