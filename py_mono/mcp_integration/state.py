"""What is to be said of a server: the line of ``/mcp``."""

from typing import Literal

from msgspec import Struct

Phase = Literal["waiting", "connecting", "ready", "failed", "untrusted", "changed"]
"""``waiting``: it is tried again later; ``failed``: not until the person asks; ``untrusted``: nobody agreed to it;
``changed``: it is connected, and some of its tools are held back until the person agrees to what they say now."""


class ServerState(Struct, frozen=True):
    """How a server stands.

    Attributes:
        name: As configured.
        where: Its URL without query and credentials, or its command line, as a person should see it.
        origin: Who named it.
        phase: How it stands.
        detail: Why, in words; empty where there is nothing to say.
        tools: How many can be called.
        resources: How many it names.
        prompts: How many it names.
        log: What it said last, oldest first: a line each, control characters removed.
    """

    name: str
    where: str
    origin: str
    phase: Phase
    detail: str = ""
    tools: int = 0
    resources: int = 0
    prompts: int = 0
    log: tuple[str, ...] = ()
