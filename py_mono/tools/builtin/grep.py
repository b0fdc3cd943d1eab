"""GUEST. Search file contents: with ripgrep where it is installed, else with ``search``; the answer is the same."""

import os
import re
import sys

from py_mono.tools.builtin.context import Output, ToolFailure
from py_mono.tools.builtin.foreign import foreign_above, foreign_below
from py_mono.tools.builtin.globs import glob_expression
from py_mono.tools.builtin.paths import KEYS_FILE, counted, missing, resolve, shown
from py_mono.tools.builtin.pattern import normalise
from py_mono.tools.builtin.textfile import SNIFF, binary, detect, open_regular, shown_codec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from py_mono.tools.builtin.context import Context, Finished

TIMEOUT_S = 60.0
_DOUBT_S = 0.5  # a ripgrep that takes longer may wait for a pipe; it searches 100,000 files in that time
_OWN_EXIT_CODES = 2  # more: a panic, or a signal, such as for want of memory
_KEPT = 1_000  # matches held in memory; more are counted
_LONG = 300
_LEAD = 100
_COLUMN_DIGITS = 12
_PLAIN_GLOB = re.compile(r"[\w.*?-]+")
_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); from py_mono.tools.builtin.search import main; main(sys.argv[2:])"
)
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
_PLACES = ("/usr/local/bin", "/usr/bin", "/bin")

SPEC: "dict[str, Any]" = {
    "name": "grep",
    "description": "Search files for a regular expression.",
    "parameters": {
        "type": "object",
        "properties": {
            "pattern": {"type": "string"},
            "path": {"type": "string"},
            "glob": {"type": "string", "description": "such as *.py"},
            "case_insensitive": {"type": "boolean"},
        },
        "required": ["pattern"],
        "additionalProperties": False,
    },
    "effect": "read",
}


def ripgrep() -> str | None:
    """Where ripgrep is, or None."""
    folders = (*os.environ.get("PATH", "").split(":"), *_PLACES)
    places = (os.path.join(folder, "rg") for folder in folders if folder.startswith("/"))
    return next((place for place in places if os.access(place, os.X_OK)), None)


def run(
    context: "Context", *, pattern: str, path: str = ".", glob: str | None = None, case_insensitive: bool = False
) -> Output:
    """Matching lines as ``path:line:text``, sorted, as many as the output limit allows, and how many there are."""
    return search(context, ripgrep(), pattern=pattern, path=path, glob=glob, case_insensitive=case_insensitive)


def search(
    context: "Context", program: str | None, *, pattern: str, path: str, glob: str | None, case_insensitive: bool
) -> Output:
    """The same with the given ripgrep, or without where it is None."""
    shared = normalise(pattern)
    real = resolve(context, path)
    wanted = _wanted(glob)
    if not os.path.lexists(real):
        raise missing(context, real, path)
    if not os.path.isdir(real):
        try:
            _refuse_binary(real, path)
        except FileNotFoundError:  # it was there a moment ago
            raise missing(context, real, path) from None
    hidden = os.path.join(context.workspace, KEYS_FILE)

    def attempt(argv: list[str], timeout_s: float) -> "tuple[_Matches, Finished]":
        matches = _Matches(wanted, real, hidden)
        finished = context.commands.run(
            argv, cwd=context.workspace, timeout_s=timeout_s, on_output=matches.feed, cancelled=context.cancelled
        )
        matches.close()
        return matches, finished

    found = None
    if program is not None:
        argv = _ripgrep_argv(program, shared, glob, real, ignore_case=case_insensitive)
        found = _by_ripgrep(context, argv, real, attempt)
    if found is None:
        case = "i" if case_insensitive else ""
        argv = [sys.executable, "-I", "-S", "-c", _PROGRAM, _ROOT, shared, case, glob or "", hidden, real]
        found = attempt(argv, TIMEOUT_S)
    matches, finished = found
    _refuse_failed(finished, matches)
    return _output(context, matches, finished, pattern)


def _by_ripgrep(
    context: "Context", argv: list[str], real: str, attempt: "Callable[[list[str], float], tuple[_Matches, Finished]]"
) -> "tuple[_Matches, Finished] | None":
    """What ripgrep finds, or None where it must not be left to read the ignore files, or was killed.

    It opens whatever is called ``.gitignore``. Those from the searched folder upwards are looked at first; those below
    only once it takes long, for to look at them all takes as long as the search itself.
    """
    if foreign_above(real if os.path.isdir(real) else os.path.dirname(real)):
        return None
    matches, finished = attempt(argv, _DOUBT_S)
    if finished.timed_out and not finished.cancelled:
        if foreign_below(real, context.cancelled):
            return None
        matches, finished = attempt(argv, TIMEOUT_S)
    if finished.exit_code > _OWN_EXIT_CODES and not (finished.timed_out or finished.cancelled):
        return None
    return matches, finished


def _wanted(glob: str | None) -> "re.Pattern[str] | None":
    if not glob:
        return None
    try:
        return re.compile(glob_expression(glob))
    except (ValueError, re.error) as error:
        raise ToolFailure(f"glob is not usable: {error}; give one such as *.py or src/**/*.ts") from None


def _refuse_binary(real: str, given: str) -> None:
    fd, status = open_regular(real, given)
    with open(fd, "rb", buffering=0) as file:
        sample = file.read(SNIFF) or b""
    if detect(sample, whole=status.st_size <= len(sample)) is None:
        raise binary(given, sample, status.st_size)


def _ripgrep_argv(program: str, pattern: str, glob: str | None, real: str, *, ignore_case: bool) -> list[str]:
    argv = [program, "-n0", "-H", "--column", "--no-heading", "--color=never", "--crlf", "--hidden", "--no-config",
            "--no-messages", "--no-ignore-global", "--no-ignore-dot", "--no-require-git", "--glob=!.git"]  # fmt: skip
    if ignore_case:
        argv.append("-i")
    if glob and _PLAIN_GLOB.fullmatch(glob):
        argv += [f"--type-add=wanted:{glob}", "--type=wanted"]  # --glob would bring ignored files back
    return [*argv, "-e", pattern, "--", real]


class _Matches:
    """Reads the program's output as it comes: keeps the first matches in order, counts all."""

    __slots__ = ("_hidden", "_last", "_names", "_rest", "_root", "_wanted", "errors", "files", "kept", "total")

    def __init__(self, wanted: "re.Pattern[str] | None", root: str, hidden: str) -> None:
        self._wanted = wanted
        self._root = root.rstrip("/") + "/"
        self._hidden = os.fsencode(hidden)
        self._names: dict[bytes, bool] = {}
        self._rest = b""
        self._last: bytes | None = None  # matches of files that sort behind this one are only counted
        self.kept: list[tuple[bytes, int, int, bytes, bool]] = []
        self.errors: list[str] = []
        self.files: dict[bytes, int] = {}
        self.total = 0

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line(line)
        if len(self.kept) > 2 * _KEPT:
            self.kept.sort()
            del self.kept[_KEPT:]
            self._last = self.kept[-1][0]

    def close(self) -> None:
        if self._rest:
            self._line(self._rest)
        self.kept = sorted(match for match in self.kept if match[0] in self.files)
        self.total = sum(self.files.values())

    def _line(self, line: bytes) -> None:
        name, separator, rest = line.partition(b"\0")
        if not separator:
            self._remark(line)
            return
        chosen = self._names.get(name)
        if chosen is None:
            chosen = self._names[name] = self._chosen(name)
        if not chosen:
            return
        self.files[name] = self.files.get(name, 0) + 1
        if self._last is not None and name > self._last:
            return
        number, _, rest = rest.partition(b":")
        self.kept.append((name, int(number), *_around(*_column(rest))))

    def _chosen(self, name: bytes) -> bool:
        if name == self._hidden:
            return False
        path = os.fsdecode(name)
        relative = path.removeprefix(self._root) if path.startswith(self._root) else os.path.basename(path)
        return self._wanted is None or self._wanted.fullmatch(relative) is not None

    def _remark(self, line: bytes) -> None:
        """Not a match: a complaint, or that a file turned out to be binary half-way, which then counts as such."""
        text = line.decode("utf-8", "replace")
        name, marker, _ = text.partition(": WARNING: stopped searching binary file")
        if marker:
            self.files.pop(os.fsencode(name), None)
            self._names[os.fsencode(name)] = False
        elif len(self.errors) < 5 and text.strip():  # noqa: PLR2004  # a few say enough
            self.errors.append(text)


def _column(rest: bytes) -> tuple[bytes, int]:
    """A matching line, and where in it the match is: ripgrep does not say for the very end of a file without newline."""
    column, colon, text = rest.partition(b":")
    if colon and column.isdigit() and len(column) < _COLUMN_DIGITS and int(column) <= len(text) + 1:
        return text, int(column) - 1
    return rest, 0


def _around(text: bytes, at: int) -> tuple[int, bytes, bool]:
    """The part of a long line round its match: where the match is in it, the part, and whether something went before."""
    start = max(0, at - 2 * _LEAD) if len(text) > 4 * _LONG else 0
    return at - start, text[start : start + 4 * _LONG], start > 0


def _refuse_failed(finished: "Finished", matches: _Matches) -> None:
    if finished.cancelled:
        raise ToolFailure("cancelled")
    if finished.timed_out and not matches.total:
        raise ToolFailure(f"the search took longer than {TIMEOUT_S:g} s; give a narrower path, glob or pattern")
    if finished.exit_code > 1 and not matches.total and matches.errors:
        raise ToolFailure("the search failed: " + "\n".join(matches.errors))


def _output(context: "Context", matches: _Matches, finished: "Finished", pattern: str) -> Output:
    if not matches.total:
        hint = r"; \| stands for the character |, and | alone for a choice" if r"\|" in pattern else ""
        return Output(f"[no matches{hint}]", details={"matches": 0, "files": 0})
    lines: list[str] = []
    room = context.output_limit
    codecs: dict[bytes, str] = {}
    for name, number, at, text, cut in matches.kept:
        codec = "utf-8"
        if not text.isascii() and not _is_utf8(text):
            codec = codecs[name] = codecs.get(name) or shown_codec(os.fsdecode(name))
        line = f"{shown(context, os.fsdecode(name))}:{number}:{_clipped(text, at, codec, cut=cut)}"
        room -= len(line) + 1
        if room < 0:
            break
        lines.append(line)
    left = matches.total - len(lines)
    if left:
        total, files = counted(matches.total, "match", "matches"), counted(len(matches.files), "file")
        lines.append(f"[{len(lines):,} of {total} in {files}; narrow path, glob or pattern]")
    if finished.timed_out:
        lines.append(f"[stopped after {TIMEOUT_S:g} s: there may be more]")
    return Output(
        "\n".join(lines), details={"matches": matches.total, "files": len(matches.files), "truncated": bool(left)}
    )


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _clipped(text: bytes, at: int, codec: str, *, cut: bool) -> str:
    line = text.decode(codec, "replace").removesuffix("\r")
    if len(line) <= _LONG and not cut:
        return line
    start = max(0, len(text[:at].decode(codec, "replace")) - _LEAD)
    part = line[start : start + _LONG]
    return f"{'…' if start or cut else ''}{part}{'…' if start + _LONG < len(line) else ''}"
