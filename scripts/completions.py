"""Write what completes the command line in bash, zsh and fish, from the parsers themselves, into py_mono/ui/shells.

``completions.py`` writes the scripts; ``completions.py SHELL`` prints one. They are made by shtab, ask no Python when a key
is pressed, and list sessions by their files.
"""

import argparse
import sys
from pathlib import Path

import shtab

from py_mono.llm.call_parser.families import NAMES
from py_mono.llm.clouds.models import with_keys
from py_mono.llm.registry import names as providers
from py_mono.tools.builtin import edit_file, grep, list_files, read_file, shell, write_file
from py_mono.ui.arguments import COMMANDS
from py_mono.ui.run_arguments import ALLOWABLE, run_parser
from py_mono.ui.shells.script import FILES
from py_mono.ui.subcommands import KEY_ACTIONS
from py_mono.utils.lazy import load

ALIAS = "py-coding-agent"
PLACE = Path(__file__).resolve().parents[1] / "py_mono" / "ui" / "shells"
TOOLS = (list_files, read_file, write_file, edit_file, grep, shell)

# The state folder is found as config.Folders finds it; a relative XDG folder does not count.
_STATE = {
    "sh": """\
  local state=${PY_MONO_HOME:+$PY_MONO_HOME/state} base=${XDG_STATE_HOME-}
  [[ $base == /* ]] || base=$HOME/.local/state
  : "${state:=$base/py-mono}"
""",
    "fish": """\
  set -l base "$XDG_STATE_HOME"
  string match -q '/*' -- "$base"; or set base $HOME/.local/state
  set -l state $base/py-mono
  test -n "$PY_MONO_HOME"; and set state $PY_MONO_HOME/state
""",
}
SESSIONS = {
    "bash": "_py_mono_sessions",
    "zsh": "_py_mono_sessions",
    "fish": "(_py_mono_sessions)",
    "preamble": {
        "bash": f"""\
_py_mono_sessions() {{
{_STATE["sh"]}\
  local file names=
  for file in "$state"/sessions/*.jsonl; do
    file=${{file##*/}} file=${{file%.jsonl}}
    [[ $file == *[!A-Za-z0-9._-]* ]] || names+=" $file"  # compgen would run what a name says
  done
  compgen -W "$names" -- "$1"
}}
""",
        "zsh": f"""\
_py_mono_sessions() {{
{_STATE["sh"]}\
  local -a names
  names=("$state"/sessions/*.jsonl(N:t:r))
  compadd -a names
}}
""",
        "fish": f"""\
function _py_mono_sessions
{_STATE["fish"]}\
  for file in $state/sessions/*.jsonl
    path change-extension '' (path basename -- $file)
  end
end
""",
    },
}
"""How each shell lists the sessions there are."""

VALUES = {
    ("", "provider"): providers(),
    ("", "allow"): ALLOWABLE,
    ("tool", "words"): ("list", *(str(tool.SPEC["name"]) for tool in TOOLS)),
    ("debug", "format"): NAMES,
    ("key", "action"): KEY_ACTIONS,
    ("key", "name"): with_keys(),
}
COMPLETED = {
    "cwd": shtab.DIRECTORY,
    "add_dir": shtab.DIRECTORY,
    "tools": shtab.FILE,
    "file": shtab.FILE,
    "resume": SESSIONS,
    "fork": SESSIONS,
    "name": SESSIONS,
}


def tree() -> argparse.ArgumentParser:
    """The whole command line as one parser: its commands are those that ``arguments.parse`` looks for by hand."""
    root = argparse.ArgumentParser("py-mono", parents=[_described("", run_parser())], add_help=False)
    actions = root._actions  # noqa: SLF001 - argparse has no other list of them, and shtab reads this one
    # A prompt is anything; what can be offered in its place is a command.
    actions.remove(next(action for action in actions if action.dest == "words"))
    commands = root.add_subparsers()
    for name, target in COMMANDS.items():
        parser = _described(name, load(f"{target.partition(':')[0]}:{name}_parser")())
        commands.add_parser(name, parents=[parser], add_help=False, help=parser.description)
    return root


def _described(command: str, parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    for action in parser._actions:  # noqa: SLF001 - see above
        if values := VALUES.get((command, action.dest)):
            action.choices = values
            action.nargs = None  # of several words the first is one of these
        elif action.choices is None and action.nargs != 0 and action.dest in COMPLETED:
            action.nargs = None  # bash would offer values for good after one that may be left out
            action.complete = COMPLETED[action.dest]  # type: ignore[attr-defined]  # where shtab looks for it
    return parser


def script(name: str) -> str:
    """What completes the command line in a shell."""
    text = shtab.complete(tree(), name)
    if name == "bash":
        return f"{text} {ALIAS}\n"
    if name == "zsh":
        return text.replace("#compdef py-mono\n", f"#compdef py-mono {ALIAS}\n").replace(
            "-N py-mono\n", f"-N py-mono {ALIAS}\n"
        )
    return f"{text}complete -c {ALIAS} -w py-mono\n"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.stdout.write(script(sys.argv[1]))
    else:
        for shell_name, file in FILES.items():
            (PLACE / file).write_text(script(shell_name), encoding="utf-8")
