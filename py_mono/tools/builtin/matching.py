"""GUEST. Where the text that the model quotes stands in a file, and what the file becomes: exactly, or not at all.

Matching is staged, from exact to drift in line ends, trailing blanks, quotes and dashes, and indentation. The first
stage with a match decides. A stage folds the drift away and keeps a map back, so that a match is a span of the file
as it is. Applying replaces the lines of the span in which old and new text differ, and no other byte.
"""

import re
from bisect import bisect_left
from difflib import SequenceMatcher
from itertools import pairwise

from py_mono.tools.builtin.indentation import Shift

_SINGLE, _DOUBLE = "\u2018\u2019\u201a\u201b\u2032", "\u201c\u201d\u201e\u201f\u2033"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_QUOTES = str.maketrans(dict.fromkeys(_SINGLE, "'") | dict.fromkeys(_DOUBLE, '"') | dict.fromkeys(_DASHES, "-"))
_LINE_END = re.compile(r"\r(?=\n)")
_BLANKS = re.compile(r"[ \t]+\r?(?=\n)|\r(?=\n)|[ \t]+\Z")
_STAGES = ((_LINE_END, False, ""), (_BLANKS, False, "trailing blanks"), (_BLANKS, True, "quotes and dashes"))


class Folded:
    """A text with some characters taken out, and the way back to positions in it."""

    __slots__ = ("_at", "_shift", "source", "text")

    def __init__(self, source: str, removed: "re.Pattern[str]", *, quotes: bool) -> None:
        self.source = source
        self._at: list[int] = []
        self._shift = [0]
        gone = 0
        for found in removed.finditer(source):
            self._at.append(found.start() - gone)
            gone += found.end() - found.start()
            self._shift.append(gone)
        text = removed.sub("", source) if self._at else source
        self.text = text.translate(_QUOTES) if quotes and not text.isascii() else text

    def back(self, position: int) -> int:
        """Where a position of the folded text is in the source: before what was removed there."""
        return position + self._shift[bisect_left(self._at, position)]


class Match:
    """A span of the source that the old text stands for.

    Attributes:
        start: Its first character.
        lines: The source's own text of each line of the old text, in order.
        shift: How the source is indented against the old text, where that differs.
    """

    __slots__ = ("lines", "shift", "start")

    def __init__(self, start: int, lines: list[str], shift: Shift | None = None) -> None:
        self.start = start
        self.lines = lines
        self.shift = shift

    @property
    def end(self) -> int:
        """The position after the span."""
        return self.start + sum(map(len, self.lines))


def split_lines(text: str) -> list[str]:
    """Lines with their newline; nothing but a newline ends a line."""
    lines = text.split("\n")
    return [*(line + "\n" for line in lines[:-1]), *filter(None, lines[-1:])]


def find(source: str, old: str) -> tuple[list[Match], str]:
    """All matches of the first stage that has any, overlapping ones included, and what drift was forgiven."""
    for removed, quotes, drift in _STAGES:
        matches = _find_folded(source, old, removed, quotes=quotes, strict=bool(drift))
        if matches:
            return matches, drift
    for quotes in (False, True):
        matches = _find_indented(source, old, quotes=quotes)
        if matches:
            return matches, "indentation"
    return [], ""


def _find_folded(source: str, old: str, removed: "re.Pattern[str]", *, quotes: bool, strict: bool) -> list[Match]:
    folded, wanted = Folded(source, removed, quotes=quotes), Folded(old, removed, quotes=quotes)
    if not wanted.text or (strict and not wanted.text.strip()):
        return []
    to_line_end = strict and old[-1:] in " \t"
    lines = split_lines(wanted.text)
    matches = []
    at = folded.text.find(wanted.text)
    while at >= 0:
        end = at + len(wanted.text)
        if not strict or (_whole_words(folded.text, at, end) and not (to_line_end and _mid_line(folded.text, end))):
            matches.append(_match(folded, at, lines))
        at = folded.text.find(wanted.text, at + 1)
    return matches


def _whole_words(text: str, start: int, end: int) -> bool:
    """Whether the span cuts no identifier or number in two: drift is forgiven around words, never within."""
    cut_left = start > 0 and _wordy(text[start - 1]) and _wordy(text[start])
    cut_right = end < len(text) and _wordy(text[end - 1]) and _wordy(text[end])
    return not (cut_left or cut_right)


def _wordy(character: str) -> bool:
    return character.isalnum() or character == "_"


def _mid_line(text: str, end: int) -> bool:
    return end < len(text) and text[end] != "\n"


def _match(folded: Folded, at: int, lines: list[str]) -> Match:
    positions = [at]
    for line in lines:
        positions.append(positions[-1] + len(line))
    back = list(map(folded.back, positions))
    return Match(back[0], [folded.source[a:b] for a, b in pairwise(back)])


def _find_indented(source: str, old: str, *, quotes: bool) -> list[Match]:
    """Runs of whole lines that differ from the old text in one and the same shift of their indentation."""
    own = split_lines(source)
    have, want = _bare(own, quotes=quotes), _bare(split_lines(old), quotes=quotes)
    anchor = next((k for k, line in enumerate(want) if line), None)
    if anchor is None:
        return []
    matches, offset, place = [], 0, 0
    for first in range(len(have) - len(want) + 1):
        if have[first + anchor] == want[anchor] and have[first : first + len(want)] == want:
            if old.endswith("\n") and not own[first + len(want) - 1].endswith("\n"):
                continue
            offset += sum(map(len, own[place:first]))
            place = first
            lines = own[first : first + len(want)]
            shift = Shift.between(split_lines(old), lines)
            if shift:
                if not old.endswith("\n"):
                    lines[-1] = lines[-1].rstrip("\n").removesuffix("\r")
                matches.append(Match(offset, lines, shift))
    return matches


def _bare(lines: list[str], *, quotes: bool) -> list[str]:
    bare = [line.strip(" \t\r\n") for line in lines]
    return [line.translate(_QUOTES) for line in bare] if quotes else bare


def without_overlap(matches: list[Match]) -> list[Match]:
    """The matches from left to right, each that begins before the last one ended left out."""
    kept: list[Match] = []
    for match in matches:
        if not kept or match.start >= kept[-1].end:
            kept.append(match)
    return kept


def replacement(source: str, match: Match, old: str, new: str) -> str | None:
    """The text that takes the place of the match; None where the new lines cannot be indented as the file is.

    A line that old and new text share keeps the source's bytes; another is taken from the new text as it stands,
    with the line end of the line it replaces.
    """
    old_lines, new_lines = split_lines(old.replace("\r\n", "\n")), split_lines(new.replace("\r\n", "\n"))
    out: list[str] = []
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, old_lines, new_lines, autojunk=False).get_opcodes():
        if kind == "equal":
            out += match.lines[i1:i2]
            continue
        for j in range(j1, j2):
            line = new_lines[j] if match.shift is None else match.shift.apply(new_lines[j])
            if line is None:
                return None
            if line.endswith("\n"):
                line = line[:-1] + _end_of(source, match, min(i1 + j - j1, max(i1, i2 - 1)))
            out.append(line)
    return "".join(out)


def _end_of(source: str, match: Match, index: int) -> str:
    """The line end that a new line gets: of the line it replaces, else of the nearest before or after it."""
    for line in (*match.lines[index : index + 1], *reversed(match.lines[:index]), *match.lines[index:]):
        if line.endswith("\n"):
            return "\r\n" if line.endswith("\r\n") else "\n"
    own_end = source.find("\n", match.end)
    if own_end < 0:
        own_end = source.rfind("\n", 0, match.start)
    return "\r\n" if own_end > 0 and source[own_end - 1] == "\r" else "\n"
