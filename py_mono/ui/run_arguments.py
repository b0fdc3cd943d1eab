"""The command line of the REPL and of one shot, and the options that subcommands share with it."""

import argparse
import math
import sys

from py_mono.ui.parser import Parser
from py_mono.utils.lazy import load
from py_mono.utils.version import VERSION

TYPE_CHECKING = False  # spelled out: typing is not free
if TYPE_CHECKING:
    from _typeshed import SupportsWrite

    from py_mono.ui.arguments import Arguments

ALLOWABLE = ("install", "mcp", "network", "outside")
"""Kinds of ``protocol.approvals.NeedKind`` that ``--allow`` can name."""

HELP = """\
usage: py-mono [OPTIONS] [PROMPT]    a confined coding agent: the REPL
       py-mono -p, --print PROMPT    one shot: the answer alone on stdout
       py-mono COMMAND [--help]      tool sessions key mcp doctor demo debug

  -c, --continue               go on with the newest session
  -r, --resume [ID]            go on with a session, in its workspace
  --fork ID, --no-session      go on with a copy of a session; write no journal
  --output-format FORM         with -p: text, json, stream-json (same as --json)
  --provider NAME              who answers: ollama (default), groq, openai, …
  -m, --model MODEL            qwen3:8b; of a cloud: groq/qwen/qwen3-32b
  --max-steps N, --max-tokens N, --max-budget-usd X     what a turn may take
  --review, --dry-run          see a turn's diff before it is kept; keep nothing
  --tools auto|ask|off         ask before each change; no tools
  --mcp-config FILE            MCP servers, beside those of .mcp.json
  --allow KIND,KIND            unasked with -p: install,mcp,network,outside
  -C, --cwd DIR, --add-dir DIR the workspace (here); further folders for tools
  --sandbox auto|bubblewrap|container|off     how tools are confined
  --network on|off             whether tools reach the network (default: off)
  --completion bash|zsh|fish   print what completes this command in that shell
  -h, --help, --version        this; the version

A PROMPT that is a COMMAND's name comes after --. Exit status: 0 done, 1 failed,
2 usage or configuration, 3 limit reached, 4 needs approval, 75 try again
"""
"""What fits a screen of 24 rows and 80 columns, a prompt below it; in full it is in docs/reference.md."""


def parse_run(arguments: "Arguments", options: list[str], literal: list[str]) -> None:
    """Read the command line of the REPL and of one shot; ``literal`` are words that are no options."""
    parser = run_parser()
    parser.parse_intermixed_args(options, arguments)
    words, shell = [*arguments.words, *literal], arguments.completion
    del arguments.words, arguments.completion
    if shell:
        raise SystemExit(load("py_mono.ui.shells.script:show")(shell))
    if len(words) > 1:
        parser.error(f"PROMPT is one argument, not {len(words)}: put it in quotes")
    arguments.prompt = words[0] if words else None
    if arguments.prompt and "key" in arguments.prompt.lower() and load("py_mono.ui.line.secret:key_line")(words[0]):
        parser.error(
            "a key does not belong on the command line: ps and the shell's history show it. "
            "It is set with: py-mono key set PROVIDER"
        )
    arguments.output_format = arguments.output_format or "text"
    if arguments.review and arguments.dry_run:
        parser.error("--dry-run keeps nothing, so there is nothing to --review")
    arguments.allow = _allowed(parser, arguments.allow)
    if arguments.output_format != "text" and not arguments.print_:
        parser.error(f"--output-format {arguments.output_format} goes with -p")


def _allowed(parser: Parser, said: list[str]) -> list[str]:
    """The kinds that ``--allow`` names, which takes several with commas between them and can be repeated."""
    kinds = [kind.strip() for text in said for kind in text.split(",") if kind.strip()]
    if wrong := [kind for kind in kinds if kind not in ALLOWABLE]:
        parser.error(f"--allow knows no {wrong[0]!r}; there are {', '.join(ALLOWABLE)}")
    return kinds


class _RunParser(Parser):
    """Its help fits a screen; ``format_help`` has all of it."""

    def print_help(self, file: "SupportsWrite[str] | None" = None) -> None:
        """Print the short one, on stdout where no file is named."""
        self._print_message(HELP, file or sys.stdout)


def run_parser() -> Parser:
    """The options of the REPL and of one shot, and ``words``, the prompt."""
    parser = _RunParser(
        "py-mono",
        usage="py-mono [OPTIONS] [PROMPT]\n       py-mono COMMAND ...",
        description="A confined coding agent. Without -p: the REPL, with PROMPT as its first message.",
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
        "--provider",
        metavar="NAME",
        help="who answers: ollama (default), groq, openai, anthropic, gemini, openrouter, litellm (with any other cloud); "
        "replay -r ID plays a session's replies",
    )
    parser.add_argument(
        "-m",
        "--model",
        metavar="MODEL",
        help="which model: qwen3:8b; PROVIDER/MODEL names both: groq/qwen/qwen3-32b, and litellm needs both",
    )
    parser.add_argument("--max-steps", type=_count, metavar="N", help="requests a turn may make (default: 200)")
    parser.add_argument("--max-tokens", type=_count, metavar="N", help="tokens a turn may take")
    parser.add_argument(
        "--max-budget-usd", type=_money, metavar="X", help="US dollars a turn may cost, where the price is known"
    )
    _add_keeping(parser)
    add_workspace_options(parser)
    parser.add_argument(
        "--completion", choices=("bash", "zsh", "fish"), help="print what completes this command in that shell"
    )
    parser.add_argument("--version", action="version", version=f"py-mono {VERSION}")
    return parser


def _add_keeping(parser: Parser) -> None:
    """The options that say what becomes of what a turn does, and what it is asked for."""
    parser.add_argument("--review", action="store_true", help="see what a turn changed before it is kept")
    parser.add_argument("--dry-run", action="store_true", help="work on a copy, show the diff, keep nothing")
    parser.add_argument(
        "--allow",
        metavar="WHAT",
        action="append",
        default=[],
        help=f"what -p may do unasked: {','.join(ALLOWABLE)}",
    )
    parser.add_argument(
        "--tools",
        dest="tools_mode",
        choices=("auto", "ask", "off"),
        help="ask before each change, or no tools (default: auto)",
    )


def add_lock_options(parser: argparse.ArgumentParser) -> None:
    """The option of whatever starts a worker."""
    parser.add_argument(
        "--sandbox",
        choices=("auto", "bubblewrap", "container", "off"),
        help="how tools are confined (default: auto, the strongest lock there is)",
    )


def add_workspace_options(parser: argparse.ArgumentParser) -> None:
    """The options of whatever has a workspace."""
    parser.add_argument("-C", "--cwd", metavar="DIR", help="the workspace (default: the current folder)")
    parser.add_argument(
        "--add-dir", metavar="DIR", action="append", default=[], help="one more folder tools may use; repeatable"
    )
    parser.add_argument("--network", choices=("on", "off"), help="whether tools reach the network (default: off)")
    parser.add_argument("--mcp-config", metavar="FILE", help="a file that names MCP servers (mcpServers), yours")
    add_lock_options(parser)


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
