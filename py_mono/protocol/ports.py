"""The doors between rooms. Each docstring is the contract that ``tests/contract`` holds its implementations to."""

from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from typing import Literal, Protocol

from msgspec import Struct

from py_mono.protocol.attempts import AttemptFailed, ModelFellBack
from py_mono.protocol.events import ContextChecked, Event, ModelRetried, ModelWaiting, Notice, ReasoningDelta, TextDelta
from py_mono.protocol.messages import AssistantMessage, Message
from py_mono.protocol.tools import Change, ChangeKind, ToolCall, ToolResult, ToolSpec

Emit = Callable[[Event], None]
"""Hands an event to every subscriber, in order, before it returns. Subscribers must not raise."""

Redact = Callable[[str], str]
"""Replaces secrets in a text; idempotent, and applied to JSON text it leaves valid JSON."""


class ModelRequest(Struct, frozen=True):
    """One question to a model.

    Attributes:
        system: The system prompt.
        messages: The conversation, oldest first.
        tools: What the model may call, in a fixed order.
        task: What kind of work this is (``chat``), for whoever chooses a model by it.
        max_output_tokens: None leaves it to the server.
        only_tool: Where named, the reply is to be one call of this tool, its arguments held to the tool's schema as far
            as the server can (a grammar, a forced choice). Used once after a call that could not be read.
    """

    system: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...]
    task: str = "chat"
    max_output_tokens: int | None = None
    only_tool: str = ""


ModelChunk = (
    TextDelta
    | ReasoningDelta
    | ModelWaiting
    | AttemptFailed
    | ModelRetried
    | ModelFellBack
    | Notice
    | ContextChecked
    | AssistantMessage
)


class Provider(Protocol):
    """Whatever answers.

    ``stream`` yields any number of deltas and signals, then exactly one ``AssistantMessage``, then ends. After a
    ``ModelRetried`` or ``ModelFellBack`` the deltas before it are void. Each attempt that failed is an ``AttemptFailed``,
    also the last, before the error it comes to. It raises ``ProviderError`` and nothing else (cancellation apart),
    and after it was closed early (``aclose``) the next ``stream`` works as usual. Only one ``stream`` runs at a time.
    The message's text is the concatenation of the deltas since the last of those two. Its tool-call ids are unique.
    """

    @property
    def name(self) -> str:
        """The registry's name for it, such as ``ollama``."""

    @property
    def model(self) -> str:
        """The model it is bound to."""

    @property
    def window(self) -> int:
        """The context window that requests are made for, in tokens; 0 where unknown. Constant from one ``prepare`` to the next."""

    async def prepare(self) -> None:
        """Find out what must be known before the first request, the window above all; costs no tokens.

        May be called again, and then does nothing that was done before; one that was cancelled was not done. Never by
        two at a time, nor while a ``stream`` runs. ``stream`` does it where nobody did. What the person should know of
        it is said by the next ``stream``, as a ``Notice``.

        Raises:
            ProviderError: The model cannot be asked at all.
        """

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        """Ask. See the class for the contract."""

    async def close(self) -> None:
        """Give back connections; may be called twice."""


class ToolSource(Protocol):
    """A list of tools that can be called.

    ``call`` answers every call, also of an unknown tool or with wrong arguments, with a ``ToolResult`` for that call's
    id. It raises only ``SandboxError`` (nothing more can be called). When its task is cancelled, whatever the call
    started is ended before the cancellation goes on. What is known of the call by then (its output so far, or its result
    where it came just in time) goes on with it, as the first argument: ``raise CancelledError(result)``. The agent takes
    it for the call's result; whoever does not know of it sees a cancellation like any other.
    """

    async def specs(self) -> Sequence[ToolSpec]:
        """The tools, in an order that does not change."""

    async def call(self, call: ToolCall, on_output: Callable[[str], None]) -> ToolResult:
        """Run one call; pieces of its output go to ``on_output`` as they come."""


class Changes(Struct, frozen=True):
    """What differs from the start of a transaction: see ``ChangesStaged``."""

    changes: tuple[Change, ...]
    complete: bool = True
    note: str = ""


class Grant(Struct, frozen=True):
    """What one call gets beyond the lock.

    Attributes:
        network: Whether it reaches the network.
        reads: Absolute paths outside the workspace that it may read.
        writes: The same, that it may read and change.
    """

    network: bool = False
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()


NOTHING = Grant()
"""What a call gets that nobody was asked about."""


class FileDiff(Struct, frozen=True):
    """One path.

    Attributes:
        path: As text.
        kind: What became of it.
        text: A unified diff, each line with its end; empty where there is none to show.
        note: What a diff of lines does not tell: a mode, a link's target, that it is binary; empty where there is nothing.
    """

    path: str
    kind: ChangeKind
    text: str
    note: str


class Committed(Struct, frozen=True):
    """What became of a transaction's changes.

    Attributes:
        before: The checkpoint of the workspace before them; empty where none could be taken, and so nothing can be undone.
        after: The one after them.
        conflicts: Paths that somebody changed in the workspace since, so that they were not merged into it.
        note: What of the workspace the checkpoints do not hold, in words; or empty.
    """

    before: str
    after: str
    conflicts: tuple[str, ...] = ()
    note: str = ""


OnCheckpoint = Callable[[str], None]
"""Takes a checkpoint's name."""


def unheard(checkpoint: str) -> None:
    """Nobody wants to know of a checkpoint."""
    del checkpoint


BranchMode = Literal["direct", "scratch"]


class Branch(ToolSource, Protocol):
    """One worker, one transaction: the tools of the sandbox, acting on the workspace or a copy of it until ``close``.

    In a ``direct`` branch the calls act on the workspace itself, of which a checkpoint is taken before the first call that
    is not *read*. In a ``scratch`` branch they act on a private copy; the workspace changes with ``commit`` alone.
    ``changes``, ``diff``, ``commit`` and ``discard`` come when no call runs.
    """

    @property
    def mode(self) -> BranchMode:
        """Which of the two it is."""

    async def touch(self) -> None:
        """Take part in a change to the workspace by somebody beside these tools, such as a server; before it is made.

        In a direct branch it belongs to the transaction like a call's: there is a checkpoint of before it, as far as one
        can be taken, and ``changes`` tells of it.

        Raises:
            SandboxError: In a scratch branch: nobody else acts on the copy.
        """

    async def call(self, call: ToolCall, on_output: Callable[[str], None], grant: Grant = NOTHING) -> ToolResult:
        """Run one call; see ``ToolSource``. ``grant`` widens the lock for this call alone."""

    async def changes(self) -> Changes:
        """What the calls since ``open`` did: exact, the shell's own effects included."""

    async def diff(self) -> Sequence[FileDiff]:
        """The same by lines. Raises ``SandboxError`` where there is no checkpoint to compare with."""

    async def commit(self, keep: Collection[str] | None = None) -> Committed | None:
        """Let the changes stand: all, or of ``keep`` alone (paths as ``changes`` names them), the others are taken back.

        None where nothing was changed. Of a scratch branch they are merged into the workspace; a file that somebody
        changed there since ``open`` is a conflict, and is left as it is.
        """

    async def discard(self) -> None:
        """Take everything back: afterwards the workspace is byte for byte as it was, as far as checkpoints hold it.

        Raises:
            SandboxError: Something could not be taken back; which is said.
        """

    async def close(self) -> None:
        """End the transaction, with what was neither committed nor discarded as it stands (direct) or thrown away (scratch).

        Background commands of a direct branch go on; foreground ones are already over.
        """


class Sandbox(Protocol):
    """Where tools run: confined, apart from the agent's memory, keys and network.

    Raises ``SandboxError`` with a remedy where no lock can be had (it fails closed).
    """

    async def open(self, mode: BranchMode, on_checkpoint: OnCheckpoint = unheard) -> Branch:
        """Begin a transaction on the workspace itself (``direct``) or on a private copy (``scratch``). One at a time.

        Of a direct one ``on_checkpoint`` is called once, before the first call that may change something runs, with the
        checkpoint of before it; not at all where none could be taken.
        """

    async def close(self) -> None:
        """End every process the sandbox started, background commands included; may be called twice."""


class Taken(Struct, frozen=True):
    """A checkpoint: its name, and in words what of the workspace it does not hold (empty: it holds all)."""

    id: str
    note: str


class Restored(Struct, frozen=True):
    """What a restore came to.

    Attributes:
        before: The checkpoint that was taken first: restoring it takes the restore back.
        after: The checkpoint of what came out.
        changes: What the restore did.
        conflicts: Paths that somebody changed since, or that hold something of somebody else: left as they are.
        not_kept: Paths that could not be brought back, and why: left as they are.
        note: What of the workspace the checkpoints do not hold.
    """

    before: str
    after: str
    changes: tuple[Change, ...]
    conflicts: tuple[str, ...]
    not_kept: dict[str, str]
    note: str


class Snapshots(Protocol):
    """Checkpoints of the workspace. Every method raises ``SandboxError`` where the store or the workspace cannot be used."""

    async def take(self) -> Taken:
        """Keep the workspace as it stands; where nothing changed since the last checkpoint, that is named again."""

    async def restore(self, target: str, *, since: str, confirmed: bool) -> Restored:
        """Bring back what ``target`` holds where ``since`` holds something else, and touch nothing else.

        What somebody changed after ``since`` is kept unless ``confirmed``.
        """

    async def diff(self, before: str, after: str) -> Sequence[FileDiff]:
        """What became of ``before``."""
