"""The command lines of the subcommands; loaded when one is called."""

from py_mono.ui.parser import Parser
from py_mono.ui.run_arguments import add_lock_options, add_workspace_options

TYPE_CHECKING = False  # spelled out: typing is not free
if TYPE_CHECKING:
    from py_mono.ui.arguments import Arguments

FORMATS = """formats: auto apertus cohere deepseek gemma glm granite harmony hermes internlm
  invoke json kimi lfm2 llama minimax mistral nemotron phi pythonic qwen react
  seed tool_use"""
"""Those of ``llm.call_parser``, which is not imported for a help text."""


def tool_parser() -> Parser:
    """Of ``py-mono tool``."""
    parser = Parser(
        "py-mono tool",
        usage="py-mono tool list [--json] | NAME ['JSON-ARGS'] | --session",
        description="Call tools yourself: no model, nothing asked.",
    )
    parser.add_argument("words", nargs="*", metavar="NAME", help="list, or the tool's name and its arguments as JSON")
    parser.add_argument("--json", action="store_true", help="with list: names, descriptions and schemas as JSON")
    parser.add_argument("--session", action="store_true", help="answer JSON lines from stdin")
    add_workspace_options(parser)
    return parser


def parse_tool(arguments: "Arguments", options: list[str], literal: list[str]) -> None:
    """``py-mono tool``; ``literal`` are words that are no options, here and below."""
    parser = tool_parser()
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


def sessions_parser() -> Parser:
    """Of ``py-mono sessions``."""
    parser = Parser(
        "py-mono sessions",
        usage="py-mono sessions list | show ID | export ID [FILE] | replay ID",
        description="The recorded sessions: of all workspaces, or with -C of one.",
    )
    parser.add_argument("action", choices=("list", "show", "export", "replay"))
    parser.add_argument("name", nargs="?", metavar="ID", default="")
    export = "with export: a new file, .md for the transcript or .jsonl for all facts (default: .md on stdout)"
    parser.add_argument("file", nargs="?", metavar="FILE", default="", help=export)
    parser.add_argument("-C", "--cwd", metavar="DIR", help="with list: only those of this workspace")
    return parser


def parse_sessions(arguments: "Arguments", options: list[str], literal: list[str]) -> None:
    """``py-mono sessions``."""
    parser = sessions_parser()
    parser.parse_args([*options, *literal], arguments)
    if (arguments.action == "list") == bool(arguments.name):
        parser.error("list takes no ID; show, export and replay take one (sessions list shows them)")
    if arguments.file and arguments.action != "export":
        parser.error(f"too much after {arguments.action}: only export takes a FILE")


KEY_ACTIONS = ("set", "list", "remove", "rotate")


def key_parser() -> Parser:
    """Of ``py-mono key``."""
    parser = Parser(
        "py-mono key",
        usage="py-mono key set PROVIDER | list | remove PROVIDER | rotate  [-C DIR]",
        description="The keys of providers, stored encrypted in the workspace. set asks for the key, or reads it from stdin.",
        epilog="The master key is LLM_MASTER_KEY. The guide is docs/HOW-TO-SETUP-KEYS.md.",
    )
    parser.add_argument("action", metavar="ACTION", help="set, list, remove or rotate")
    parser.add_argument("name", nargs="?", metavar="PROVIDER", default="", help="whose key: groq, openai, anthropic, …")
    parser.add_argument("-C", "--cwd", metavar="DIR", help="the workspace (default: the current folder)")
    return parser


def parse_key(arguments: "Arguments", options: list[str], literal: list[str]) -> None:
    """``py-mono key``; what is too much is not repeated on the screen: it may be a key."""
    parser = key_parser()
    _, more = parser.parse_known_intermixed_args([*options, *(word for word in literal if word)], arguments)
    if arguments.action == "help":
        parser.parse_args(["--help"])
    if arguments.action not in KEY_ACTIONS:
        parser.error(f"say one of {', '.join(KEY_ACTIONS)}")
    if more and arguments.action == "set":
        parser.error(
            "a key does not belong on the command line: ps and the shell's history show it. "
            "Leave it out, and you are asked for it; or pipe it in"
        )
    if more or (arguments.action in {"list", "rotate"} and arguments.name):
        parser.error(f"too much after {arguments.action}")
    if arguments.action in {"set", "remove"} and not arguments.name:
        parser.error(f"{arguments.action} takes the name of a provider, such as groq")


MCP_ACTIONS = ("list", "test", "trust")


def mcp_parser() -> Parser:
    """Of ``py-mono mcp``."""
    parser = Parser(
        "py-mono mcp",
        usage="py-mono mcp list [--json] | test [NAME] | trust [NAME]  [-C DIR] [--mcp-config FILE]",
        description="MCP servers: which there are; connect, and list their tools; agree to those of the workspace's .mcp.json.",
        epilog="The guide is docs/mcp.md.",
    )
    parser.add_argument("action", choices=MCP_ACTIONS)
    parser.add_argument("name", nargs="?", metavar="NAME", default="", help="one of them (default: all)")
    parser.add_argument("--json", action="store_true", help="with list: for programs")
    parser.add_argument("-C", "--cwd", metavar="DIR", help="the workspace (default: the current folder)")
    parser.add_argument("--mcp-config", metavar="FILE", help="a file that names MCP servers (mcpServers), yours")
    add_lock_options(parser)
    return parser


def parse_mcp(arguments: "Arguments", options: list[str], literal: list[str]) -> None:
    """``py-mono mcp``."""
    parser = mcp_parser()
    parser.parse_intermixed_args([*options, *literal], arguments)
    if arguments.json and arguments.action != "list":
        parser.error("--json goes with list")
    if arguments.name and arguments.action == "list":
        parser.error("list takes no NAME: it shows all")


def demo_parser() -> Parser:
    """Of ``py-mono demo``."""
    parser = Parser("py-mono demo", description="Fix a failing test with a scripted model and the real tools.")
    add_lock_options(parser)
    return parser


def parse_demo(arguments: "Arguments", options: list[str], literal: list[str]) -> None:
    """``py-mono demo``."""
    parser = demo_parser()
    parser.parse_args([*options, *literal], arguments)


def debug_parser() -> Parser:
    """Of ``py-mono debug``."""
    parser = Parser(
        "py-mono debug",
        description="Read a model's reply from stdin; print the tool calls in it as one JSON list, [] where there is none.",
        epilog=FORMATS,
    )
    parser.add_argument("action", choices=("parse-tool-calls",))
    parser.add_argument("--format", metavar="NAME", help="one format, or auto for all of them (default: auto)")
    parser.add_argument("--tools", metavar="FILE", help="an OpenAI tool list; loose JSON counts only for tools in it")
    return parser


def parse_debug(arguments: "Arguments", options: list[str], literal: list[str]) -> None:
    """``py-mono debug``."""
    parser = debug_parser()
    parser.parse_args([*options, *literal], arguments)


def doctor_parser() -> Parser:
    """Of ``py-mono doctor``."""
    parser = Parser(
        "py-mono doctor",
        description="Say what is wrong here, and the one command that mends it: the model's server, the lock, the workspace.",
        epilog="Status 0 where everything works, 1 where something does not. Nothing is sent to a cloud.",
    )
    parser.add_argument("--json", action="store_true", help="one object, for programs")
    parser.add_argument("--provider", metavar="NAME", help="look at this one: ollama (default), groq, openai, …")
    parser.add_argument("-m", "--model", metavar="MODEL", help="look for this model")
    add_workspace_options(parser)
    return parser


def parse_doctor(arguments: "Arguments", options: list[str], literal: list[str]) -> None:
    """``py-mono doctor``."""
    doctor_parser().parse_args([*options, *literal], arguments)
