"""What a list of sessions says of each, read from the two ends of its journal."""

import os
from collections.abc import Iterator
from typing import BinaryIO

from msgspec import Struct

from py_mono.protocol.codec import decode_envelope
from py_mono.protocol.events import Envelope, ModelBound, SessionStarted, StepStarted, TurnStarted
from py_mono.session.where import name_of

_HEAD_LINES = 64
_TAIL = 65_536


class Summary(Struct, frozen=True):
    """One session in a list.

    Attributes:
        id: What ``-r`` takes.
        started: Seconds since 1970.
        used: The time of the last fact, likewise.
        workspace: Its absolute path.
        prompt: The first message, or empty.
        turns: How many there were.
        model: The last one asked, or empty.
        parent: The session it was forked from, or empty.
    """

    id: str
    started: float
    used: float
    workspace: str
    prompt: str
    turns: int
    model: str
    parent: str


def summarise(path: str) -> Summary | None:
    """What there is to say of a journal; None where not even its first fact can be read."""
    try:
        with open(path, "rb") as file:
            head = list(_head(file))
            if not head or not isinstance(head[0].event, SessionStarted):
                return None
            tail = _tail(file, _TAIL)
            if not any(isinstance(fact.event, TurnStarted) for fact in tail):
                tail = _tail(file, os.fstat(file.fileno()).st_size)
    except OSError:
        return None
    first = head[0].event
    turns = [fact.event for fact in (*head, *reversed(tail)) if isinstance(fact.event, TurnStarted)]
    models = [fact.event.model for fact in (*tail, *reversed(head)) if isinstance(fact.event, ModelBound | StepStarted)]
    return Summary(
        id=name_of(path),
        started=head[0].at,
        used=max(fact.at for fact in (*head, *tail)),
        workspace=first.workspace,
        prompt=turns[0].message.text if turns else "",
        turns=turns[-1].turn if turns else 0,
        model=models[0] if models else "",
        parent=first.parent,
    )


def _head(file: BinaryIO) -> Iterator[Envelope]:
    """The facts up to the first turn."""
    for line, _ in zip(file, range(_HEAD_LINES), strict=False):
        fact = _decoded(line)
        if fact is not None:
            yield fact
            if isinstance(fact.event, TurnStarted):
                return


def _tail(file: BinaryIO, length: int) -> list[Envelope]:
    """From the last facts, newest first: the last of all, and those that say which turn it is and which model answers."""
    size = os.fstat(file.fileno()).st_size
    file.seek(max(0, size - length))
    lines = file.read(length).split(b"\n")
    if size > length:
        del lines[0]
    found: list[Envelope] = []
    for line in reversed(lines):
        if found and not (b'"turn_started"' in line or b'"step_started"' in line or b'"model_bound"' in line):
            continue
        fact = _decoded(line)
        if fact is None:
            continue
        found.append(fact)
        if isinstance(fact.event, TurnStarted):
            break
    return found


def _decoded(line: bytes) -> Envelope | None:
    try:
        return decode_envelope(line)
    except ValueError:
        return None
