"""``py-mono sessions``: what was recorded, shown and played again."""

import asyncio
import itertools
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from py_mono.protocol.errors import SessionError
from py_mono.session.store import Sessions
from py_mono.ui.export_command import export_to, transcript
from py_mono.ui.output import Output
from py_mono.ui.render import Renderer
from py_mono.ui.replaying import replay as play_again
from py_mono.ui.secretless import Secretless
from py_mono.ui.terminal import Screen, clip, one_line
from py_mono.utils.stdout import lost

if TYPE_CHECKING:
    from py_mono.ui.arguments import Arguments
    from py_mono.ui.secretless import Redacts


def show_list(store: Sessions, screen: Screen, workspace: str) -> int:
    """A line for each session (of one workspace, where given): when it was used, its id, how long it is, and how it began."""
    found = store.list(workspace)
    for summary in found:
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(summary.used))
        turns = f"{summary.turns} turn{'' if summary.turns == 1 else 's'}"
        line = f"{summary.id}  {used}  {turns:>8}  {one_line(summary.workspace)}  {one_line(summary.prompt)}"
        line = screen.redact(line)
        screen.write((clip(line, screen.width) if screen.terminal else line) + "\n")
    if not found:
        screen.write(f"There is no session{f' of {one_line(workspace)}' if workspace else ''} yet.\n")
    return 0


def show(store: Sessions, name: str, screen: Screen, redact: "Redacts") -> int:
    """A session as it was on the screen.

    Raises:
        SessionError: There is no such session, it cannot be read, or it holds nothing.
    """
    renderer = Secretless(Renderer(screen, echo=True), redact)
    empty = True
    for envelope in store.read(name):
        empty = False
        renderer(envelope)
    if empty:
        raise _holds_nothing(name)
    return 0


def replay(store: Sessions, name: str, screen: Screen) -> int:
    """Run a session again offline, and say whether every request was the recorded one: 0, or 1 where one was not."""
    report = asyncio.run(play_again(tuple(store.read(name))))
    turns = len({step.turn for step in report.steps})
    total = (
        f"{len(report.steps)} request{'' if len(report.steps) == 1 else 's'} in {turns} turn{'' if turns == 1 else 's'}"
    )
    different = report.first_difference
    if different is None:
        screen.write(f"Replayed {total}: each is the one that was recorded.\n")
        return 0
    screen.write(
        f"Replayed {total}. The first that differs is step {different.step} of turn {different.turn}: "
        f"recorded {different.recorded or 'no request'}, now {different.replayed or 'no request'}.\n"
    )
    return 1


def export(store: Sessions, name: str, file: str, screen: Screen, redact: "Redacts") -> int:
    """A session as a file, or as Markdown on stdout.

    Raises:
        SessionError: As ``show``; or the file cannot be written.
    """
    facts = store.read(name)
    first = next(facts, None)
    if first is None:
        raise _holds_nothing(name)
    whole = itertools.chain([first], facts)
    if file:
        screen.write(export_to(file, whole, redact) + "\n")
        return lost(screen.failure)
    output = Output(sys.stdout.buffer)
    for piece in transcript(whole, redact):
        output.write(piece.encode("utf-8", "replace"))
    return lost(output.failure)


def _holds_nothing(name: str) -> SessionError:
    return SessionError(f"The session {name} holds nothing.", remedy="See those there are: py-mono sessions list")


def run(
    store: Sessions, arguments: "Arguments", workspace: str, environment: Mapping[str, str], redact: "Redacts"
) -> int:
    """Do what the command line asked for; returns the exit status. ``workspace`` narrows the list; empty does not.

    What was written before a secret was known is shown without it all the same.

    Raises:
        SessionError: There is no such session, or it cannot be read.
    """
    screen = Screen(sys.stdout, environment, redact=redact)
    match arguments.action:
        case "show":
            status = show(store, arguments.name, screen, redact)
        case "export":
            return export(store, arguments.name, arguments.file, screen, redact)
        case "replay":
            status = replay(store, arguments.name, screen)
        case _:
            status = show_list(store, screen, workspace)
    return lost(screen.failure) or status
