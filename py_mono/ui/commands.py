"""The table of slash commands; ``/help`` is made from it. A new command is one more row."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from py_mono.protocol.events import Envelope, TurnFinished
from py_mono.protocol.ports import Provider
from py_mono.protocol.tools import ToolSpec
from py_mono.ui.terminal import one_line


class AgentLike(Protocol):
    """What the screen needs of an agent; ``py_mono.agent.agent.Agent`` says what each does."""

    @property
    def running(self) -> bool:
        """Whether a turn runs."""

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        """The frozen tool list; empty before the first turn."""

    def subscribe(self, subscriber: Callable[[Envelope], None]) -> Callable[[], None]:
        """Hand every later event to ``subscriber``."""

    async def prompt(self, text: str) -> TurnFinished:
        """Run one turn."""

    def steer(self, text: str) -> None:
        """Queue a message for the running turn."""

    def take_queued(self) -> tuple[str, ...]:
        """What was queued and did not reach the turn."""

    def interrupt(self) -> None:
        """End the running turn."""

    async def clear(self) -> None:
        """Start the conversation afresh."""


class AppLike(Protocol):
    """The wired objects that commands act on."""

    @property
    def agent(self) -> AgentLike:
        """The session's agent."""

    @property
    def provider(self) -> Provider:
        """Who answers."""

    @property
    def workspace(self) -> str:
        """Its absolute path."""

    @property
    def sandbox_summary(self) -> str:
        """The lock in a few words."""

    @property
    def version(self) -> str:
        """Of py-mono."""


class Leave(Exception):
    """The person wants to go."""


class Command(NamedTuple):
    """One row.

    Attributes:
        name: With its slash.
        arguments: What comes after it, as ``/help`` shows it.
        help: What it does, in a few words.
        run: Does it; the text it returns is shown. Raises ``Leave``.
    """

    name: str
    arguments: str
    help: str
    run: Callable[[AppLike, str], Awaitable[str]]


async def _help(_: AppLike, __: str) -> str:
    rows = [(f"{command.name} {command.arguments}".rstrip(), command.help) for command in COMMANDS]
    width = max(len(left) for left, _ in [*rows, *_KEYS])
    lines = [f"{left:{width}}  {right}" for left, right in (*rows, *_KEYS)]
    return "\n".join(lines)


async def _clear(app: AppLike, _: str) -> str:
    if app.agent.running:
        return "A turn is running: press Esc first, then /clear."
    await app.agent.clear()
    return "The conversation starts afresh; the workspace stays as it is."


async def _tools(app: AppLike, _: str) -> str:
    if not app.agent.tools:
        return "The list of tools is made with the first message."
    return "\n".join(
        f"{one_line(tool.name)}  {one_line(tool.description).partition('. ')[0]}" for tool in app.agent.tools
    )


async def _leave(_: AppLike, __: str) -> str:
    raise Leave


COMMANDS = (
    Command("/help", "", "what there is", _help),
    Command("/tools", "", "what the model can call", _tools),
    Command("/clear", "", "start the conversation afresh", _clear),
    Command("/bye", "", "leave; also /exit, /quit, exit, quit, Ctrl-D", _leave),
)

_ALIASES = {"/exit": "/bye", "/quit": "/bye", "exit": "/bye", "quit": "/bye", "/?": "/help"}

_KEYS = (
    ("Esc, Ctrl-C", "interrupt the turn; Ctrl-C twice when idle leaves"),
    ("Ctrl-J, Esc Enter", "a new line"),
    ("Ctrl-R, Up", "search the history, walk through it"),
    ("Tab", "complete /commands and @files"),
)

NAMES = tuple(sorted({*(command.name for command in COMMANDS), "/exit", "/quit"}))
"""What completes after a slash."""


def is_command(text: str) -> bool:
    """Whether a line is for the program: it begins with a slash, or is one of the bare words."""
    return text.startswith("/") or text.strip() in _ALIASES


async def run_command(app: AppLike, text: str) -> str:
    """Run the line's command and return what to show; an unknown one is said to be unknown, never guessed.

    Raises:
        Leave: The person wants to go.
    """
    name, _, arguments = text.strip().partition(" ")
    name = name.partition("\n")[0]
    known = {command.name: command for command in COMMANDS}
    command = known.get(_ALIASES.get(name, name))
    if command is None:
        return f"There is no {one_line(name)}: /help shows what there is. To say it to the model, put a blank in front."
    return await command.run(app, arguments.strip())
