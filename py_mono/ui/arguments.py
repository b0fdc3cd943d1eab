"""The command line: what ``interface.md`` promises, as far as it is built; read before anything else is imported."""

import argparse
import math
from collections.abc import Sequence

from py_mono.ui.parser import Parser
from py_mono.utils.version import VERSION

_COMMANDS = ("tool", "sessions", "demo", "debug")
_RESERVED = ("skill", "key", "mcp", "mom", "pods", "doctor")
"""Commands that are promised and not there yet: a script that calls one must not talk to a model instead."""

FORMATS = """formats: auto apertus cohere deepseek gemma glm granite harmony hermes internlm
  invoke json kimi lfm2 llama minimax mistral nemotron phi pythonic qwen react
  seed tool_use"""
"""Those of ``llm.call_parser``, which is not imported for a help text."""

_EPILOG = """\
commands:
  tool list [--json]        the tools
  tool NAME ['JSON-ARGS']   call one
  tool --session            call many: JSON lines on stdin, one answer a line
  sessions list | show ID | replay ID
  demo                      fix a failing test with a scripted model
  debug parse-tool-calls    the tool calls in a reply on stdin, as JSON
A PROMPT that is one of these words comes after -- or with -p.

exit status: 0 done, 1 failed, 2 usage or configuration, 3 a limit was reached,
  4 needs approval, 75 try again, 130 Ctrl-C, 143 SIGTERM
"""


class Arguments(argparse.Namespace):
    """What the command line said; None where it said nothing.

    Attributes:
        command: ``run`` (REPL or one shot), ``tool``, ``sessions``, ``demo`` or ``debug``.
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
        action: What ``tool`` does (``list``, ``call``, ``session``) or ``sessions`` (``list``, ``show``, ``replay``).
        format: How ``debug parse-tool-calls`` reads calls.
        tools: The file with the tools that it knows.
        name: The tool to call, or the session's id.
        tool_arguments: The JSON text of a tool call.
        json: ``tool list`` as JSON.
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
    action: str = ""
    format: str = "auto"
    tools: str | None = None
    name: str = ""
    tool_arguments: str = "{}"
    json: bool = False

    def __init__(self) -> None:
        super().__init__()
        self.add_dir = []


def parse(argv: Sequence[str]) -> Arguments:
    """Read a command line (without the program's name).

    Raises:
        SystemExit: 0 after ``--help`` and ``--version``; 2 after a usage error, which was printed on stderr.
    """
    options, literal = _split(argv)
    index = _command_index(options)
    if index is None:
        return _parse_run(options, literal)
    command = options[index]
    if command in _RESERVED:
        Parser(f"py-mono {command}", description="").error(
            f"{command} is not in this version; to say that word to the model: py-mono -- {command}"
        )
    rest = [*options[:index], *options[index + 1 :]]
    arguments = Arguments()
    arguments.command = command
    if command == "tool":
        return _parse_tool(arguments, rest, literal)
    if command == "sessions":
        return _parse_sessions(arguments, rest, literal)
    if command == "debug":
        return _parse_debug(arguments, [*rest, *literal])
    parser = Parser("py-mono demo", description="Fix a failing test with a scripted model and the real tools.")
    _add_lock_options(parser)
    parser.parse_args([*rest, *literal], arguments)
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
    "--max-budget-usd", "--sandbox", "--network", "--fork",
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
            return index if word in _COMMANDS or word in _RESERVED else None
    return None


def _count(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return number


def _money(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount above 0, such as 0.50")
    return number


def _add_lock_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--sandbox",
        choices=("auto", "bubblewrap", "container", "off"),
        help="how tools are confined (default: auto, the strongest lock there is)",
    )


def _add_workspace_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-C", "--cwd", metavar="DIR", help="the workspace (default: the current folder)")
    parser.add_argument(
        "--add-dir", metavar="DIR", action="append", default=[], help="one more folder tools may use; repeatable"
    )
    parser.add_argument("--network", choices=("on", "off"), help="whether tools reach the network (default: off)")
    _add_lock_options(parser)


def _run_parser() -> Parser:
    parser = Parser(
        "py-mono",
        usage="py-mono [OPTIONS] [PROMPT]\n       py-mono COMMAND ...",
        description="A confined coding agent. Without -p: the REPL, with PROMPT as its first message.",
        epilog=_EPILOG,
    )
    parser.add_argument("words", nargs="*", metavar="PROMPT", help="what to do, in quotes")
    parser.add_argument(
        "-p", "--print", dest="print_", action="store_true", help="one shot: the answer on stdout, progress on stderr"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--output-format", choices=("text", "json", "stream-json"), help="with -p (default: text)")
    form.add_argument(
        "--json", dest="output_format", action="store_const", const="stream-json", help="--output-format stream-json"
    )
    session = parser.add_mutually_exclusive_group()
    session.add_argument(
        "-c", "--continue", dest="continue_", action="store_true", help="go on with the newest session"
    )
    session.add_argument(
        "-r", "--resume", nargs="?", const="", metavar="ID", help="go on with a session, in its workspace"
    )
    session.add_argument("--fork", metavar="ID", help="go on with a copy of a session, in its workspace")
    session.add_argument("--no-session", action="store_true", help="write no journal")
    parser.add_argument(
        "--provider", metavar="NAME", help="who answers (default: ollama); replay -r ID plays a session's replies"
    )
    parser.add_argument("-m", "--model", metavar="MODEL", help="which model")
    parser.add_argument("--max-steps", type=_count, metavar="N", help="requests a turn may make (default: 200)")
    parser.add_argument("--max-tokens", type=_count, metavar="N", help="tokens a turn may take")
    parser.add_argument("--max-budget-usd", type=_money, metavar="X", help="US dollars a turn may cost")
    _add_workspace_options(parser)
    parser.add_argument("--version", action="version", version=f"py-mono {VERSION}")
    return parser


def _parse_run(options: list[str], literal: list[str]) -> Arguments:
    parser = _run_parser()
    arguments = Arguments()
    parser.parse_intermixed_args(options, arguments)
    words = [*arguments.words, *literal]
    del arguments.words
    if len(words) > 1:
        parser.error(f"PROMPT is one argument, not {len(words)}: put it in quotes")
    arguments.prompt = words[0] if words else None
    arguments.output_format = arguments.output_format or "text"
    if arguments.output_format != "text" and not arguments.print_:
        parser.error(f"--output-format {arguments.output_format} goes with -p")
    return arguments


def _parse_tool(arguments: Arguments, options: list[str], literal: list[str]) -> Arguments:
    parser = Parser(
        "py-mono tool",
        usage="py-mono tool list [--json] | NAME ['JSON-ARGS'] | --session",
        description="Call tools yourself: no model, nothing asked.",
    )
    parser.add_argument("words", nargs="*", metavar="NAME", help="list, or the tool's name and its arguments as JSON")
    parser.add_argument("--json", action="store_true", help="with list: names, descriptions and schemas as JSON")
    parser.add_argument("--session", action="store_true", help="answer JSON lines from stdin")
    _add_workspace_options(parser)
    parser.parse_intermixed_args(options, arguments)
    words = [*arguments.words, *literal]
    session: bool = arguments.session
    del arguments.words, arguments.session
    if arguments.json and words != ["list"]:
        parser.error("--json goes with list")
    if session == bool(words):
        parser.error("say list, or a tool's NAME and its arguments as JSON, or --session")
    if session:
        arguments.action = "session"
    elif words == ["list"]:
        arguments.action = "list"
    else:
        name, *rest = words
        if len(rest) > 1 or name == "list":
            parser.error(f"too much after {name!r}: the arguments are one JSON object, in quotes")
        arguments.action = "call"
        arguments.name = name
        arguments.tool_arguments = rest[0] if rest else "{}"
    return arguments


def _parse_sessions(arguments: Arguments, options: list[str], literal: list[str]) -> Arguments:
    parser = Parser(
        "py-mono sessions",
        usage="py-mono sessions list | show ID | replay ID",
        description="The recorded sessions: of all workspaces, or with -C of one.",
    )
    parser.add_argument("action", choices=("list", "show", "replay"))
    parser.add_argument("name", nargs="?", metavar="ID", default="")
    parser.add_argument("-C", "--cwd", metavar="DIR", help="with list: only those of this workspace")
    if options[:1] == ["export"]:
        parser.error("export is not in this version; a session's journal is JSON lines in the state folder")
    parser.parse_args([*options, *literal], arguments)
    if (arguments.action == "list") == bool(arguments.name):
        parser.error("list takes no ID; show and replay take one (sessions list shows them)")
    return arguments


def _parse_debug(arguments: Arguments, words: list[str]) -> Arguments:
    parser = Parser(
        "py-mono debug",
        description="Read a model's reply from stdin; print the tool calls in it as one JSON list, [] where there is none.",
        epilog=FORMATS,
    )
    parser.add_argument("action", choices=("parse-tool-calls",))
    parser.add_argument("--format", metavar="NAME", help="one format, or auto for all of them (default: auto)")
    parser.add_argument("--tools", metavar="FILE", help="an OpenAI tool list; loose JSON counts only for tools in it")
    return parser.parse_args(words, arguments)
