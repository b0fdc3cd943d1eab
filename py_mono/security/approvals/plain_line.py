"""The lines that a remembered rule may cover: words, quotes without anything in them, pipes and lists, and nothing else.

No variable, substitution, glob, assignment, function, redirection to a file, and no word that another program would run.
Two readers have to agree on such a line (``command_line`` is the other one), so that a fault of one hides nothing.
"""

import re
from functools import cache

_PIECE = (
    r"(?P<blank>[ \t]+)"
    r"|(?P<quiet>(?:2>&1|[12]?>[ \t]*/dev/null|&>[ \t]*/dev/null)(?=[ \t\n;|&]|\Z))"
    r"|(?P<end>&&|\|\||[;|\n])"
    r"""|(?P<word>(?:[A-Za-z0-9_@%+=:,./^-]|'[^'\0\n]*'|"[^"$`\\!\n\0]*")+)"""
)
_RESERVED = frozenset({
    "if", "then", "elif", "else", "fi", "for", "while", "until", "do", "done", "case", "esac", "in", "select", "function",
    "time", "coproc",
})  # fmt: skip

_compiled = cache(re.compile)


def plain_commands(line: str) -> tuple[tuple[str, ...], ...] | None:
    """The words of each command of a line; None where it holds anything else than such commands."""
    commands: list[list[str]] = [[]]
    at = 0
    while at < len(line):
        found = _compiled(_PIECE).match(line, at)
        if found is None:
            return None
        if found.lastgroup == "end":
            commands.append([])
        elif found.lastgroup == "word":
            commands[-1].append(_unquoted(found[0]))
        at = found.end()
    kept = tuple(tuple(words) for words in commands if words)
    if any("=" in words[0] or words[0] in _RESERVED for words in kept):
        return None
    return kept or None


def _unquoted(word: str) -> str:
    return "".join(part[1:-1] if part[0] in "'\"" else part for part in re.findall(r"""'[^']*'|"[^"]*"|[^'"]+""", word))
