"""Which part of a line is a key, or may be one: light, for the command line asks it, too."""

import re
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from py_mono.utils.lazy import load

DOTS = "••••"
_DOT = "•"
_BLANK = r"[\s\u200b-\u200f\u2060\ufeff]"
_COMMAND = rf"(?P<before>{_BLANK}*+)(?P<slash>[/\\\uff0f]{_BLANK}*+)(?P<name>[^\W\d_]{{2,8}}+(?:[-_][^\W\d_]{{3,4}}+)?)(?P<end>{_BLANK}++|[=:]|$)"
_SPELLED_OUT = (
    rf"(?i){_BLANK}*+(?:(?:set|add|store|save){_BLANK}++)?(?:api[-_ ]?)?keys?{_BLANK}++(?:for{_BLANK}++)?"
    rf"(?:anthropic|cohere|deepseek|gemini|groq|mistral|openai|openrouter|perplexity|xai)"
    rf"(?:{_BLANK}*+[=:]{_BLANK}*+|{_BLANK}++)"
    rf"(?P<key>\S{{8,}}+){_BLANK}*+$"
)
"""Like ``_COMMAND`` it takes a millisecond to compile, which is done with the first line that may be meant."""
_SLASHES = "/\\\uff0f"
_NAME = rf"[a-z][a-z_]{{0,19}}(?:{_BLANK}++|$)"
_MARK = r"\[redacted:([a-z-]{1,40})\]"
_FIRST = ("set", "add", "remove")
_ALONE = ("list", "help", "rotate")
_NEAR = 0.66  # two of three letters
_PIECE = 8
_SEEN = 8
_LONGEST = 4_096


class KeyLine(NamedTuple):
    """A line that is ``/key``, or was meant to be.

    Attributes:
        start: Where that begins which must not be shown; the line's length where there is nothing yet.
        exact: Whether it is ``/key`` itself, as it is spelled.
    """

    start: int
    exact: bool


def key_line(text: str) -> KeyLine | None:
    """What a line says of a key; None where it is no such line.

    A line that was meant to be ``/key`` is one, too: with blanks round the slash, in capitals, with letters missing or
    swapped. Who mistypes it still typed a key.
    """
    match = re.match(_COMMAND, text) if any(slash in text for slash in _SLASHES) else None
    if match is None:
        spelled_out = re.match(_SPELLED_OUT, text) if "key" in text.lower() else None
        return KeyLine(spelled_out.start("key"), exact=False) if spelled_out else None
    name = match["name"].lower()
    if name != "key" and not _near_key(re.sub("^(?:api|set|add)[-_]?|s$", "", name)):
        return None
    exact = match["slash"] + match["name"] == "/key" and not match["before"] and match["end"] not in {"=", ":"}
    return KeyLine(_start(text, match.end()), exact)


def _near_key(name: str) -> bool:
    ratio: float = load("difflib:SequenceMatcher")(None, name, "key").ratio()
    return ratio >= _NEAR


def _start(text: str, at: int) -> int:
    """Where the key begins: behind the provider's name, or with the first word that is none."""
    first = _name_at(text, at)
    if first is not None and (word := first[0].strip()) in _FIRST + _ALONE:
        at = first.end()
        if word in _ALONE:
            return at
    name = _name_at(text, at)
    return name.end() if name is not None else at


def _name_at(text: str, at: int) -> re.Match[str] | None:
    return re.compile(_NAME).match(text, at)


def secret_start(text: str) -> int:
    """Where in a line the key begins; its length where it holds none."""
    found = key_line(text)
    return len(text) if found is None else found.start


def masked(text: str) -> str:
    """The text as it may be shown: with dots for the key, also in a later line of it."""
    start = secret_start(text)
    if start < len(text):
        return text[:start] + DOTS
    if "\n" not in text or key_line(text):
        return text
    return "\n".join(masked(line) for line in text.split("\n"))


def held_secrets(text: str, redact: Callable[[str], str]) -> list[str]:
    """The kinds of secrets that a text holds, as ``redact`` marks them (``[redacted:KIND]``); empty where there are none."""
    without = redact(text)
    if without == text:
        return []
    return sorted(set(re.findall(_MARK, without)) - set(re.findall(_MARK, text))) or ["known"]


class TypedKeys:
    """What was typed as a key, so that no editing of the line brings it to light, nor a piece of it.

    The last few are known, from the first key on that is pressed: whoever cuts a key out and puts it back elsewhere, or
    deletes what stood before it, has not sent it yet.
    """

    def __init__(self) -> None:
        self._seen: deque[str] = deque(maxlen=_SEEN)

    def watch(self, text: str, *, hidden: bool) -> None:
        """Look at the line after each change; ``hidden`` where all of it answers a question for a key."""
        secret = text if hidden else text[secret_start(text) :]
        if len(secret) < _PIECE or len(secret) > _LONGEST or any(secret in seen for seen in self._seen):
            return
        for seen in [seen for seen in self._seen if seen in secret]:
            self._seen.remove(seen)
        self._seen.append(secret)

    def pieces_in(self, text: str) -> bool:
        """Whether a text holds 8 characters in a row that were typed as a key."""
        return any(seen[at : at + _PIECE] in text for seen in self._seen for at in range(len(seen) - _PIECE + 1))

    def start(self, text: str, *, hidden: bool) -> int:
        """Where in the line that begins which is drawn as dots; its length where nothing is."""
        if hidden:
            return 0
        start = secret_start(text)
        return 0 if start == len(text) and self._seen and self.pieces_in(text) else start


def dots(text: str) -> str:
    """As many dots as there are characters; line ends stay."""
    return re.sub(r"[^\n]", _DOT, text)
