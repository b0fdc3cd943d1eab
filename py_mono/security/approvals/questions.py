"""What a person is asked, and what they say; light, for whoever only asks."""

from collections.abc import Awaitable, Callable
from typing import Literal

from msgspec import Struct

from py_mono.protocol.approvals import NeedKind


class Question(Struct, frozen=True):
    """What a person is asked.

    Attributes:
        kind: What the call would take.
        what: The exact command, or the tool and its path.
        reason: Why they are asked.
        keys: What an answer for longer would remember; none where there is no such answer.
        lasting: Whether it may be remembered beyond the session.
    """

    kind: NeedKind
    what: str
    reason: str
    keys: tuple[str, ...] = ()
    lasting: bool = False


class Answer(Struct, frozen=True):
    """What they said; ``reason`` is what they want the model to know, where they do not agree."""

    said: Literal["once", "session", "always", "no"]
    reason: str = ""


Ask = Callable[[Question], Awaitable[Answer]]
