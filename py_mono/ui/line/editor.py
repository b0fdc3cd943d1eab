"""The person's own editor, for a line that has become long."""

import asyncio
import os
import shlex
import shutil
import tempfile
from collections.abc import Mapping

_USUAL = ("vi", "nano")
_LONGEST = 5_000_000


class EditorFailed(Exception):
    """In words, why the text is as it was."""


def editor(environment: Mapping[str, str]) -> list[str]:
    """The command, with its arguments: VISUAL, EDITOR, else vi or nano.

    Raises:
        EditorFailed: It cannot be found.
    """
    for name in ("VISUAL", "EDITOR"):
        said = environment.get(name, "").strip()
        if said:
            return _parsed(name, said, environment)
    for program in _USUAL:
        found = shutil.which(program, path=environment.get("PATH"))
        if found:
            return [found]
    raise EditorFailed("There is no editor: neither vi nor nano is here. Name one with EDITOR=…")


def _parsed(name: str, said: str, environment: Mapping[str, str]) -> list[str]:
    try:
        words = shlex.split(said)
    except ValueError as error:
        raise EditorFailed(f"{name} cannot be read ({error}): {said}") from None
    if not words or not shutil.which(words[0], path=environment.get("PATH")):
        raise EditorFailed(f"{name} names an editor that is not here: {said}")
    return words


async def edit(text: str, command: list[str]) -> str:
    """What the person makes of the text in their editor, which is given the terminal; without newlines at its end.

    Raises:
        EditorFailed: It could not be started, ended with an error, or left something that is no text.
    """
    with tempfile.TemporaryDirectory(prefix="py-mono-edit-") as folder:
        path = os.path.join(folder, "message.md")
        _write(path, text)
        try:
            process = await asyncio.create_subprocess_exec(*command, path)
            status = await process.wait()
        except OSError as error:
            raise EditorFailed(f"{command[0]} cannot be started: {error.strerror}") from None
        if status:
            raise EditorFailed(f"{command[0]} ended with status {status}: the line is as it was.")
        return _read(path)


def _write(path: str, text: str) -> None:
    with open(path, "x", encoding="utf-8", errors="replace") as file:
        file.write(text + "\n")


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read(_LONGEST + 1)
        if len(data) > _LONGEST:
            raise EditorFailed(f"The text is longer than {_LONGEST // 1_000_000} MB: the line is as it was.")
        return data.decode().replace("\r\n", "\n").rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise EditorFailed(f"What the editor left cannot be read ({error}): the line is as it was.") from None
