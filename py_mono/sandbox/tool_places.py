"""HOST. Where a program of the operator's lies, and what it takes to run it: its own prefix, and its interpreter's."""

import os
from collections.abc import Iterator, Sequence

_MOST_LINKS = 8
_DEEPEST = 4
_BIN = frozenset({"bin", "sbin", "shims"})
_LINE = 4096
_MARKS = ("lib", "lib64", "libexec", "share", "tools", "installs", "pyvenv.cfg")
"""What a prefix has beside its programs, one or the other; a folder without any may hold whatever a person keeps there."""


class ToolPlaces:
    """Looks programs up as the operator's shell would, but never in the workspace: tools write there."""

    def __init__(self, path: str, *, home: str, workspace: str, shown: Sequence[str], never: Sequence[str]) -> None:
        """``shown`` is what every lock shows anyway; nothing that holds one of ``never``, or the home, is added to it."""
        folders = [folder for folder in path.split(os.pathsep) if os.path.isabs(folder)]
        self._path = [folder for folder in dict.fromkeys(folders) if not within(folder, workspace)]
        self._shown = tuple(shown)
        self._home = os.path.realpath(home)
        self._never = (*never, self._home, os.path.join(self._home, ".local"))

    def of(self, program: str) -> list[str]:
        """The folders and files that must be shown besides for ``program``, a name or a path, to run."""
        found = self._look_up(program)
        return list(dict.fromkeys(self._needs(found, _DEEPEST))) if found else []

    def path(self, places: Sequence[str]) -> list[str]:
        """The folders with programs that can be seen where ``places`` are shown besides, in the operator's order."""
        return [folder for folder in self._path if any(within(folder, place) for place in (*self._shown, *places))]

    def _look_up(self, program: str) -> str:
        if "/" in program:
            return os.path.abspath(program) if os.path.isabs(program) else ""
        paths = (os.path.join(folder, program) for folder in self._path)
        return next((path for path in paths if os.path.isfile(path) and os.access(path, os.X_OK)), "")

    def _needs(self, path: str, depth: int) -> Iterator[str]:
        for step in _links(path):
            yield from self._place(step)
            yield from self._base(os.path.dirname(os.path.dirname(step)), depth)
        interpreter = _interpreter(path)
        if interpreter and depth and (found := self._look_up(interpreter)):
            yield from self._needs(found, depth - 1)

    def _base(self, prefix: str, depth: int) -> Iterator[str]:
        """What a virtual environment was made from. Source: PEP 405."""
        try:
            with open(os.path.join(prefix, "pyvenv.cfg"), encoding="utf-8", errors="replace") as file:
                lines = file.read(_LINE).splitlines()
        except OSError:
            return
        for line in lines:
            key, _, value = line.partition("=")
            if key.strip() == "home" and depth:
                yield from self._needs(os.path.join(value.strip(), "python3"), depth - 1)

    def _place(self, path: str) -> Iterator[str]:
        """The prefix that a program was installed to; else the folder it is in, or the program alone."""
        if any(within(path, shown) for shown in self._shown):
            return
        folder = os.path.dirname(path)
        choices = [os.path.dirname(folder), folder] if os.path.basename(folder) in _BIN else []
        if choices and not any(os.path.exists(os.path.join(choices[0], mark)) for mark in _MARKS):
            del choices[0]
        yield next((choice for choice in choices if not self._too_wide(choice)), path)

    def _too_wide(self, folder: str) -> bool:
        real = os.path.realpath(folder)
        return any(within(never, real) for never in self._never)


def within(path: str, folder: str) -> bool:
    """Whether a path is that folder, or below it, as they are written."""
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def _links(path: str) -> Iterator[str]:
    """The path, and each that a link leads to from there; the last is resolved whole."""
    for _ in range(_MOST_LINKS):
        yield path
        try:
            path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))
        except OSError:
            break
    yield os.path.realpath(path)


def _interpreter(path: str) -> str:
    """What a script's first line names; empty where it names none."""
    try:
        with open(path, "rb") as file:
            first = file.read(_LINE).split(b"\n", 1)[0]
    except OSError:
        return ""
    if not first.startswith(b"#!"):
        return ""
    words = os.fsdecode(first[2:]).split()
    if words and os.path.basename(words[0]) == "env":
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    return words[0] if words else ""
