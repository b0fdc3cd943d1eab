"""Where the sessions are, and where each works; light, because the worker's folder depends on it."""

import json
import os

from py_mono.protocol.errors import SessionError

ENDING = ".jsonl"
_NAMED = 5
"""How many of the sessions that could be meant are named, the newest first."""


def folder_of(state_folder: str) -> str:
    """The folder of all journals."""
    return os.path.join(state_folder, "sessions")


def name_of(path: str) -> str:
    """The session whose journal this is."""
    return os.path.basename(path).removesuffix(ENDING)


def ids(folder: str) -> list[str]:
    """The sessions there are, that written last first; none where the folder is missing.

    Raises:
        SessionError: The folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            found = [
                (entry.stat().st_mtime_ns, entry.name.removesuffix(ENDING))
                for entry in entries
                if entry.name.endswith(ENDING) and entry.is_file()
            ]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SessionError(f"The folder {folder} cannot be read: {error.strerror}.") from error
    return [name for _, name in sorted(found, reverse=True)]


def find(folder: str, name: str) -> str:
    """The whole id that ``name`` is the beginning of.

    Raises:
        SessionError: No id begins so, or more than one.
    """
    names = ids(folder)
    if name in names:
        return name
    found = [each for each in names if each.startswith(name)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise SessionError(f"There is no session {name!r}.", remedy="See those there are: py-mono sessions list")
    shown = ", ".join(found[:_NAMED]) + (", …" if len(found) > _NAMED else ".")
    raise SessionError(
        f"{len(found)} sessions begin with {name!r}: {shown}",
        remedy="Give more of the id.",
    )


def workspace_of(state_folder: str, name: str) -> str:
    """The workspace that the first fact of a session names.

    Raises:
        SessionError: As ``find``, or its journal does not begin with that fact.
    """
    folder = folder_of(state_folder)
    whole = find(folder, name)
    try:
        with open(os.path.join(folder, whole + ENDING), "rb") as file:
            return str(json.loads(file.readline())["event"]["workspace"])
    except OSError as error:
        raise SessionError(f"The session {whole} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SessionError(f"The session {whole} holds nothing to go on with.", remedy="Start a new one.") from error
