"""GUEST. Commands that need no shell, such as ``git status`` or ``pytest -q tests``: started as they are, as make does.

A shell would find the same program and give it the same words; it takes longer to start than many of these run.
"""

import re

_WORDS = re.compile(r"[A-Za-z0-9_./:@%+,-]+(?: +[A-Za-z0-9_./:=@%+,-]+)*")
_SHELL_S_OWN = frozenset((
    "alias", "bg", "bind", "break", "builtin", "caller", "case", "cd", "command", "compgen", "complete", "compopt",
    "continue", "coproc", "declare", "dirs", "disown", "do", "done", "elif", "else", "enable", "esac", "eval", "exec",
    "exit", "export", "false", "fc", "fg", "fi", "for", "function", "getopts", "hash", "help", "history", "if", "in",
    "jobs", "kill", "let", "local", "logout", "mapfile", "popd", "printf", "pushd", "pwd", "read", "readarray",
    "readonly", "return", "select", "set", "shift", "shopt", "source", "suspend", "test", "then", "time", "times",
    "trap", "true", "type", "typeset", "ulimit", "umask", "unalias", "unset", "until", "wait", "while", ".", ":",
))  # fmt: skip


def plain_words(command: str) -> "list[str] | None":
    """The words of a command that means the same without a shell; None where a shell has to read it.

    That is so where every character stands for itself and the first word is none that the shell knows itself. ``echo``
    is one, and its program prints the same as long as no option is given.
    """
    command = command.strip(" ")
    if _WORDS.fullmatch(command) is None:
        return None
    words = command.split()
    if words[0] in _SHELL_S_OWN or (words[0] == "echo" and any(word.startswith("-") for word in words[1:])):
        return None
    return words
