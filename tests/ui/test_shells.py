"""What Tab offers in real shells, and that what they are told is what the parsers say."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from py_mono.llm.call_parser.families import NAMES
from py_mono.llm.registry import names as providers
from py_mono.ui.arguments import COMMANDS
from py_mono.ui.run_arguments import run_parser
from py_mono.ui.shells.script import FILES

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "py_mono" / "ui" / "shells"
BASH = """\
PS1='READY> '; bind 'set show-all-if-ambiguous on'; bind 'set enable-bracketed-paste off'
bind 'set completion-query-items 0'; bind 'set page-completions off'; source %s; echo LOA''DED
"""
ZSH = """\
PS1='READY> '; unsetopt prompt_cr prompt_sp; unset zle_bracketed_paste; LISTMAX=10000; setopt no_auto_menu no_list_ambiguous
fpath=(%s $fpath); autoload -Uz compinit; compinit -u -D; zstyle ':completion:*' verbose no; echo LOA''DED
"""


class Shell:
    """A shell of a user, in a folder that holds ``afile``, ``one/`` and ``two/``; two sessions are in the state folder."""

    def __init__(self, name: str, home: Path) -> None:
        self.name = name
        self.home = home
        (home / "w" / "one" / "deep").mkdir(parents=True)
        (home / "w" / "two").mkdir()
        (home / "w" / "afile").touch()
        self.sessions(home / ".local" / "state" / "py-mono", "20261122-a1", "20261122-b2")
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb", "LANG": "C.UTF-8"}

    @staticmethod
    def sessions(state: Path, *names: str) -> None:
        (state / "sessions").mkdir(parents=True)
        for name in names:
            (state / "sessions" / f"{name}.jsonl").touch()

    def offered(self, line: str) -> set[str]:
        """What Tab offers after a line, or the word it completes where there is but one."""
        raise NotImplementedError

    def command(self, line: str) -> None:
        """Run a command."""
        raise NotImplementedError

    def close(self) -> None:
        """End it."""


class Typed(Shell):
    """bash and zsh: keys are sent, and what is listed is read."""

    def __init__(self, name: str, home: Path) -> None:
        super().__init__(name, home)
        flags, setup, what = {
            "bash": (["--norc", "--noprofile", "-i"], BASH, SCRIPTS / FILES["bash"]),
            "zsh": (["-f", "-i"], ZSH, SCRIPTS),
        }[name]
        self._child = pexpect.spawn(
            name,
            flags,
            env=self.environment,
            cwd=str(home / "w"),
            dimensions=(100, 80),
            encoding="utf-8",
            timeout=20,
            use_poll=True,
        )
        self._child.delaybeforesend = None
        for command in setup.splitlines():
            self._child.send(f"{command % what if '%s' in command else command}\r")
        self._child.expect("LOADED\r\n")

    def offered(self, line: str) -> set[str]:
        self._child.expect("READY> $")
        self._child.send(f"{line}\t\x15echo MA''RK\r")
        self._child.expect("MARK\r\n")
        shown = self._child.before or ""
        if found := re.search(r"\n(.*)READY> " + re.escape(line.rpartition(" ")[0]), shown, re.DOTALL):
            return set(found[1].split())
        return {re.split(r"\s*[\r\x07\x08]", shown)[0].rpartition(" ")[2]}

    def command(self, line: str) -> None:
        self._child.expect("READY> $")
        self._child.send(f"{line}; echo MA''RK\r")
        self._child.expect("MARK\r\n")

    def close(self) -> None:
        self._child.close(force=True)


class Fish(Shell):
    """It says itself what it offers."""

    def __init__(self, name: str, home: Path) -> None:
        super().__init__(name, home)
        self._before = ""

    def offered(self, line: str) -> set[str]:
        done = subprocess.run(
            ["fish", "--no-config", "-c", f"source {SCRIPTS}/py-mono.fish; {self._before} complete -C $argv[1]", line],
            capture_output=True,
            check=True,
            cwd=self.home / "w",
            env=self.environment,
            text=True,
        )
        assert done.stderr == ""
        return {row.partition("\t")[0] for row in done.stdout.splitlines()}

    def command(self, line: str) -> None:
        self._before += f"{line}; "


@pytest.fixture(scope="module", params=sorted(FILES))
def shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not there; .ci/run installs it")
    made = (Fish if request.param == "fish" else Typed)(request.param, tmp_path_factory.mktemp(request.param))
    yield made
    made.close()


OPTIONS = {option for action in run_parser()._actions for option in action.option_strings if option.startswith("--")}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("py-mono ", set(COMMANDS)),
        ("py-mono --", OPTIONS),
        ("py-mono --sand", {"--sandbox"}),
        ("py-coding-agent --co", {"--completion", "--continue"}),
        ("py-mono --sandbox ", {"auto", "bubblewrap", "container", "off"}),
        ("py-mono -p --output-format ", {"text", "json", "stream-json"}),
        ("py-mono --provider ", set(providers())),
        ("py-mono -m x -c --network ", {"on", "off"}),
        ("py-mono -C ", {"one/", "two/"}),
        ("py-mono --add-dir one --add-dir ", {"one/", "two/"}),
        ("py-mono -r ", {"20261122-a1", "20261122-b2"}),
        ("py-mono --fork 2026", {"20261122-a1", "20261122-b2"}),
        ("py-mono --resume 20261122-b", {"20261122-b2"}),
        ("py-mono -r 20261122-b2 --n", {"--network", "--no-session"}),
        ("py-mono sessions ", {"list", "show", "export", "replay"}),
        ("py-mono sessions show ", {"20261122-a1", "20261122-b2"}),
        ("py-mono --network on tool ", {"list", "list_files", "read_file", "write_file", "edit_file", "grep", "shell"}),
        ("py-mono tool list --s", {"--sandbox", "--session"}),
        ("py-mono debug parse-tool-calls --tools ", {"afile", "one/", "two/"}),
        ("py-mono debug parse-tool-calls --format l", {name for name in NAMES if name.startswith("l")}),
    ],
)
def test_tab_offers_what_can_come_next(shell: Shell, line: str, expected: set[str]) -> None:
    assert shell.offered(line) == expected


def test_sessions_are_those_of_the_state_folder(shell: Shell) -> None:
    home = shell.home
    shell.sessions(home / "two words" / "state", "own-1", "own-2")
    shell.sessions(home / "xdg" / "py-mono", "xdg-1", "xdg-2")
    found: list[set[str]] = []
    for name, folder in (("XDG_STATE_HOME", "xdg"), ("XDG_STATE_HOME", "xdg"), ("PY_MONO_HOME", "two words")):
        value = f"{home}/{folder}" if found else folder  # at first relative, which does not count
        shell.command(f"set -gx {name} '{value}'" if shell.name == "fish" else f"export {name}='{value}'")
        found.append(shell.offered("py-mono --fork "))
    assert found == [{"20261122-a1", "20261122-b2"}, {"xdg-1", "xdg-2"}, {"own-1", "own-2"}]


def test_a_session_whose_name_says_a_command_is_not_run_by_tab(shell: Shell) -> None:
    state = shell.home / "hostile" / "state"
    shell.sessions(state, "own-1", "own-2", "$(touch ran)", "`touch ran`", "(touch ran)", "a;touch ran", "$HOME")
    shell.command(f"{'set -gx PY_MONO_HOME ' if shell.name == 'fish' else 'export PY_MONO_HOME='}{shell.home}/hostile")
    assert shell.offered("py-mono --fork own-") == {"own-1", "own-2"}
    shell.offered("py-mono --fork ")
    assert not (shell.home / "w" / "ran").exists()


@pytest.mark.parametrize("name", sorted(FILES))
def test_what_the_program_prints_is_what_the_parsers_say(name: str) -> None:
    def said(*command: str) -> str:
        return subprocess.run(
            [sys.executable, *command, name], capture_output=True, check=True, cwd=ROOT
        ).stdout.decode()

    assert said("-m", "py_mono.main", "--completion") == said("scripts/completions.py"), "run: make docs"
