"""The table of slash commands; ``/help`` is made from it. A new command is one more row."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from py_mono.protocol.errors import SandboxError
from py_mono.ui.approvals_commands import approvals
from py_mono.ui.approvals_commands import choices as approvals_choices
from py_mono.ui.doctor_command import doctor
from py_mono.ui.jobs_commands import choices as jobs_choices
from py_mono.ui.jobs_commands import jobs
from py_mono.ui.line.secret import key_line
from py_mono.ui.providers_commands import choices as provider_choices
from py_mono.ui.providers_commands import model, model_choices, provider, providers
from py_mono.ui.terminal import one_line
from py_mono.ui.tool_lines import tool_lines
from py_mono.ui.undo_lines import diff_lines, undone_lines
from py_mono.utils.lazy import load

if TYPE_CHECKING:
    from py_mono.ui.app import App


class Leave(Exception):
    """The person wants to go."""


class Command(NamedTuple):
    """One row.

    Attributes:
        name: With its slash.
        arguments: What comes after it, as ``/help`` shows it.
        help: What it does, in a few words.
        run: Does it; the text it returns is shown. Raises ``Leave``.
        choices: The words that may come after it, each with what it means; None where they cannot be listed.
    """

    name: str
    arguments: str
    help: str
    run: Callable[["App", str], Awaitable[str]]
    choices: Callable[["App"], Sequence[tuple[str, str]]] | None = None


async def _help(_: "App", __: str) -> str:
    rows = [(f"{command.name} {command.arguments}".rstrip(), command.help) for command in COMMANDS] + [*_TYPED]
    width = max(len(left) for left, _ in rows)
    return "\n".join([*(f"{left:{width}}  {right}" for left, right in rows), *_KEYS])


async def _clear(app: "App", _: str) -> str:
    if app.agent.running:
        return "A turn is running: press Esc first, then /clear."
    await app.agent.clear()
    return "The conversation starts afresh; the workspace stays as it is."


async def _tools(app: "App", _: str) -> str:
    try:
        tools = await app.agent.list_tools()
    except SandboxError as error:
        return error.told
    if not tools:
        return "The first turn is just about to make the list of tools: ask again in a moment."
    return tool_lines(tools)


async def _undo(app: "App", arguments: str) -> str:
    return await _take_back(app, arguments, redo=False)


async def _redo(app: "App", arguments: str) -> str:
    return await _take_back(app, arguments, redo=True)


async def _take_back(app: "App", arguments: str, *, redo: bool) -> str:
    name = "redo" if redo else "undo"
    if app.agent.running:
        return f"A turn is running: press Esc first, then /{name}."
    if arguments not in {"", "anyway"}:
        return f"/{name} takes nothing, or anyway: to overwrite also what somebody changed since."
    try:
        turn, restored = await app.agent.undo(redo=redo, confirmed=bool(arguments))
    except SandboxError as error:
        return error.told
    return undone_lines(turn, restored, redo=redo)


async def _diff(app: "App", arguments: str) -> str:
    if arguments and not (arguments.isascii() and arguments.isdigit()):
        return "/diff takes the number of a turn, or nothing for the last one that changed files."
    try:
        turn, files = await app.agent.diff(int(arguments or 0))
    except SandboxError as error:
        return error.told
    return diff_lines(turn, files)


async def _cost(app: "App", _: str) -> str:
    lines: str = load("py_mono.ui.cost_lines:cost_lines")(app.account, app.agent.limits)
    return lines


async def _context(app: "App", _: str) -> str:
    lines: str = load("py_mono.ui.context_lines:context_lines")(app.account, app.agent.history)
    return lines


async def _export(app: "App", arguments: str) -> str:
    said: str = await load("py_mono.ui.export_command:export")(app, arguments)
    return said


async def _key(app: "App", arguments: str) -> str:
    said: str = await load("py_mono.ui.keys_commands:key")(app, arguments)
    return said


async def _mcp(app: "App", arguments: str) -> str:
    said: str = await load("py_mono.ui.mcp_commands:mcp")(app, arguments)
    return said


def _mcp_choices(app: "App", part: str = "choices") -> Sequence[tuple[str, str]]:
    found: Sequence[tuple[str, str]] = load(f"py_mono.ui.mcp_commands:{part}")(app)
    return found


def _key_choices(app: "App", part: str = "choices") -> Sequence[tuple[str, str]]:
    found: Sequence[tuple[str, str]] = load(f"py_mono.ui.keys_commands:{part}")(app)
    return found


def _anyway(_: "App") -> Sequence[tuple[str, str]]:
    return [("anyway", "also what somebody changed since")]


def _turns(app: "App") -> Sequence[tuple[str, str]]:
    turns = app.agent.history.undo.turns
    return [
        (str(turn), "the last that changed files" if turn == max(turns) else "") for turn in sorted(turns, reverse=True)
    ]


async def _leave(_: "App", __: str) -> str:
    raise Leave


COMMANDS = (
    Command("/help", "", "what there is", _help),
    Command("/tools", "", "what the model can call", _tools),
    Command("/undo", "[anyway]", "take back what the last turn did to the files", _undo, _anyway),
    Command("/redo", "[anyway]", "bring back what was undone last", _redo, _anyway),
    Command("/diff", "[TURN]", "what a turn did to the files", _diff, _turns),
    Command("/jobs", "[[kill] ID]", "commands in the background: list, output, end", jobs, jobs_choices),
    Command("/approvals", "[forget N]", "what you agreed to for this workspace", approvals, approvals_choices),
    Command("/mcp", "[NAME]", "MCP servers: also trust, reconnect, prompt, read", _mcp, _mcp_choices),
    Command("/key", "PROVIDER [KEY]", "store a key; list, remove PROVIDER, rotate, help", _key, _key_choices),
    Command("/providers", "", "who answers, who else could, and whether each is ready", providers),
    Command("/provider", "NAME [MODEL]", "have another one answer from here on", provider, provider_choices),
    Command("/model", "[MODEL]", "the models there are; have another one answer", model, model_choices),
    Command("/cost", "", "what this session took: tokens, money", _cost),
    Command("/context", "", "how full the window is, and of what", _context),
    Command("/export", "[FILE]", "this session as Markdown, or as JSON lines (.jsonl)", _export),
    Command("/doctor", "", "what is wrong here, and what mends it", doctor),
    Command("/clear", "", "start the conversation afresh; also /new", _clear),
    Command("/bye", "", "leave; also /exit, /quit, exit, quit, Ctrl-D", _leave),
)

_ALIASES = {"/exit": "/bye", "/quit": "/bye", "exit": "/bye", "quit": "/bye", "/?": "/help", "/new": "/clear"}

_PROMISED = frozenset({
    "/compact", "/resume", "/fork", "/route", "/mom", "/memory", "/skill",
})  # fmt: skip
"""Commands that are promised and not there yet. What comes after one is not meant for the model: it may be a key."""

_TYPED = (
    ("!COMMAND", "run it in the sandbox; !!COMMAND: the model is not told"),
    ("@FILE", "name a file; Tab completes it, and /commands too"),
)

_KEYS = (
    "Esc     interrupt the turn      Ctrl-C  clear, interrupt; twice: leave",
    "Ctrl-O  unfold paste or result  Ctrl-G  open the line in your editor",
    "Ctrl-J  a new line   Up, Ctrl-R  history   Ctrl-L  redraw   Ctrl-Z  suspend",
)

COMPLETIONS = tuple(
    sorted(
        [
            *((command.name, command.help) for command in COMMANDS),
            ("/exit", "leave"),
            ("/new", "start afresh"),
            ("/quit", "leave"),
        ]
    )
)
"""What completes after a slash, and what it does."""


def choices(app: "App", start: str) -> Sequence[tuple[str, str]]:
    """The words that may stand after a command's name, each with what it means."""
    if start == "/key remove":
        return _key_choices(app, "removable")
    if start in {"/mcp trust", "/mcp reconnect", "/mcp prompt", "/mcp read"}:
        return _mcp_choices(app, "names")
    if start.startswith("/provider "):
        return model_choices(app, start.removeprefix("/provider ").strip())
    found = [command.choices for command in COMMANDS if command.name == start and command.choices is not None]
    return found[0](app) if found else ()


def is_command(text: str) -> bool:
    """Whether a line is for the program: it begins with a slash or ``!``, is one of the bare words, or may hold a key."""
    return text.startswith(("/", "!")) or text.strip() in _ALIASES or key_line(text) is not None


async def run_command(app: "App", text: str) -> str:
    """Run the line's command and return what to show; an unknown one is said to be unknown, never guessed.

    Raises:
        Leave: The person wants to go.
    """
    name, *rest = text.split(None, 1)
    arguments = rest[0] if rest else ""
    key_said = key_line(text)
    if key_said is not None and not key_said.exact:
        said: str = load("py_mono.ui.keys_commands:meant")(app, text)
        return said
    if name.startswith("!"):
        return "!COMMAND is for a terminal, and nothing was run. To say it to the model, put a blank in front."
    if name in _PROMISED:
        return f"{name} is not in this version: /help shows what there is."
    known = {command.name: command for command in COMMANDS}
    command = known.get(_ALIASES.get(name, name))
    if command is None:
        return f"There is no {one_line(name)}: /help shows what there is. To say it to the model, put a blank in front."
    return await command.run(app, arguments.strip())
