"""One producer, many subscribers: each event is stamped here and handed out in order."""

from collections.abc import Callable

from py_mono.protocol.events import Envelope, Event

Subscriber = Callable[[Envelope], None]
"""Takes one envelope; must not raise and must not block for long: the loop waits for it."""


class Stream:
    """Stamps events with number and time, and hands them to the subscribers in the order these came."""

    def __init__(self, clock: Callable[[], float], *, last_seq: int = 0) -> None:
        """``clock`` gives seconds since 1970, UTC; numbering goes on after ``last_seq``."""
        self._clock = clock
        self._seq = last_seq
        self._subscribers: list[Subscriber] = []

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Add a subscriber; the returned function takes it off again."""
        self._subscribers.append(subscriber)

        def unsubscribe() -> None:
            if subscriber in self._subscribers:
                self._subscribers.remove(subscriber)

        return unsubscribe

    def emit(self, event: Event) -> None:
        """Hand one event to everyone before returning."""
        self._seq += 1
        envelope = Envelope(self._seq, self._clock(), event)
        for subscriber in tuple(self._subscribers):
            subscriber(envelope)
