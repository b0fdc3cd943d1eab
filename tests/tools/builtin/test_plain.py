"""What is started without a shell does what the shell would have done."""

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from py_mono.tools.builtin.plain import plain_words

BASH = shutil.which("bash") or "bash"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("git status", ["git", "status"]),
        ("  pytest  -q tests/a.py::test_b ", ["pytest", "-q", "tests/a.py::test_b"]),
        ("echo step-1", ["echo", "step-1"]),
        ("./run.sh a=b", ["./run.sh", "a=b"]),
        ("make -j2 CFLAGS=-O2", ["make", "-j2", "CFLAGS=-O2"]),
    ],
)
def test_plain_commands_are_split_into_their_words(command: str, words: list[str]) -> None:
    assert plain_words(command) == words


@pytest.mark.parametrize(
    "command",
    [
        "A=1 make", "cd src", "echo -n x", "echo $HOME", "ls *.py", "a | b", "a; b", "a & b", "a > b", "(a)", "{ a; }",
        "a\nb", "a\tb", "echo 'x'", 'echo "x"', "~/bin/x", "ls ~", "a `b`", "! a", "[ -f a ]", "test -f a", "# a", "",
        "exit 3", ". env.sh", "time ls", "if true", "a\\b", "a?", "a!b", "kill 1", "pwd", "true",
    ],
)  # fmt: skip
def test_everything_a_shell_reads_goes_to_the_shell(command: str) -> None:
    assert plain_words(command) is None


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("ab01-_./:=@%+, ~$*'\"\\#!&;|<>(){}[]?^\t"), max_size=12))
def test_the_shell_gives_a_plain_command_the_same_words(tail: str) -> None:
    command = f"printenv-like {tail}"
    words = plain_words(command)
    if words is None:
        return
    seen = subprocess.run(
        [BASH, "-c", f"printenv-like() {{ printf '%s\\0' \"$@\"; }}; {command}"], capture_output=True, check=True
    )
    assert seen.stdout.decode().split("\0")[:-1] == words[1:] or (words[1:] == [] and seen.stdout == b"\0")


def test_no_plain_program_is_one_that_the_shell_has_itself() -> None:
    listed = subprocess.run([BASH, "-c", "compgen -b; compgen -k"], capture_output=True, check=True, text=True)
    own = set(listed.stdout.split()) - {"echo"}
    assert {name for name in own if plain_words(name) is not None} == set()
