"""The command line of the REPL and of one shot, and the options that subcommands share with it."""

import argparse
import math

from py_mono.ui.parser import Parser
from py_mono.utils.version import VERSION

TYPE_CHECKING = False  # spelled out: typing is not free
if TYPE_CHECKING:
    from py_mono.ui.arguments import Arguments

ALLOWABLE = ("install", "network", "outside")
"""Kinds of ``protocol.approvals.NeedKind`` that ``--allow`` can name."""

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


def parse_run(arguments: "Arguments", options: list[str], literal: list[str]) -> None:
    """Read the command line of the REPL and of one shot; ``literal`` are words that are no options."""
    parser = _run_parser()
    parser.parse_intermixed_args(options, arguments)
    words = [*arguments.words, *literal]
    del arguments.words
    if len(words) > 1:
        parser.error(f"PROMPT is one argument, not {len(words)}: put it in quotes")
    arguments.prompt = words[0] if words else None
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
        "--provider",
        metavar="NAME",
        help="who answers: ollama (default), litellm; replay -r ID plays a session's replies",
    )
    parser.add_argument(
        "-m", "--model", metavar="MODEL", help="which model: qwen3:8b; with litellm PROVIDER/MODEL: groq/qwen/qwen3-32b"
    )
    parser.add_argument("--max-steps", type=_count, metavar="N", help="requests a turn may make (default: 200)")
    parser.add_argument("--max-tokens", type=_count, metavar="N", help="tokens a turn may take")
    parser.add_argument(
        "--max-budget-usd", type=_money, metavar="X", help="US dollars a turn may cost, where the price is known"
    )
    parser.add_argument("--review", action="store_true", help="see what a turn changed before it is kept")
    parser.add_argument("--dry-run", action="store_true", help="work on a copy, show the diff, keep nothing")
    parser.add_argument(
        "--allow", metavar="WHAT", action="append", default=[], help="what -p may do unasked: install,network,outside"
    )
    parser.add_argument(
        "--tools",
        dest="tools_mode",
        choices=("auto", "ask", "off"),
        help="ask before each change, or no tools (default: auto)",
    )
    add_workspace_options(parser)
    parser.add_argument("--version", action="version", version=f"py-mono {VERSION}")
    return parser


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
