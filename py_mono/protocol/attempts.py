"""Facts on requests that brought no reply: what was tried, what it took, and who was asked instead.

They come between a ``StepStarted`` and its ``MessageFinished``, or the turn's end.
"""

from py_mono.protocol.event_base import TaggedEvent
from py_mono.protocol.messages import Usage


class AttemptFailed(TaggedEvent, frozen=True):
    """A request brought no reply that is of use; pieces of one shown so far are void.

    Attributes:
        provider: Who was asked, by the registry's name.
        model: The model asked.
        attempt: Which it was of the attempts at this provider, from 1.
        kind: ``PyMonoError.kind`` of what went wrong.
        reason: In words.
        usage: What it took, as far as that is known: a request that the server refused takes nothing and costs 0.
    """

    provider: str
    model: str
    attempt: int
    kind: str
    reason: str
    usage: Usage


class ModelFellBack(TaggedEvent, frozen=True):
    """The request goes to another model, which stands in for the rest of the turn; pieces shown so far are void.

    Attributes:
        provider: Who was given up, by the registry's name.
        model: Its model.
        to_provider: Who is asked instead.
        to_model: Its model.
        reason: Why, in words.
    """

    provider: str
    model: str
    to_provider: str
    to_model: str
    reason: str
