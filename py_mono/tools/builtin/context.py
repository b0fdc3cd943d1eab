"""GUEST. What a built-in tool is given, and what it gives back.

A tool module has ``SPEC`` (name, description, parameters as JSON Schema, effect) and
``run(context, **arguments) -> Output``. Arguments were validated against the schema by the host. A tool that cannot do
what it was asked raises ``ToolFailure`` with what was wrong and what would be right, having changed nothing. Plain
classes instead of dataclasses: importing ``dataclasses`` would cost a third of the worker's start.
"""

from collections.abc import Callable, Mapping, Sequence
from threading import Event

TYPE_CHECKING = False  # spelled out: importing typing costs the worker 4 ms
if TYPE_CHECKING:
    from typing import Any, Protocol

    from py_mono.tools.builtin.reads import ReadLog
else:
    Protocol = object


class ToolFailure(Exception):
    """The call is refused or failed; the text goes to the model."""


class Output:
    """What a call came to.

    Attributes:
        content: For the model.
        is_error: True where the command ran and failed, so that its output is still worth reading.
        details: For the screen: ``diff``, ``exit_code``, ``truncated`` and the like; JSON values.
    """

    __slots__ = ("content", "details", "is_error")

    def __init__(self, content: str, *, is_error: bool = False, details: "dict[str, Any] | None" = None) -> None:
        self.content = content
        self.is_error = is_error
        self.details = details or {}


class Finished:
    """How a command ended.

    Attributes:
        exit_code: As a shell reports it: 0 to 255, 128 + N where signal N ended it.
        timed_out: The time limit ended it.
        cancelled: The agent ended it.
        note: Anything else worth telling the model, or empty (such as a limit that was hit).
    """

    __slots__ = ("cancelled", "exit_code", "note", "timed_out")

    def __init__(self, exit_code: int, *, timed_out: bool = False, cancelled: bool = False, note: str = "") -> None:
        self.exit_code = exit_code
        self.timed_out = timed_out
        self.cancelled = cancelled
        self.note = note


class Started:
    """What a background command came to in its first moment.

    Attributes:
        path: Of the file its output goes to.
        output: What it has printed.
        job: Its number; 0 where it has ended already, and is none.
        ended: Where it has ended: how, in words; else empty.
        exit_code: Where it has ended: as a shell reports it.
        reason: Where it has ended: ``exited``, ``timed_out``, ``stopped`` or ``lost``.
    """

    __slots__ = ("ended", "exit_code", "job", "output", "path", "reason")

    def __init__(
        self, path: str, output: str, *, job: int = 0, ended: str = "", exit_code: int = 0, reason: str = ""
    ) -> None:
        self.job = job
        self.path = path
        self.output = output
        self.ended = ended
        self.exit_code = exit_code
        self.reason = reason


class Commands(Protocol):
    """Starts programs. When ``run`` returns, every process it started is gone, whatever it did to hide."""

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        timeout_s: float,
        on_output: Callable[[bytes], None],
        cancelled: Event,
        environment: Mapping[str, str] | None = None,
    ) -> Finished:
        """Run a program to its end; stdin is ``/dev/null``, stdout and stderr are one stream.

        ``on_output`` gets every piece as it comes and must not keep them all. ``environment`` is added to the clean one.
        Raises ``ToolFailure`` where the program cannot be started.
        """

    def start_background(
        self, argv: Sequence[str], *, command: str, cwd: str, folder: str, timeout_s: float, cancelled: Event
    ) -> Started:
        """Start a program that lives until the session ends, and wait a moment for what it says.

        ``command`` is what it is called by; its output goes to a file in ``folder``; ``timeout_s`` is how long it may run,
        0 for as long as it likes. Raises ``ToolFailure`` where the program cannot be started.
        """


class Context:
    """What one call may use.

    Attributes:
        workspace: Its absolute, resolved path.
        extra_roots: Further folders the operator allowed (``--add-dir``), absolute and resolved.
        private_tmp: A folder of the session's own, at which ``TMPDIR`` points.
        commands: Starts programs.
        reads: What the model has read so far, for the stale-file guard; lives as long as the session.
        emit: Shows a piece of output on the screen while the call runs.
        cancelled: Set when the call should end; long loops look at it.
        output_limit: How many characters a result may have; longer ones keep head and tail and say what is left out.
        timeout_ceiling_s: The longest time limit a call may ask for.
    """

    __slots__ = (
        "cancelled", "commands", "emit", "extra_roots", "output_limit", "private_tmp", "reads", "timeout_ceiling_s",
        "workspace",
    )  # fmt: skip

    def __init__(
        self,
        *,
        workspace: str,
        commands: Commands,
        reads: "ReadLog",
        emit: Callable[[str], None],
        cancelled: Event,
        private_tmp: str,
        extra_roots: Sequence[str] = (),
        output_limit: int = 16_000,
        timeout_ceiling_s: float = 3600.0,
    ) -> None:
        self.workspace = workspace
        self.commands = commands
        self.reads = reads
        self.emit = emit
        self.cancelled = cancelled
        self.private_tmp = private_tmp
        self.extra_roots = tuple(extra_roots)
        self.output_limit = output_limit
        self.timeout_ceiling_s = timeout_ceiling_s
