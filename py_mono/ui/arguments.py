"""The command line, read before anything else is imported; ``docs/reference.md`` shows all of it."""

import argparse
from collections.abc import Sequence

from py_mono.ui.parser import Parser
from py_mono.ui.run_arguments import parse_run
from py_mono.utils.lazy import load

COMMANDS = {
    "tool": "py_mono.ui.subcommands:parse_tool",
    "sessions": "py_mono.ui.subcommands:parse_sessions",
    "key": "py_mono.ui.subcommands:parse_key",
    "demo": "py_mono.ui.subcommands:parse_demo",
    "debug": "py_mono.ui.subcommands:parse_debug",
    "doctor": "py_mono.ui.subcommands:parse_doctor",
    "mcp": "py_mono.ui.subcommands:parse_mcp",
}
_RESERVED = ("skill", "mom", "pods")
"""Commands that are promised and not there yet: a script that calls one must not talk to a model instead."""


class Arguments(argparse.Namespace):
    """What the command line said; None where it said nothing.

    Attributes:
        command: ``run`` (REPL or one shot), ``tool``, ``sessions``, ``key``, ``demo``, ``debug``, ``doctor`` or ``mcp``.
        prompt: The first message, or None.
        print_: One shot (``-p``).
        output_format: ``text``, ``json`` or ``stream-json``; not ``text`` only with ``print_``.
        continue_: Go on with the newest session (``-c``).
        resume: The session to go on with; empty where ``-r`` came without an ID.
        fork: The session whose copy to go on with.
        no_session: Write no journal.
        provider: Its name.
        model: Its name.
        cwd: The workspace.
        add_dir: Further folders the tools may use.
        max_steps: Requests a turn may make.
        max_tokens: Tokens a turn may take.
        max_budget_usd: US dollars a turn may cost.
        sandbox: ``auto``, ``bubblewrap``, ``container`` or ``off``.
        network: ``on`` or ``off``.
        review: Show what a turn changed before it is kept.
        dry_run: Work on a copy that is thrown away.
        allow: What may be done without being asked: ``install``, ``mcp``, ``network``, ``outside``.
        mcp_config: A file that names MCP servers.
        tools_mode: ``auto``, ``ask`` or ``off``.
        action: What ``tool`` does (``list``, ``call``, ``session``), ``sessions`` (``list``, ``show``, ``export``,
            ``replay``), ``key`` (``set``, ``list``, ``remove``, ``rotate``) or ``mcp`` (``list``, ``test``, ``trust``).
        format: How ``debug parse-tool-calls`` reads calls.
        tools: The file with the tools that it knows.
        name: The tool to call, the session's id, whose key it is, or the MCP server.
        file: What ``sessions export`` writes; empty is stdout.
        tool_arguments: The JSON text of a tool call.
        json: ``tool list``, ``mcp list`` or ``doctor`` as JSON.
    """

    command: str = "run"
    prompt: str | None = None
    print_: bool = False
    output_format: str = "text"
    continue_: bool = False
    resume: str | None = None
    fork: str | None = None
    no_session: bool = False
    provider: str | None = None
    model: str | None = None
    cwd: str | None = None
    add_dir: list[str]
    max_steps: int | None = None
    max_tokens: int | None = None
    max_budget_usd: float | None = None
    sandbox: str | None = None
    network: str | None = None
    review: bool = False
    dry_run: bool = False
    allow: list[str]
    tools_mode: str | None = None
    mcp_config: str | None = None
    action: str = ""
    format: str = "auto"
    tools: str | None = None
    name: str = ""
    file: str = ""
    tool_arguments: str = "{}"
    json: bool = False

    def __init__(self) -> None:
        super().__init__()
        self.add_dir = []
        self.allow = []


def parse(argv: Sequence[str]) -> Arguments:
    """Read a command line (without the program's name).

    Raises:
        SystemExit: 0 after ``--help`` and ``--version``; 2 after a usage error, which was printed on stderr.
    """
    options, literal = _split(argv)
    arguments = Arguments()
    index = _command_index(options)
    if index is None:
        parse_run(arguments, options, literal)
        return arguments
    command = options[index]
    if command in _RESERVED:
        Parser(f"py-mono {command}", description="").error(
            f"{command} is not in this version; to say that word to the model: py-mono -- {command}"
        )
    arguments.command = command
    load(COMMANDS[command])(arguments, [*options[:index], *options[index + 1 :]], literal)
    return arguments


def _split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """What stands before ``--``, and what stands after it and is therefore never an option or a command."""
    words = list(argv)
    if "--" not in words:
        return words, []
    cut = words.index("--")
    return words[:cut], words[cut + 1 :]


_TAKES_VALUE = frozenset({
    "--output-format", "--provider", "-m", "--model", "-C", "--cwd", "--add-dir", "--max-steps", "--max-tokens",
    "--max-budget-usd", "--sandbox", "--network", "--fork", "--allow", "--tools", "--mcp-config", "--completion",
})  # fmt: skip


def _command_index(words: list[str]) -> int | None:
    """Where the subcommand stands: the first word that is no option and no option's value, unless ``-p`` came before."""
    index = 0
    while index < len(words):
        word = words[index]
        if word in {"-p", "--print"}:
            return None
        if word in {"-r", "--resume"}:
            has_value = index + 1 < len(words) and not words[index + 1].startswith("-")
            index += 2 if has_value else 1
        elif word in _TAKES_VALUE:
            index += 2
        elif word.startswith("-"):
            index += 1
        else:
            return index if word in COMMANDS or word in _RESERVED else None
    return None
