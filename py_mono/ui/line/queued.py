"""What a person typed while a turn runs, until the model reads it."""

from py_mono.protocol.events import Envelope, MessageSteered


class Queued:
    """A subscriber that knows what still waits.

    Attributes:
        lines: As they were typed, oldest first.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, envelope: Envelope) -> None:
        """Take one event in: messages reach the model in the order in which they were typed."""
        if isinstance(envelope.event, MessageSteered) and envelope.event.origin == "user":
            del self.lines[:1]
