"""What a dry run would have done, for a person, a pipe or a program."""

from typing import TYPE_CHECKING

from py_mono.ui.review import Line, show_diff
from py_mono.ui.terminal import Screen, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from py_mono.agent.agent import Agent
    from py_mono.protocol.ports import FileDiff


def unified(agent: "Agent") -> str:
    """What its last turn did, as one text for ``patch -p1``; what has no lines is told in lines that it passes over."""
    said = []
    for file in _done(agent):
        if file.note or not file.text:
            said.append(f"# {file.kind}: {one_line(file.path)}{f' ({one_line(file.note)})' if file.note else ''}\n")
        said.append(file.text)
    return "".join(said)


def show(agent: "Agent", screen: Screen, line: Line) -> None:
    """The same on a screen; nothing where nothing was done."""
    if files := _done(agent):
        show_diff(files, screen, line)
        line("dry run: that would have changed; the workspace is as it was", "yellow")


def _done(agent: "Agent") -> "Sequence[FileDiff]":
    return agent.dry.get(agent.history.turns, ())


def plainly(screen: Screen) -> Line:
    """Shows a line as a stream takes it."""
    return lambda text, style: screen.write((screen.paint(text, style) if style else text) + "\n")
