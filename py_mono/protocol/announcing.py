"""The fact that tools can be called which are not in the frozen list."""

from py_mono.protocol.event_base import TaggedEvent
from py_mono.protocol.messages import UserMessage


class ToolsAnnounced(TaggedEvent, frozen=True):
    """The model is told of tools that it calls through the dispatcher; comes right before a ``StepStarted``.

    The front of the requests stays as it is, so that no server has to read it again. Before the first step of a turn the
    message stands in front of the person's, which is what is to be answered; later it stands at the end.

    Attributes:
        tools: Their names.
        message: What the model is told.
    """

    tools: tuple[str, ...]
    message: UserMessage
