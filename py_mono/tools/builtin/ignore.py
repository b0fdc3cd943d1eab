"""GUEST. Which paths ``.gitignore`` files leave out; the rules are those of gitignore(5)."""

import os
import re
import stat

_CLASS_END = re.compile(r"\[[!^]?\]?(?:\[:\w+:\]|\\.|[^\]\\])*\]")
_POSIX = {"alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z", "xdigit": "0-9a-fA-F",
          "space": r"\s", "blank": r" \t", "punct": r"!-/:-@\[-`{-~", "word": r"\w"}  # fmt: skip
_STARS = re.compile(r"\*+")
LARGEST = 256 * 1024  # bytes of an ignore file that are read; more patterns take seconds to compile


def translate(glob: str) -> str:
    """A gitignore glob as a regular expression over a path with ``/``; ``**`` crosses folders, ``*`` does not."""
    out, at = [], 0
    while at < len(glob):
        if glob[at] == "*":
            stars = _STARS.match(glob, at)[0]  # type: ignore[index]  # there is one star at least
            whole_part = len(stars) > 1 and (at == 0 or glob[at - 1] == "/")
            at += len(stars)
            if whole_part and glob.startswith("/", at):
                out.append("(?:.*/)?")
                at += 1
            else:
                out.append(".+" if whole_part and at == len(glob) else "[^/]*")
        else:
            piece, at = _piece(glob, at)
            out.append(piece)
    return "".join(out)


def _piece(glob: str, at: int) -> tuple[str, int]:
    character = glob[at]
    if character == "?":
        return "[^/]", at + 1
    if character == "[":
        return _character_class(glob, at)
    if character == "\\":
        # A backslash at the very end matches nothing at all.
        return (re.escape(glob[at + 1]), at + 2) if at + 1 < len(glob) else (r"(?!)", at + 1)
    return re.escape(character), at + 1


def _character_class(glob: str, at: int) -> tuple[str, int]:
    found = _CLASS_END.match(glob, at)
    if not found:
        return r"(?!)", len(glob)
    body = found[0][1:-1]
    negated = body[:1] in ("!", "^")
    body = body[1:] if negated else body
    parts, place = [], 0
    while place < len(body):
        posix = re.compile(r"\[:(\w+):\]").match(body, place)
        if posix:
            parts.append(_POSIX.get(posix[1], ""))
            place = posix.end()
            continue
        first, place = _member(body, place)
        if body[place : place + 1] == "-" and place + 1 < len(body):
            last, place = _member(body, place + 1)
            if first <= last:
                parts.append(f"{re.escape(first)}-{re.escape(last)}")
        else:
            parts.append(re.escape(first))
    inner = "".join(parts)
    if not inner:
        return ("[^/]" if negated else r"(?!)"), found.end()
    return (f"[^/{inner}]" if negated else f"(?!/)[{inner}]"), found.end()


def _member(body: str, place: int) -> tuple[str, int]:
    if body[place] == "\\" and place + 1 < len(body):
        return body[place + 1], place + 2
    return body[place], place + 1


class Rules:
    """The patterns of one ignore file, or of one folder's files, the later ones stronger."""

    __slots__ = ("_groups",)

    def __init__(self, lines: list[str]) -> None:
        # Neighbours with the same verdict become one regular expression; the last group that matches decides.
        self._groups: list[tuple[bool, re.Pattern[str]]] = []
        pending: list[str] = []
        verdict = True
        for line in lines:
            pattern = _pattern(line)
            if pattern is None:
                continue
            ignored, expression = pattern
            if pending and ignored != verdict:
                self._close(verdict, pending)
                pending = []
            verdict = ignored
            pending.append(expression)
        if pending:
            self._close(verdict, pending)
        self._groups.reverse()

    def _close(self, verdict: bool, pending: list[str]) -> None:  # noqa: FBT001  # one of two, set in one place
        self._groups.append((verdict, re.compile("|".join(dict.fromkeys(pending)), re.DOTALL)))

    def verdict(self, path: str) -> bool | None:
        """True ignored, False kept by name, None not mentioned; relative to the rules' folder, a folder ends with /."""
        for ignored, expression in self._groups:
            if expression.fullmatch(path):
                return ignored
        return None


def _pattern(line: str) -> tuple[bool, str] | None:
    if line.startswith("#"):
        return None
    line = re.sub(r"(?<!\\)((?:\\\\)*) +\Z", r"\1", line.removesuffix("\r")) if line.endswith((" ", "\r")) else line
    ignored = not line.startswith("!")
    line = line if ignored else line[1:]
    only_folders = line.endswith("/")
    line = line.removesuffix("/")
    if not line:
        return None
    anchored = "/" in line
    line = line.removeprefix("/")
    if not line:
        return None
    front = "" if anchored else "(?:.*/)?"
    # A folder's path ends with a slash, which no part of the pattern itself may take.
    return ignored, f"(?:{front}{translate(line)}(?<!/)/{'' if only_folders else '?'})"


class Ignore:
    """The rules in force in one folder: its own and those of the folders above it, up to the repository's root."""

    __slots__ = ("_chain",)

    def __init__(self, chain: tuple[tuple[int, Rules], ...]) -> None:
        self._chain = chain

    @classmethod
    def at(cls, folder: str) -> "Ignore":
        """The rules in force in a folder, gathered from above; ``folder`` is absolute and resolved."""
        above = []
        here = folder
        while True:
            above.append(here)
            parent = os.path.dirname(here)
            if parent == here or os.path.lexists(os.path.join(here, ".git")):
                break
            here = parent
        ignore = cls(())
        for place in reversed(above):
            ignore = ignore.below(place, has_rules=True, is_root=os.path.lexists(os.path.join(place, ".git")))
        return ignore

    def below(self, folder: str, *, has_rules: bool, is_root: bool) -> "Ignore":
        """The rules in force in a folder below; a repository's root starts anew."""
        chain = () if is_root else self._chain
        prefix = len(folder.rstrip("/")) + 1
        own = [*(_lines(folder + "/.git/info/exclude") if is_root else ())]
        if own:
            chain = (*chain, (prefix, Rules(own)))
        if has_rules and (lines := _lines(folder + "/.gitignore")):
            chain = (*chain, (prefix, Rules(lines)))
        return self if chain == self._chain else Ignore(chain)

    def ignores(self, path: str) -> bool:
        """Whether an absolute path is left out; a folder's ends with ``/``. Its parents were not."""
        for prefix, rules in reversed(self._chain):
            verdict = rules.verdict(path[prefix:])
            if verdict is not None:
                return verdict
        return False


def _lines(path: str) -> list[str]:
    """The lines of an ignore file; none where it is no regular file, for others may wait or go on for ever."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        return []
    try:
        with open(fd, "rb", buffering=0) as file:
            data = file.read(LARGEST) if stat.S_ISREG(os.fstat(fd).st_mode) else None
    except OSError:
        return []
    if not data:
        return []
    if len(data) == LARGEST:
        data = data[: data.rfind(b"\n") + 1]  # half a pattern is another pattern
    return os.fsdecode(data.removeprefix(b"\xef\xbb\xbf")).split("\n")
