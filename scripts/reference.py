"""Write docs/reference.md from the program itself: ``reference.py`` prints it, ``reference.py FILE`` writes it."""

import contextlib
import io
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from py_mono.config_file import BUDGET, FALLBACK
from py_mono.llm.registry import names as providers
from py_mono.sandbox.checkpoints.settings import KEYS
from py_mono.tools.builtin import edit_file, grep, list_files, read_file, shell, write_file
from py_mono.ui.arguments import COMMANDS as SUBCOMMANDS
from py_mono.ui.arguments import parse
from py_mono.ui.commands import COMMANDS
from py_mono.ui.run_arguments import run_parser

TOOLS = (list_files, read_file, write_file, edit_file, grep, shell)
ENVIRONMENT = (
    ("LLM_PROVIDER", f"who answers: {', '.join(providers())} (default `ollama`)"),
    ("OLLAMA_MODEL", "the model (default `lfm2.5-thinking:latest`)"),
    ("OLLAMA_BASE_URL", "the server; then `OLLAMA_HOST`, `OLLAMA_API_BASE`; else localhost:11434"),
    ("OLLAMA_CONTEXT_LENGTH", "the most tokens of context asked for (default 32,768)"),
    ("OLLAMA_KEEP_ALIVE", "how long the server keeps the model loaded (default `30m`)"),
    (
        "LITELLM_MODEL",
        "the model of the provider `litellm`: `groq/…`, `openai/…`, `anthropic/…`, `openrouter/…`, `gemini/…`",
    ),
    (
        "GROQ_API_KEY` `OPENAI_API_KEY` `ANTHROPIC_API_KEY` `OPENROUTER_API_KEY` `GEMINI_API_KEY",
        "the key for such a model: the part before the slash says which",
    ),
    (
        "OPENAI_BASE_URL",
        "a server that speaks OpenAI's chat, for `openai/…` (a local one needs no key); so `GROQ_BASE_URL` and the like",
    ),
    ("PY_MONO_SCRIPT", "the script of the provider `scripted`"),
    ("WORKSPACE_ROOT", "the workspace; else the current folder, in Docker `/workspace`"),
    (
        "DATETIME_MCP_URL",
        "the address of an MCP server `datetime`, such as `http://localhost:50051/mcp`; Compose sets it",
    ),
    ("PY_MONO_HOME", "one folder for state and configuration (`state/`, `config/.env`), instead of the XDG ones"),
    ("NO_COLOR", "no colour"),
)
CONFIG_FILE = """\
## config.toml

In the configuration folder (`~/.config/py-mono/`); it need not be there, nor need any of this be in it. What it does not know,
or cannot be, is refused before anything runs.

```toml
[budget]
turn_usd = 0.50
session_usd = 5
warn_at = 0.8

[fallback]
chain = ["groq/qwen/qwen3-32b", "ollama"]

[checkpoints]
leave_out = [".venv", "node_modules", "__pycache__", "data"]
max_file_mb = 20
```
"""
TABLES = (
    ("budget", "What requests may cost: [cost.md](cost.md).", BUDGET),
    ("fallback", "Who stands in: [providers.md](providers.md).", FALLBACK),
    (
        "checkpoints",
        (
            "What `/undo` can bring back, and for how long. What it cannot bring back is said with each checkpoint: larger files, "
            "folders that are left out (caches apart), pipes, sockets and devices, `.keys.enc`. Extended attributes and ACLs are "
            "never kept; an owner is, where it may be set."
        ),
        KEYS,
    ),
)
COMPLETION = """\
## Completion

Tab then completes options, their values, commands, tools, folders and the IDs of sessions; no Python is started for it. One
line for each shell, typed once, and a new shell:

```bash
mkdir -p ~/.local/share/bash-completion/completions && py-mono --completion bash > ~/.local/share/bash-completion/completions/py-mono
```

```zsh
mkdir -p ~/.zfunc && py-mono --completion zsh > ~/.zfunc/_py-mono && echo 'fpath=(~/.zfunc $fpath); autoload -Uz compinit; compinit' >> ~/.zshrc
```

```fish
mkdir -p ~/.config/fish/completions && py-mono --completion fish > ~/.config/fish/completions/py-mono.fish
```

bash reads that folder where the package `bash-completion` is installed; else put `eval "$(py-mono --completion bash)"` into
`~/.bashrc`.
"""
HEAD = "<!-- made by scripts/reference.py; a test compares it -->\n\n# Reference\n"


def help_text(*arguments: str) -> str:
    """What ``--help`` prints at 100 columns."""
    os.environ["COLUMNS"] = "100"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        parse([*arguments, "--help"])
    return printed.getvalue().rstrip()


def options() -> str:
    """What ``--help`` leaves out: each option by itself, at 100 columns."""
    os.environ["COLUMNS"] = "100"
    return run_parser().format_help().partition("options:\n")[2].rstrip()


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def tool_row(spec: dict[str, object]) -> tuple[str, ...]:
    """A tool: its name, its arguments, what the model is told of it."""
    parameters = spec["parameters"]
    assert isinstance(parameters, dict)  # noqa: S101 - every SPEC has them
    required = parameters.get("required", ())
    arguments = ", ".join(
        f"`{name}`" if name in required else f"`{name}` (optional)" for name in parameters["properties"]
    )
    return f"`{spec['name']}`", arguments, " ".join(str(spec["description"]).split())


def keys(described: Mapping[str, str]) -> str:
    """The keys of a table of ``config.toml``."""
    return table(("key", "what it sets"), [(f"`{name}`", text) for name, text in described.items()])


def reference() -> str:
    """The page."""
    commands = [(f"`{command.name} {command.arguments}`".replace(" `", "`"), command.help) for command in COMMANDS]
    parts = [
        HEAD,
        f"## py-mono\n\n```text\n{help_text()}\n```\n\nEach option by itself:\n\n```text\n{options()}\n```\n",
        *(f"## py-mono {name}\n\n```text\n{help_text(name)}\n```\n" for name in SUBCOMMANDS),
        COMPLETION,
        "## Slash commands\n\n" + table(("command", "what it does"), commands) + "\n",
        "## Tools\n\nWhat the model is told of each.\n\n"
        + table(("tool", "arguments", "description"), [tool_row(tool.SPEC) for tool in TOOLS])
        + "\n",
        CONFIG_FILE,
        *(f"### [{name}]\n\n{text}\n\n{keys(described)}\n" for name, text, described in TABLES),
        "## Environment\n\nA `.env` in the configuration folder (`~/.config/py-mono/`) can set the same; the real "
        "environment wins.\n\n"
        + table(("variable", "what it sets"), [(f"`{name}`", text) for name, text in ENVIRONMENT]),
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
    else:
        sys.stdout.write(reference())
