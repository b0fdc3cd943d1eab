"""What a server has, as plain types: no library of MCP is needed to know it."""

from typing import Any

from msgspec import Struct


class Tool(Struct, frozen=True):
    """A tool of a server, fit to be shown to a model.

    Attributes:
        name: The server's own name for it.
        description: Cleaned, and held to a length.
        parameters: A JSON Schema of type ``object`` that refers to nothing outside itself.
        read_only: Whether the server says that it changes nothing.
    """

    name: str
    description: str
    parameters: dict[str, Any]
    read_only: bool = False


class Resource(Struct, frozen=True):
    """Something a server lets be read: every text cleaned."""

    uri: str
    name: str
    description: str = ""
    kind: str = ""


class PromptArgument(Struct, frozen=True):
    """What a prompt wants to know."""

    name: str
    description: str = ""
    required: bool = False


class Prompt(Struct, frozen=True):
    """A text that a server writes for the person to send: every text cleaned."""

    name: str
    description: str = ""
    arguments: tuple[PromptArgument, ...] = ()


class Listing(Struct, frozen=True):
    """All of it.

    Attributes:
        tools: In the server's order.
        resources: The same.
        prompts: The same.
        left_out: A line for each that cannot be offered, with the reason; the first of many.
    """

    tools: tuple[Tool, ...] = ()
    resources: tuple[Resource, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    left_out: tuple[str, ...] = ()


class Held(Struct, frozen=True):
    """A tool that says something else than what the person agreed to.

    Attributes:
        tool: The server's own name for it.
        before: What they agreed to, in words.
        now: What it says now.
    """

    tool: str
    before: str
    now: str
