"""What git would not show: ``.gitignore`` files and ``.git/info/exclude``, as gitignore(5) defines them.

Git itself is not asked: the workspace's own git configuration can name programs that git then starts, outside the lock.
"""

import os
import re
import stat
from functools import cache, lru_cache
from typing import NamedTuple

from py_mono.utils.lazy import load

_MOST_BYTES = 1_000_000
"""What stands behind that in a file of patterns is not read."""

_MOST_PATTERNS = 2_000
_MOST_STARS = 6
_MOST_STARS_IN_A_NAME = 3
"""A pattern of more takes a hostile name to hold up the thread that matches it, and with it the keys."""

_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY
_STARS = re.compile(r"\*+")
_FOLDER_MARK = re.compile(r"\(\?P<\w+>/\)")
"""Where the library's expressions go on to match what lies below a folder: that is left out with its folder, or not at all."""


class Rules(NamedTuple):
    """The patterns of one file.

    Attributes:
        lead: Stands before a path of the workspace to make it one below the file's folder; empty at and below the root.
        cut: How many characters of a path of the workspace lead to the file's folder.
        first_look: Matches where any of them does.
        patterns: Each, the last one first, and whether it ignores.
    """

    lead: str
    cut: int
    first_look: re.Pattern[str]
    patterns: tuple[tuple[re.Pattern[str], bool], ...]


def ignored(path: str, rules: tuple[Rules, ...]) -> bool:
    """Whether a path of the workspace (a folder's ends with a slash) is left out; the nearest file's rules come last."""
    for rule in reversed(rules):
        name = rule.lead + path[rule.cut :]
        if rule.first_look.match(name):
            for pattern, leaves_out in rule.patterns:
                if pattern.match(name):
                    return leaves_out
    return False


def parse(text: str, *, lead: str = "", cut: int = 0) -> Rules | None:
    """The rules of one file; None where it has none. Lines that git does not understand are left out, as git does."""
    found: list[tuple[re.Pattern[str], bool]] = []
    for line in text.removeprefix("\ufeff").split("\n")[:_MOST_PATTERNS]:
        rule = _pattern(line.removesuffix("\r"))
        if rule is not None:
            found.insert(0, rule)
    if not found:
        return None
    either = re.compile("|".join(f"(?:{pattern.pattern})" for pattern, _ in found))
    return Rules(lead, cut, either, tuple(found))


def read(path: str) -> str:
    """The text of a file of patterns; empty where it is not a plain file that can be read."""
    try:
        descriptor = os.open(path, _OPEN)
    except (OSError, ValueError):
        return ""
    try:
        plain = stat.S_ISREG(os.fstat(descriptor).st_mode)
        return os.read(descriptor, _MOST_BYTES).decode(errors="surrogateescape") if plain else ""
    except OSError:
        return ""
    finally:
        os.close(descriptor)


def outer_rules(workspace: str) -> tuple[Rules, ...]:
    """What applies from above: the repository's ``info/exclude`` and the ``.gitignore`` files up to its root."""
    root, lead, folders = workspace, "", list[tuple[str, str]]()
    while not os.path.lexists(os.path.join(root, ".git")):
        above, name = os.path.split(root)
        if above == root:
            return ()  # in no repository: what lies above is no concern of the workspace
        root, lead = above, f"{name}/{lead}"
        folders.append((root, lead))
    texts = [(os.path.join(root, ".git", "info", "exclude"), lead)]
    texts += [(os.path.join(folder, ".gitignore"), before) for folder, before in reversed(folders)]
    found = (parse(read(path), lead=before) for path, before in texts)
    return tuple(rules for rules in found if rules is not None)


@cache
def _translator() -> type:
    kind: type = load("pathspec.patterns.gitignore.spec:GitIgnoreSpecPattern")
    return kind


@lru_cache(maxsize=10_000)
def _pattern(line: str) -> tuple[re.Pattern[str], bool] | None:
    stars = [len(_STARS.findall(name)) for name in line.split("/")]
    if sum(stars) > _MOST_STARS or max(stars) > _MOST_STARS_IN_A_NAME:
        return None
    try:
        rule = _translator()(line)
        if rule.include is None or rule.regex is None:
            return None
        text = _FOLDER_MARK.sub("/$", rule.regex.pattern)
        if line.rstrip().endswith("/**"):
            text += "."  # what is below the folder, not the folder
        return re.compile(text), rule.include
    except (ValueError, re.error):
        return None
