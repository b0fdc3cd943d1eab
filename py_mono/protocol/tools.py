"""What a tool is, what a call of it says, and what comes back."""

from typing import Any, Literal

from msgspec import Struct, field

Effect = Literal["read", "write", "external"]
"""What a call can do: *read* changes nothing; *write* changes the workspace; *external* cannot be taken back."""


FROM_SERVER = "mcp:"
"""How the ``source`` of an MCP server's tool begins; the server's name follows."""


class ToolSpec(Struct, frozen=True):
    """A tool as the model sees it, and what the agent must know of it.

    Attributes:
        name: Unique in a registry.
        description: A prompt: what the tool does and when to use it.
        parameters: A JSON Schema (draft 2020-12) of type ``object``.
        effect: Who is asked before a call, and whether calls may run side by side.
        source: Where it comes from: ``builtin``, ``control``, later ``dynamic`` or ``mcp:NAME``.
    """

    name: str
    description: str
    parameters: dict[str, Any]
    effect: Effect = "read"
    source: str = "builtin"


class ToolCall(Struct, frozen=True):
    """One call as the model made it.

    Attributes:
        id: Unique in a session; given by the server, or made by the provider where the server gives none.
        name: The tool asked for; may be unknown.
        arguments: The decoded JSON object.
        malformed: The raw text of the arguments where they are not a JSON object, else empty. Such a call is never run.
    """

    id: str
    name: str
    arguments: dict[str, Any]
    malformed: str = ""


class ToolResult(Struct, frozen=True):
    """What a call came to. A tool that fails is a result with ``is_error``, never an exception.

    Attributes:
        call_id: The ``ToolCall.id`` it answers.
        name: The tool's name.
        content: What the model reads.
        is_error: True where the tool refused or failed.
        details: What only the screen needs (a diff, an exit status).
    """

    call_id: str
    name: str
    content: str
    is_error: bool = False
    details: dict[str, Any] = field(default_factory=dict)


ChangeKind = Literal["added", "modified", "deleted"]


class Change(Struct, frozen=True):
    """One path of the workspace that differs from how it stood when the turn began.

    Attributes:
        path: Relative to the workspace, ``/`` between parts; bytes that are not UTF-8 are shown as U+FFFD.
        kind: What happened to it.
    """

    path: str
    kind: ChangeKind
