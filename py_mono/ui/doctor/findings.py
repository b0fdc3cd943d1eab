"""What a check says, and what it is given."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, TypeVar

from msgspec import Struct, field

from py_mono.llm.settings import ProviderSettings
from py_mono.protocol.errors import PyMonoError
from py_mono.ui.keys import StoredKeys
from py_mono.utils import threads

Verdict = Literal["ok", "warning", "fault", "not_checked"]

LIMIT_S = 2.0
"""How long one question to a server, or one look at a disk, may take; a server is asked two, one after the other."""

_COMMANDS = ("chmod ", "cp ", "export ", "git ", "mv ", "ollama ", "py-mono ", "sudo ", "unset ")
_T = TypeVar("_T")


class Finding(Struct, frozen=True):
    """What one check came to.

    Attributes:
        name: Of the check; the same in each run.
        verdict: A *warning* is something that works and will surprise; a *fault* something that does not work.
        detail: What was seen; no secret, and any text.
        remedy: One command that mends it, which can be pasted into a shell as it is; empty where nothing is to mend, or no
            command does: then the detail says what would.
    """

    name: str
    verdict: Verdict
    detail: str
    remedy: str = ""


class Servers(Struct, frozen=True):
    """The MCP servers that are configured.

    Attributes:
        used: Their names.
        waiting: Names of those that a repository's file names and nobody said anything of.
        problems: What is wrong with how they are configured, in words.
    """

    used: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class Case(Struct, frozen=True, kw_only=True):
    """What the doctor looks at; ``wiring`` fills it in.

    Attributes:
        version: Of py-mono.
        provider: What the model would be asked with.
        problems: What was wrong with the settings, each with its remedy; such settings are left at their defaults here.
        workspace: Its absolute path; empty where there is none that can be used.
        state: The folder for sessions and checkpoints.
        config: The folder for ``.env``.
        keys: Where keys are stored; None where that is not known.
        fallback: Who is asked where the provider fails, in this order.
        environ: The environment the program was started with, without what ``.env`` adds.
        network: Whether the tools may reach it.
        container: Whether we are in one: there the host is not ``localhost``.
        lock: What the worker reports; see ``ui.lock.Report``. Raises SandboxError.
        stats: Bytes, number, and age of the oldest (in s since 1970, 0 for none) of the workspace's checkpoints. Blocks,
            and raises SandboxError.
        servers: The MCP servers; None where they are not looked for. Blocks, and raises ConfigError.
    """

    version: str
    provider: ProviderSettings
    problems: tuple[tuple[str, str], ...] = ()
    workspace: str = ""
    state: str
    config: str
    keys: StoredKeys | None = None
    fallback: tuple[ProviderSettings, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    network: bool = False
    container: bool = False
    lock: Callable[[], Awaitable[Mapping[str, Any]]]
    stats: Callable[[], tuple[int, int, float]]
    servers: Callable[[], Servers] | None = None


async def in_thread(work: Callable[[], _T], limit_s: float = LIMIT_S) -> _T:
    """Run what may hang (a dead file server, a name server that is silent) in a thread that nobody waits for at the end.

    Raises:
        TimeoutError: It took longer.
    """
    async with asyncio.timeout(limit_s):
        return await threads.in_thread(work, "doctor")


def said(error: PyMonoError) -> str:
    """What was wrong; where its remedy is no command, that too."""
    return with_words(str(error), error.remedy)


def with_words(message: str, remedy: str) -> str:
    """What was wrong, with a remedy that is words and no command."""
    if not remedy or command_in(remedy):
        return message
    return f"{message} {remedy}" if message.endswith(".") else f"{message}: {remedy}"


def command_in(remedy: str) -> str:
    """A remedy that can be pasted into a shell; empty where it is words."""
    return remedy if remedy.startswith(_COMMANDS) and "; " not in remedy and ", " not in remedy else ""


def size(number: float) -> str:
    """Bytes for a person, in the units that disks are sold by: ``0 B``, ``12 kB``, ``3.4 GB``."""
    unit = 1000.0
    for name in ("B", "kB", "MB", "GB"):
        if number < unit:
            return f"{number:.0f} {name}" if number >= 10 or name == "B" else f"{number:.1f} {name}"  # noqa: PLR2004 - one digit says enough
        number /= unit
    return f"{number:.1f} TB"
