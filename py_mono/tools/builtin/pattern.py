"""GUEST. Regular expressions that mean the same to Python and to ripgrep."""

import re

from py_mono.tools.builtin.context import ToolFailure

_QUANTIFIER = re.compile(r"\{(\d+)(,\d*)?\}|\{,(\d+)\}")
_REFUSED = (("(?=", "lookahead"), ("(?!", "lookahead"), ("(?<=", "lookbehind"), ("(?<!", "lookbehind"),
            ("(?>", "an atomic group"), ("(?(", "a condition"), ("(?P=", "a back reference"), ("(?#", "a comment"))  # fmt: skip
_LETTERS = "dDwWsSbBtrfvaxu"
_META = r"\.+*?()|[]{}^$#&-~"
_POSIX = {"alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z", "xdigit": "0-9a-fA-F",
          "space": r"\s", "blank": r" \t", "punct": r"!-/:-@\[-`\{-\~", "word": r"\w"}  # fmt: skip
_SIZE = 4_000


def normalise(pattern: str) -> str:
    """The pattern in the part of the language that both engines share.

    Raises:
        ToolFailure: It is no regular expression, or uses what a search line by line does not have.
    """
    if not pattern:
        raise ToolFailure("pattern is empty; give a regular expression")
    if "\n" in pattern or "\0" in pattern:
        raise ToolFailure("pattern holds a line end or NUL; the search goes line by line, so give one line's text")
    if len(pattern) > _SIZE:
        raise ToolFailure(f"pattern has {len(pattern):,} characters; at most {_SIZE:,} are searched for")
    try:
        pattern.encode()
        shared = _Scanner(pattern).scan()
        re.compile(shared)
    except UnicodeEncodeError:
        raise ToolFailure("pattern holds half a surrogate pair; give whole characters") from None
    except (re.error, OverflowError, RecursionError) as error:
        raise ToolFailure(
            f"pattern is not a valid regular expression: {error}. For the plain text give {re.escape(pattern)}"
        ) from None
    return shared


class _Scanner:
    """One pass over a pattern, from left to right."""

    __slots__ = ("_at", "_out", "_pattern")

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._out: list[str] = []

    def scan(self) -> str:
        while self._at < len(self._pattern):
            character = self._pattern[self._at]
            if character == "\\":
                self._out.append(self._escape(in_class=False))
            elif character == "[":
                self._class()
            elif character == "(":
                self._group()
            elif character == "{":
                self._brace()
            else:
                if character == "+" and self._at and self._out and self._out[-1] in {"*", "+", "?"} | {"}"}:
                    raise re.error("multiple repeat", self._pattern, self._at)
                self._out.append("\\}" if character == "}" else character)
                self._at += 1
        return "".join(self._out)

    def _escape(self, *, in_class: bool) -> str:
        following = self._pattern[self._at + 1 : self._at + 2]
        if not following:
            raise re.error("bad escape (end of pattern)", self._pattern, self._at)
        self._at += 2
        if following.isdigit():
            raise ToolFailure(f"\\{following} refers back to a group, which the search cannot do; spell the text out")
        if following == "n":
            raise ToolFailure("\\n never matches: the search goes line by line; search for one line's text")
        if following in "<>" and not in_class:
            return r"\b"
        if following in "AzZ" and not in_class:
            return "^" if following == "A" else "$"
        if following.isascii() and following.isalpha():
            if following not in _LETTERS or (in_class and following in "bB"):
                raise re.error(f"bad escape \\{following}", self._pattern, self._at - 2)
            return "\\" + following
        return "\\" + following if following in _META else following

    def _group(self) -> None:
        for opener, name in _REFUSED:
            if self._pattern.startswith(opener, self._at):
                raise ToolFailure(
                    f"pattern uses {name}, {opener}…), which the search does not have; use shell with grep -P"
                )
        if self._pattern.startswith("(?<", self._at):
            self._out.append("(?P<")
            self._at += 3
            return
        self._out.append("(")
        self._at += 1

    def _brace(self) -> None:
        found = _QUANTIFIER.match(self._pattern, self._at)
        if not found or not self._at:
            self._out.append(r"\{")
            self._at += 1
            return
        self._out += [f"{{0,{found[3]}}}"[:-1] if found[3] else found[0][:-1], "}"]
        self._at = found.end()

    def _class(self) -> None:
        pattern = self._pattern
        self._out.append("[")
        self._at += 1
        if pattern.startswith("^", self._at):
            self._out.append("^")
            self._at += 1
        if pattern.startswith("]", self._at):
            self._out.append(r"\]")
            self._at += 1
        while self._at < len(pattern) and pattern[self._at] != "]":
            posix = re.compile(r"\[:(\w+):\]").match(pattern, self._at)
            if posix and posix[1] in _POSIX:
                self._out.append(_POSIX[posix[1]])
                self._at = posix.end()
            elif pattern[self._at] == "\\":
                self._out.append(self._escape(in_class=True))
            else:
                character = pattern[self._at]
                # What one engine reads as a set operation is a plain character in the other.
                self._out.append("\\" + character if character in "[&~|" else character)
                self._at += 1
        if self._at >= len(pattern):
            raise re.error("unterminated character set", pattern, self._at)
        self._out.append("]")
        self._at += 1
