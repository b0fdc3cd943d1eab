"""JSON in and out. Facts of newer versions are skipped, not refused."""

from functools import cache
from typing import Any

import msgspec

from py_mono.protocol.events import SIGNALS, Envelope, Event

_encoder = msgspec.json.Encoder()


class _AnyEvent(msgspec.Struct):
    type: str


class _AnyEnvelope(msgspec.Struct):
    seq: int
    at: float
    event: _AnyEvent


_known = frozenset(kind.__struct_config__.tag for kind in Event.__args__)


@cache
def _envelopes() -> msgspec.json.Decoder[Envelope]:
    """Made when it is first needed: that takes as long as loading a module."""
    return msgspec.json.Decoder(Envelope)


def encode(value: object) -> bytes:
    """A value of the protocol as one line of JSON, without the newline; equal values give equal bytes.

    Lone surrogates (names that are not UTF-8, as Python holds them) become U+FFFD: JSON has no place for them.
    """
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return _encoder.encode(_encodable(msgspec.to_builtins(value)))


def _encodable(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case list() | tuple():
            return [_encodable(item) for item in value]
        case dict():
            return {_encodable(key): _encodable(item) for key, item in value.items()}
        case _:
            return value


def decode_envelope(line: bytes) -> Envelope | None:
    """One line of a journal; None for an event this version does not know.

    Raises:
        ValueError: The line is not an envelope (``msgspec.DecodeError`` is one).
    """
    try:
        return _envelopes().decode(line)
    except msgspec.ValidationError:
        if msgspec.json.decode(line, type=_AnyEnvelope).event.type in _known:
            raise
        return None


def is_fact(event: Event) -> bool:
    """Whether the event belongs into the journal."""
    return not isinstance(event, SIGNALS)
