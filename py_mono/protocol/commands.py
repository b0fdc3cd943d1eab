"""A fact about what a person does in the sandbox themselves."""

from py_mono.protocol.event_base import TaggedEvent
from py_mono.protocol.messages import UserMessage


class CommandRun(TaggedEvent, frozen=True):
    """A person ran a command of their own, outside of any turn; what it changed comes right after it.

    Attributes:
        turn: Its number: commands count as turns do, so that they can be undone as those can.
        command: As it was typed.
        failed: Whether it ended with an error, or was ended.
        duration_ms: Wall time.
        message: What the model reads of it, as part of the conversation; None where the person keeps it to themselves.
    """

    turn: int
    command: str
    failed: bool
    duration_ms: int
    message: UserMessage | None = None
