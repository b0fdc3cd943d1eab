"""A line of bash as the simple commands it would run.

What is missed here runs in the lock without being asked about, where it can do no harm: this reads generously, never fails,
and takes time in proportion to the line. What may match a remembered rule is read by ``plain_line`` as well, which takes
nothing it does not know. The grammar is that of Bash's reference manual, chapter 3.
"""

import re
from functools import cache

from py_mono.security.approvals.simple_command import SHELLS, SimpleCommand, Word, inner_line, unwrapped

_DEEPEST = 20
"""How many substitutions are read within one another."""
_LONGEST = 100_000
"""Of a longer line nothing is read."""
_ACTIVE = frozenset("*?[{")
"""Unquoted, these make a word stand for others."""
_RUN = r"[^\s\\'\"$`;&|<>()#*?\[{~]+"
_REDIRECT = r"(?:\d+|\{\w+\})?(&>>|&>|<<<|<<-|<<|<>|<&|>&|>>|>\||<(?!\()|>(?!\())"
_VARIABLE = r"\$(?:\w+|[@*#?$!-])"
_ASSIGNMENT = r"\w+(?:\[[^\]]*\])?\+?="
_BACKTICKS = r"`(?:[^`\\]|\\[\s\S])*`"
_ANSI = r"\$'(?:[^'\\]|\\[\s\S])*'"
_PASSED = frozenset({"if", "then", "elif", "else", "while", "until", "do", "!", "{", "time", "coproc"})
_NO_COMMAND = frozenset({"for", "select", "case", "function", "[[", "fi", "done", "esac", "}"})

_compiled = cache(re.compile)


def commands_of(line: str, depth: int = 0) -> tuple[SimpleCommand, ...]:
    """Every simple command of a line, in pipes, lists, substitutions, functions, ``bash -c`` and ``eval`` too.

    Never raises. Of what is no bash, what can be made out.
    """
    if len(line) > _LONGEST or depth > _DEEPEST:
        return ()
    reader = _Reader(line, depth)
    reader.read_list()
    return tuple(reader.found)


class _Reader:
    """Reads one text, from a place in it.

    Attributes:
        at: How far it is read.
        found: The commands so far; those in a command's substitutions come after it.
    """

    def __init__(self, text: str, depth: int, at: int = 0) -> None:
        self.at = at
        self.found: list[SimpleCommand] = []
        self._text = text
        self._depth = depth
        self._heredocs: list[tuple[str, bool]] = []
        self._shell_reads = False
        self._begin()

    def _begin(self) -> None:
        """A new command begins."""
        self._words: list[Word] = []
        self._reads: list[Word] = []
        self._writes: list[Word] = []
        self._inner: list[SimpleCommand] = []
        self._dropped = False

    def _end(self) -> None:
        """The command is whole."""
        words = () if self._dropped else tuple(self._words)
        if words or self._reads or self._writes:
            command = SimpleCommand(words, tuple(self._reads), tuple(self._writes))
            self._shell_reads |= command.program.rpartition("/")[2] in SHELLS
            self.found.append(command)
            self.found += commands_of(inner_line(unwrapped(command).words), self._depth + 1)
        self.found += self._inner
        self._begin()

    def read_list(self, stop: str = "") -> None:
        """Read commands to the end of the text, or past a ``stop`` that closes nothing opened within."""
        text, opened = self._text, 0
        while self.at < len(text):
            letter = text[self.at]
            if letter in " \t\r" or text.startswith("\\\n", self.at):
                self.at += 1 + (letter == "\\")
            elif letter == "#":
                end = text.find("\n", self.at)
                self.at = len(text) if end < 0 else end
            elif found := _compiled(_REDIRECT).match(text, self.at):
                self.at = found.end()
                self._redirect(found[1])
            elif letter == stop == ")" and not opened:
                self.at += 1
                break
            elif letter in ";&|\n()":
                opened += (letter == "(") - (letter == ")" and opened > 0)
                self._separator(letter)
            else:
                begin = self.at
                word = self._word()
                self._take(word, text[begin : self.at])
        self._end()

    def _separator(self, letter: str) -> None:
        self.at += 1
        self._dropped |= letter == "(" and len(self._words) == 1  # a function's name
        self._end()
        if letter == "\n":
            self._read_heredocs()

    def _take(self, word: Word, written: str) -> None:
        """Put a word to the command, where it is part of one; ``written`` is it with its quotes."""
        if not self._words:
            if _compiled(_ASSIGNMENT).match(written) or written in _PASSED:
                return
            self._dropped = written in _NO_COMMAND
        self._words.append(word)

    def _redirect(self, operator: str) -> None:
        while self._text[self.at : self.at + 1] in {" ", "\t"}:
            self.at += 1
        quoted = self._text[self.at : self.at + 1] in {"'", '"', "\\"}
        word = self._word()
        if operator in {"<<", "<<-"}:
            self._heredocs.append((word.text, quoted))
        elif operator == "<":
            self._reads.append(word)
        elif operator not in {"<<<", "<&"} and not (operator == ">&" and re.fullmatch(r"\d+-?|-", word.text)):
            self._writes.append(word)

    def _read_heredocs(self) -> None:
        """The texts that stand after the line: a shell runs all of such a text, and anything else its substitutions."""
        waiting, self._heredocs = self._heredocs, []
        for name, quoted in waiting:
            end = re.compile(rf"^\t*{re.escape(name)}$", re.MULTILINE).search(self._text, self.at)
            body = self._text[self.at : end.start() if end else len(self._text)]
            self.at = min(end.end() + 1, len(self._text)) if end else len(self._text)
            if self._shell_reads:
                self.found += commands_of(body, self._depth + 1)
            elif not quoted and self._depth < _DEEPEST:
                inner = _Reader(body, self._depth + 1)
                inner.read_text("")
                self.found += inner.found
        self._shell_reads = False

    def read_text(self, stop: str) -> tuple[str, bool]:
        """Read text whose substitutions run, past ``stop``; what it says, and whether it says so as it stands."""
        pieces: list[str] = []
        plain = True
        while self.at < len(self._text) and self._text[self.at] != stop:
            letter = self._text[self.at]
            if letter == "\\":
                after = self._text[self.at + 1 : self.at + 2]
                pieces.append(after if after in '$`"\\' else "" if after == "\n" else letter + after)
                self.at += 2
            elif letter in "$`":
                pieces.append(self._expansion())
                plain &= pieces[-1] == "$"
            else:
                pieces.append(letter)
                self.at += 1
        self.at += 1
        self.found += self._inner if not stop else ()
        return "".join(pieces), plain

    def _word(self) -> Word:
        """The word that begins here; one letter at least."""
        pieces: list[str] = []
        literal, begin, text = True, self.at, self._text
        while self.at < len(text):
            letter = text[self.at]
            if letter in "<>" and text.startswith("(", self.at + 1):
                pieces.append(self._expansion())
                literal = False
            elif letter == "(" and self.at > begin and text[self.at - 1] == "=":
                self.at += 1  # an array: its words are no commands
                pieces.append(self.read_text(")")[0])
                literal = False
            elif letter in " \t\r\n;&|()<>":
                break
            else:
                active = letter in _ACTIVE or (letter == "~" and self.at == begin)
                piece, plain = self._piece(letter)
                pieces.append(piece)
                literal &= plain and not active
        self.at += self.at == begin
        said = "".join(pieces)
        return Word(said, literal or said == "{")

    def _piece(self, letter: str) -> tuple[str, bool]:
        """The next piece of a word; what it says, and whether it says so as it stands."""
        begin, text = self.at, self._text
        if letter == "'":
            end = text.find("'", begin + 1)
            self.at = len(text) if end < 0 else end + 1
            return text[begin + 1 : self.at - (end >= 0)], True
        if letter == '"':
            self.at += 1
            return self.read_text('"')
        if letter == "\\":
            self.at += 2
            return text[begin + 1 : begin + 2].replace("\n", ""), True
        if letter in "$`":
            said = self._expansion()
            return said, said == "$"
        found = _compiled(_RUN).match(text, begin)
        self.at = found.end() if found else begin + 1
        return text[begin : self.at], True

    def _expansion(self) -> str:
        """Past what the shell puts something else for; as it is written."""
        begin, text = self.at, self._text
        if text.startswith("$((", begin) or text.startswith("${", begin):
            self.at += 2
            self.read_text("}" if text[begin + 1] == "{" else ")")
            self.at += text.startswith("$((", begin) and text.startswith(")", self.at)
        elif text.startswith(("$(", "<(", ">("), begin) and self._depth < _DEEPEST:
            inner = _Reader(text, self._depth + 1, begin + 2)
            inner.read_list(")")
            self.at = inner.at
            self._inner += inner.found
        elif text[begin] == "`":
            found = _compiled(_BACKTICKS).match(text, begin)
            self.at = found.end() if found else len(text)
            self._inner += commands_of(re.sub(r"\\([`$\\])", r"\1", text[begin + 1 : self.at - 1]), self._depth + 1)
        elif text.startswith("$'", begin):
            found = _compiled(_ANSI).match(text, begin)
            self.at = found.end() if found else len(text)
        else:
            found = _compiled(_VARIABLE).match(text, begin)
            self.at = found.end() if found else begin + 1
        return text[begin : self.at]
