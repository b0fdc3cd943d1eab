"""Events on their way to a screen or a program, without secrets: also without those that came in several pieces."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from py_mono.protocol.codec import decode_envelope, encode
from py_mono.protocol.events import Envelope, ReasoningDelta, TextDelta, ToolOutput

_CONTEXT = 64
"""So many characters of what was passed on are remembered: a secret may have begun among them."""

Delta = TextDelta | ReasoningDelta | ToolOutput


class Redacts(Protocol):
    """What knows the secrets: ``security.redact.Redactor``."""

    def __call__(self, text: str) -> str:
        """The text without them."""

    def unfinished(self, text: str) -> int:
        """Where one may have begun at its end."""


class Pieces:
    """One text that comes in pieces; what may be the beginning of a secret waits for what comes next."""

    def __init__(self, redact: Redacts) -> None:
        self._redact = redact
        self._sent = ""
        self._held = ""

    def feed(self, text: str, *, last: bool = False) -> str:
        """What may be shown now; ``last``: nothing more comes."""
        whole = self._sent + self._held + text
        end = len(whole) if last else max(self._redact.unfinished(whole), len(self._sent))
        clean = self._redact(whole[:end])
        shown = clean[_shared(clean, self._redact(self._sent)) :]
        self._sent, self._held = whole[:end][-_CONTEXT:], whole[end:]
        return shown


def _shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


class Secretless:
    """A subscriber before another one. Pieces of text may reach it later than they came, each before what follows them.

    Events keep their order. A piece of which all is held back comes empty; what was held back to the end comes as one piece
    more, with the number of the last.
    """

    def __init__(self, subscriber: Callable[[Envelope], None], redact: Redacts) -> None:
        self._subscriber = subscriber
        self._redact = redact
        self._pieces: dict[tuple[type, str], tuple[Pieces, Envelope]] = {}

    def __call__(self, envelope: Envelope) -> None:
        """Take one event."""
        event = envelope.event
        if isinstance(event, Delta):
            key = (type(event), event.call_id if isinstance(event, ToolOutput) else "")
            if not isinstance(event, ToolOutput):
                self._end(but=key)
            pieces = self._pieces[key][0] if key in self._pieces else Pieces(self._redact)
            self._pieces[key] = (pieces, envelope)
            self._pass_on(envelope, event, pieces.feed(event.text))
            return
        self._end()
        self._subscriber(self._clean(envelope))

    def _end(self, but: tuple[type, str] | None = None) -> None:
        """Pass on what is held back, as a piece more."""
        for key in [key for key in self._pieces if key != but]:
            pieces, envelope = self._pieces.pop(key)
            event = envelope.event
            if isinstance(event, Delta) and (rest := pieces.feed("", last=True)):
                self._pass_on(envelope, event, rest)

    def _pass_on(self, envelope: Envelope, event: Delta, text: str) -> None:
        changed = event if text == event.text else msgspec.structs.replace(event, text=text)
        self._subscriber(envelope if changed is event else msgspec.structs.replace(envelope, event=changed))

    def _clean(self, envelope: Envelope) -> Envelope:
        line = encode(envelope).decode()
        clean = self._redact(line)
        return envelope if clean == line else decode_envelope(clean.encode()) or envelope
