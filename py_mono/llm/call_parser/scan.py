"""Goes through a reply once, in whatever pieces it comes, and parts it into text, thinking and calls.

Every decision is made on what stands there, never on where a piece ended: a reader that would have to look further than
the text reaches is asked again when more has come. What may become a call is held back until it is decided.
"""

import re
from collections.abc import Sequence

from py_mono.llm.call_parser.cursor import Bad, Ended, NotCall
from py_mono.llm.call_parser.families import MARKS
from py_mono.llm.call_parser.line import CODE_INDENT
from py_mono.llm.call_parser.loose import ACTION, JSON_FENCES, bare, calls_in_list, fenced, names_tool, react
from py_mono.llm.call_parser.marks import BEGINNINGS, LONGEST, MARK, Marks
from py_mono.llm.call_parser.shapes import Tools

_TRIGGER = re.compile(r"[`\n\u25c1]|<(?=[!|/\w\uff5c]|\Z)|\[(?=[A-Z/]|\Z)")
_SPACE = re.compile(r"[ \t\r\n]*+")
_BACKTICKS = re.compile(r"`++")
_CODE = re.compile(r"[`\n]")
_TICKS = re.compile(r"[`~]")
_FENCE = re.compile(r"(`{3,}+|~{3,}+)[ \t]*+([^\n`]{0,200})\n")
_FENCE_END = re.compile(r"[ \t]*+(`{3,}+|~{3,}+)[ \t\r]*+(?=\n|\Z)")
_OPEN_FENCE = re.compile(r"(?:`{1,2}|~{1,2}|`{3,}+[^\n`]{0,200}|~{3,}+[^\n`]{0,200})\Z")
_OPEN_FENCE_END = re.compile(r"[ \t]*+(?:`++|~++)[ \t\r]*+\Z")
_SHORTEST_FENCE = 3
_LONGEST_FENCE = 210
_FUNCTOOLS = "functools["


class Scanner(Marks):
    """The state of one reply."""

    def __init__(self, tools: Tools, families: frozenset[str] | None, *, whole: bool) -> None:
        """``whole``: the text comes in one piece."""
        super().__init__(tools, families, whole=whole)
        self._mode = self._plain
        self._fence = ""

    @property
    def held(self) -> int:
        """How many characters wait to be decided."""
        return len(self._text) - self._at

    def feed(self, text: str, *, final: bool = False, cut: bool = False) -> None:
        """Go on with one more piece; with ``final`` it is the last."""
        self._text, self._at = self._text[self._at :] + text, 0
        self._final, self._cut = final, cut
        while self._at < len(self._text) and self._mode():
            pass

    def quick(self) -> re.Pattern[str] | None:
        """What a piece must not hold to be let out as it is; None where it must be looked at in any case."""
        if self.held:
            return None
        if self._mode == self._thinking:
            return None if self._aside else re.compile(re.escape(self._ends[0][0]))
        if self._mode == self._in_code:
            return _CODE
        if self.in_fence:
            return _TICKS
        return None if self.reply.line.blank else _TRIGGER

    @property
    def in_fence(self) -> bool:
        """Whether a fenced block is open that holds no call."""
        return self._mode == self._in_fence

    @property
    def thinks(self) -> bool:
        """Whether text is thinking now."""
        return self._mode == self._thinking and not self._aside

    # --- modes: each takes one step, and returns False where it must wait for more ---------------

    def _plain(self) -> bool:
        text = self._text
        if self.reply.line.blank:
            space = _SPACE.match(text, self._at)
            if space and space.end() > self._at:
                return self._show(space.end())
            done = self._at_line_start(text[self._at])
            if done is not None:
                return done
        found = _TRIGGER.search(text, self._at)
        if found is None or found.start() > self._at:
            return self._show(found.start() if found else len(text))
        if found[0] == "\n":
            return self._show(self._at + 1)
        return self._at_backticks() if found[0] == "`" else self._at_mark()

    def _at_backticks(self) -> bool:
        ticks = _BACKTICKS.match(self._text, self._at)
        end = ticks.end() if ticks else len(self._text)
        if end == len(self._text) and not self._final:
            return False
        if end - self._at >= _SHORTEST_FENCE and (fence := _FENCE.match(self._text, self._at)):
            self._show(fence.end())  # what begins behind words is no fence for Markdown, but for its writer
            if _language(fence) not in JSON_FENCES:
                self._fence, self._mode = fence[1], self._in_fence
            return True
        if end - self._at >= _SHORTEST_FENCE and not self._final and _OPEN_FENCE.match(self._text, self._at):
            return False
        self._ends, self._mode = (self._text[self._at : end],), self._in_code
        return self._show(end)

    def _in_code(self) -> bool:
        found = _CODE.search(self._text, self._at)
        if found is None:
            return self._show(len(self._text))
        if found[0] == "\n" and len(self._ends[0]) >= _SHORTEST_FENCE:  # a fence of a long opening line
            self._fence, self._mode = self._ends[0], self._in_fence
            return self._show(found.end())
        if found[0] == "\n":
            self._mode = self._plain
            return self._show(found.start())
        ticks = _BACKTICKS.match(self._text, found.start())
        end = ticks.end() if ticks else len(self._text)
        if end == len(self._text) and not self._final:
            return found.start() > self._at and self._show(found.start())
        if self._text[found.start() : end] == self._ends[0]:
            self._mode = self._plain
        return self._show(end)

    def _in_fence(self) -> bool:
        if self.reply.line.blank:
            if not self._final and _OPEN_FENCE_END.match(self._text, self._at):
                return self.held > _LONGEST_FENCE and self._show(len(self._text))
            found = _FENCE_END.match(self._text, self._at)
            if found and found[1].startswith(self._fence):
                self._show(found.end())
                self._mode = self._plain
                return True
        end = self._text.find("\n", self._at)
        return self._show(end + 1 if end >= 0 else len(self._text))

    def _thinking(self) -> bool:
        stop, behind = _closing(self._text, self._at, self._ends, final=self._final)
        moved = behind > self._at
        if behind > stop:
            self._mode = self._plain
        if self._aside:
            return moved and self._show(behind)
        self.reply.think(self._text[self._at : stop])
        self._at = behind
        if behind > stop:
            self._since = behind
            self.reply.end_thinking()
        return moved

    # --- what can begin a call -------------------------------------------------------------------

    def _at_line_start(self, letter: str) -> bool | None:
        """A step at the first character of a line; None where nothing special begins there."""
        if letter in "`~":
            return self._at_fence()
        if letter in "{[":
            return None if letter == "[" and _is_mark(self._text[self._at : self._at + LONGEST]) else self._at_bracket()
        rest = self._text[self._at : self._at + len(_FUNCTOOLS)]
        if letter == "A" and self._wants("react") and (rest.startswith(ACTION) or ACTION.startswith(rest)):
            return self._loose(react)
        return self._at_functools(rest) if self._wants("phi") and _FUNCTOOLS.startswith(rest) else None

    def _at_bracket(self) -> bool | None:
        last = self.reply.shown.last
        within = last[-1:] in tuple("{[,(") or last == '":' or self.reply.line.indent >= CODE_INDENT
        return None if within or not self._wants("json", "llama", "pythonic") else self._loose(bare)

    def _at_functools(self, rest: str) -> bool:
        if rest != _FUNCTOOLS:
            return self._final and self._show(self._at + 1)
        return self._call(self._at + len(rest) - 1, MARKS["<|tool_call|>"], calls_in_list)

    def _at_fence(self) -> bool | None:
        found = _FENCE.match(self._text, self._at)
        if found is None:
            return False if _OPEN_FENCE.match(self._text, self._at) and not self._final else None
        fence, language = found[1], _language(found)
        if self._wants("json", "gemma") and not self.reply.line.quoted:
            cursor = self._cursor(found.end())
            try:
                calls = fenced(cursor, self._tools, language, fence)
            except Ended:
                if not self._final:
                    return False
                if names_tool(self._text[found.end() :], self._tools, cut=self._cut):
                    return self._drop(found.end())
            except (NotCall, Bad):
                pass
            else:
                self.reply.found(calls, self._text[self._at : cursor.at])
                self._at = cursor.at
                return True
        self._show(found.end())
        self._fence, self._mode = fence, self._in_fence
        return True


def _is_mark(rest: str) -> bool:
    """Whether a text as long as the longest mark begins with one, or a shorter one may become one."""
    return bool(MARK.match(rest)) or (1 < len(rest) < LONGEST and rest in BEGINNINGS)


def _language(fence: re.Match[str]) -> str:
    return str(fence[2]).strip().lower().partition(" ")[0]


def _closing(text: str, at: int, ends: Sequence[str], *, final: bool) -> tuple[int, int]:
    """Where a closing mark begins and where it ends; where none has come, one place twice, before which there is none."""
    places = [(place, place + len(end)) for end in ends if (place := text.find(end, at)) >= 0]
    if places:
        return min(places)
    open_ = 0 if final else min(LONGEST, len(text) - at)
    while open_ and not any(end.startswith(text[-open_:]) for end in ends):
        open_ -= 1
    return len(text) - open_, len(text) - open_
