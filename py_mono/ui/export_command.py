"""``py-mono sessions export`` and ``/export``: a session for others to read."""

import asyncio
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from py_mono.protocol.errors import ConfigError, SessionError
from py_mono.session.export import json_lines, markdown
from py_mono.session.journal import read
from py_mono.session.new_file import write_new
from py_mono.ui.terminal import harmless, one_line

if TYPE_CHECKING:
    from py_mono.protocol.events import Envelope
    from py_mono.protocol.ports import Redact
    from py_mono.ui.app import App

_MARKDOWN = (".md", ".markdown")
_JOURNAL = ".jsonl"


def export_to(path: str, envelopes: "Iterable[Envelope]", redact: "Redact") -> str:
    """Write a session to a new file, in the format that the end of its name says; returns what to say of it.

    Raises:
        SessionError: The name says none, there is such a file, it cannot be written, or the session cannot be read.
    """
    ending = os.path.splitext(path)[1].lower()
    if ending != _JOURNAL and ending not in _MARKDOWN:
        raise SessionError(
            f"{one_line(path)} does not say what it is to hold.",
            remedy="Name it .md for the transcript, or .jsonl for every fact as JSON lines.",
        )
    pieces = json_lines(envelopes, redact) if ending == _JOURNAL else transcript(envelopes, redact)
    if "\0" in path:
        raise SessionError("A file's name cannot hold a NUL byte.")
    write_new(path, pieces)
    return f"The session is in {one_line(path)}. Known secrets are left out; look it over before you pass it on."


def transcript(envelopes: "Iterable[Envelope]", redact: "Redact") -> Iterator[str]:
    """A session as Markdown, piece by piece."""
    return markdown(envelopes, redact, harmless)


async def export(app: "App", arguments: str) -> str:
    """``/export``: to a file of the workspace, or where none is named on the screen."""
    if not app.journal:
        return "This session is not kept, so there is nothing to export."
    try:
        return await asyncio.to_thread(_export, app, arguments)
    except SessionError as error:
        return error.told


def _export(app: "App", file: str) -> str:
    if not os.path.exists(app.journal):
        return "Nothing was said in this session yet."
    with suppress(ConfigError):  # a key that was stored after it was said is known from here on
        app.keys.stored()
    if file:
        return export_to(os.path.join(app.workspace, os.path.expanduser(file)), read(app.journal), app.redact)
    return "".join(transcript(read(app.journal), app.redact)).rstrip("\n")
