"""A program with its arguments, and what it would start for its part."""

import re

from msgspec import Struct

SHELLS = frozenset({"bash", "sh", "dash", "zsh", "ksh"})
_WRAPPED = 4
"""How many wrappers such as ``env`` are looked through."""


class Word(Struct, frozen=True):
    """One word. ``text`` is what it says without quotes; where not ``literal``, the shell makes something else of it."""

    text: str
    literal: bool = True


class SimpleCommand(Struct, frozen=True):
    """One program with its arguments.

    Attributes:
        words: The program first; none where something that is no simple command is redirected.
        reads: Where its input comes from (``< FILE``).
        writes: Where its output goes (``> FILE`` and the like).
    """

    words: tuple[Word, ...]
    reads: tuple[Word, ...] = ()
    writes: tuple[Word, ...] = ()

    @property
    def program(self) -> str:
        """Its name as it was written; empty where it is not said literally."""
        return self.words[0].text if self.words and self.words[0].literal else ""


def inner_line(words: tuple[Word, ...]) -> str:
    """The line that ``bash -c LINE`` or ``eval LINE`` would run; empty where this is neither, or it is not literal."""
    name = words[0].text.rpartition("/")[2] if words else ""
    if name == "eval":
        rest = words[1:]
    elif name in SHELLS:
        at = next((i for i, word in enumerate(words) if re.fullmatch(r"-[a-z]*c[a-z]*", word.text)), None)
        rest = () if at is None else words[at + 1 : at + 2]
    else:
        return ""
    return " ".join(word.text for word in rest)


_TAKES = {  # options with a value of their own, in the next word
    "env": {"-u", "--unset", "-C", "--chdir", "-S"},
    "sudo": {"-u", "-g", "-h", "-p", "-C", "-D", "-R", "-T", "-U"},
    "nice": {"-n"},
    "ionice": {"-c", "-n", "-p"},
    "timeout": {"-s", "--signal", "-k", "--kill-after"},
    "stdbuf": {"-i", "-o", "-e"},
    "xargs": {"-I", "-n", "-P", "-d", "-a", "-L", "-s", "-E"},
    "exec": {"-a"},
}  # fmt: skip
_WRAPPERS = frozenset({*_TAKES, "doas", "nohup", "time", "command", "builtin", "setsid", "unbuffer"})


def unwrapped(command: SimpleCommand) -> SimpleCommand:
    """The command that ``env``, ``sudo``, ``timeout``, ``xargs``, ``find -exec`` and the like would start."""
    words = command.words
    for _ in range(_WRAPPED):
        name = words[0].text.rpartition("/")[2] if words else ""
        if name == "find":
            words = _after_exec(words) or words
            break
        if name not in _WRAPPERS:
            break
        words = _wrapped(name, words[1:])
    return SimpleCommand(words, command.reads, command.writes)


def _wrapped(name: str, words: tuple[Word, ...]) -> tuple[Word, ...]:
    """What stands behind a wrapper's options, assignments and, for ``timeout``, its time."""
    at, takes = 0, _TAKES.get(name, set())
    while at < len(words):
        text = words[at].text
        if text in takes:
            at += 2
        elif text.startswith("-") or (name in {"env", "sudo"} and re.match(r"\w+=", text)):
            at += 1
        else:
            break
    return words[at + 1 if name == "timeout" else at :]


def _after_exec(words: tuple[Word, ...]) -> tuple[Word, ...]:
    for at, word in enumerate(words):
        if word.text in {"-exec", "-execdir", "-ok", "-okdir"}:
            return tuple(word for word in words[at + 1 :] if word.text not in {";", "+", "{}"})
    return ()
