"""One producer, many subscribers: each event is stamped here and handed out in order."""

from collections import deque
from collections.abc import Callable

from py_mono.protocol.events import Envelope, Event

Subscriber = Callable[[Envelope], None]
"""Takes one envelope; must not raise and must not block for long: the loop waits for it."""


class Stream:
    """Stamps events with number and time, and hands them to the subscribers in the order these came.

    An event that a subscriber emits while it takes another one waits until everybody has had that one.
    """

    def __init__(self, clock: Callable[[], float], *, last_seq: int = 0) -> None:
        """``clock`` gives seconds since 1970, UTC; numbering goes on after ``last_seq``."""
        self._clock = clock
        self._seq = last_seq
        self._subscribers: list[Subscriber] = []
        self._waiting: deque[Event] = deque()
        self._emitting = False

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Add a subscriber; the returned function takes it off again."""
        self._subscribers.append(subscriber)

        def unsubscribe() -> None:
            if subscriber in self._subscribers:
                self._subscribers.remove(subscriber)

        return unsubscribe

    def emit(self, event: Event) -> None:
        """Hand one event to everyone before returning."""
        self._waiting.append(event)
        if self._emitting:
            return
        self._emitting = True
        try:
            while self._waiting:
                self._hand_out(self._waiting.popleft())
        finally:
            self._emitting = False

    def _hand_out(self, event: Event) -> None:
        self._seq += 1
        envelope = Envelope(self._seq, self._clock(), event)
        for subscriber in tuple(self._subscribers):
            subscriber(envelope)
