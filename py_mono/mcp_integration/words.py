"""What a server says, made fit for a terminal and a model: nothing invisible, nothing that acts, nothing without end."""

import re

from py_mono.utils.text import clip, strip_escapes

_C1 = re.compile("[\x80-\x9f]")
"""Eight-bit openers of escape sequences; taken out first, for a text made of them alone would be searched many times over."""
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ud800-\udfff"
    "\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""What a person does not see and a model reads: bidirectional marks, tags, fillers, selectors, half characters."""
_JOINERS = re.compile("[\u200c\u200d]")
_ENDS = re.compile("\r\n?|[\u2028\u2029]")
_SPACE = re.compile(r"\s+")
_ROOM = 4
"""So many times the limit are looked at: what is left out of them is seldom more."""


def cleaned(text: str, limit: int) -> str:
    """A text of several lines: without control characters but newline and tab, its head and tail where it is longer.

    Joiners stay, for scripts and pictures need them.
    """
    text = clip(text, _ROOM * limit)
    text = _INVISIBLE.sub("", strip_escapes(_C1.sub("", _ENDS.sub("\n", text))))
    return clip(text.replace("\b", ""), limit)


def line(text: str, limit: int) -> str:
    """The same as one line: names, messages, reasons; its beginning and an ellipsis where it is longer."""
    text = _SPACE.sub(" ", _JOINERS.sub("", cleaned(text[: _ROOM * limit], _ROOM * limit))).strip()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def hidden(text: str) -> bool:
    """Whether it holds what ``cleaned`` leaves out."""
    return cleaned(text, len(text) + 1) != text
