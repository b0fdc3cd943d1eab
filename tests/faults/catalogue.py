"""The faults: what each does to a response, and what must come of it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from py_mono.protocol.errors import BadResponse, ProviderError, ProviderUnavailable
from tests.faults.wires import FINAL, Moment, Wire, chunked
from tests.servers.faults import End, Flood, Plan, Wait

SAME, RETRIED = "the answer", "the answer of a second attempt"
Outcome = str | type[ProviderError]

TINY = {"idle_s": 0.15, "load_s": 0.15, "first_token_s": 0.15, "notice_s": 0.05}
"""Limits for what hangs; everything else has limits that a busy machine keeps."""

Make = Callable[[Wire, str, Moment], Plan]


@dataclass(frozen=True)
class Fault:
    """One way to go wrong.

    Attributes:
        name: In words.
        plan: What the server does, for a wire, the tag of the reply, and a place in it.
        once: What comes of one such response before good ones.
        always: What comes of such responses only.
        where: Whether it is tried at a place.
        limits: Settings of the provider.
    """

    name: str
    plan: Make
    once: Callable[[Moment], Outcome]
    always: Callable[[Moment], Outcome]
    where: Callable[[Moment], bool] = lambda _: True
    limits: Mapping[str, float] = field(default_factory=dict)


def _unless_whole(outcome: Outcome) -> Callable[[Moment], Outcome]:
    return lambda moment: SAME if moment.whole else outcome


def _raw(inserted: bytes) -> Make:
    """These bytes, wherever in the response."""
    return lambda wire, tag, moment: [
        wire.response(tag)[: moment.at] + inserted + wire.response(tag)[moment.at :],
    ]


def _cut(end: End | Wait) -> Make:
    return lambda wire, tag, moment: [wire.response(tag)[: moment.at], end]


def _said(message: Callable[[Wire], bytes], *, raw: bool = False) -> Make:
    """A message more than there should be, in the body; ``raw`` for bytes that are put in as they are."""

    def plan(wire: Wire, tag: str, moment: Moment) -> Plan:
        body, at = wire.body(tag), moment.inside or 0
        inserted = message(wire)
        if not raw:
            inserted = (b"" if moment.boundary else wire.end_of_message) + wire.wrapped(inserted)
        return [wire.head() + chunked([body[:at], inserted, body[at:]])]

    return plan


def _flood(piece: Callable[[Wire], bytes], count: int, pause_s: float = 0.0) -> Make:
    """A reply that goes on with the same for very long."""
    return lambda wire, tag, moment: [
        wire.head() + chunked([wire.body(tag)[: moment.inside or 0]]).removesuffix(FINAL),
        Flood(chunked([piece(wire)]).removesuffix(FINAL), count, pause_s),
        End.FIN,
    ]


def _just(message: bytes) -> Callable[[Wire], bytes]:
    return lambda _: message


def _inside(moment: Moment) -> bool:
    return moment.inside is not None


def _between(moment: Moment) -> bool:
    return moment.inside is not None and moment.boundary


BYTES = bytes(range(256))
PAGE = b"<!DOCTYPE html><html><body>Sign in to the network</body></html>"
DEEP = b"[" * 100_000 + b"]" * 100_000
FOR_EVER = 1 << 40

TRANSPORT = (
    Fault("a cut", _cut(End.FIN), _unless_whole(RETRIED), _unless_whole(ProviderUnavailable)),
    Fault("a reset", _cut(End.RST), _unless_whole(RETRIED), _unless_whole(ProviderUnavailable)),
    Fault(
        "a pause that is too long",
        _cut(Wait()),
        lambda moment: SAME if moment.whole else ProviderUnavailable if moment.in_head else RETRIED,
        _unless_whole(ProviderUnavailable),
        lambda moment: moment.name != "after the response",  # there it is the next request that hangs
        TINY,
    ),
    Fault(
        "a pause",
        lambda wire, tag, moment: [wire.response(tag)[: moment.at], Wait(0.02), wire.response(tag)[moment.at :]],
        lambda _: SAME,
        lambda _: SAME,
    ),
    Fault("every byte there is", _raw(BYTES), _unless_whole(RETRIED), _unless_whole(BadResponse)),
    Fault("NUL bytes", _raw(bytes(64)), _unless_whole(RETRIED), _unless_whole(BadResponse)),
    Fault("a web page", _raw(PAGE + b"\r\n"), _unless_whole(RETRIED), _unless_whole(BadResponse)),
    Fault(
        "a chunk that is shorter than it says", _raw(b"40\r\n\r\n"), _unless_whole(RETRIED), _unless_whole(BadResponse)
    ),
)


def _message(name: str, message: Callable[[Wire], bytes], where: Callable[[Moment], bool] = _inside) -> Fault:
    return Fault(name, _said(message), _unless_whole(RETRIED), _unless_whole(BadResponse), where)


def content(wire: Wire) -> Iterator[Fault]:
    """What can be wrong in a body that HTTP has nothing against."""
    yield _message("a line of a web page", _just(PAGE))
    yield _message("a line of bytes that are no text", _just(bytes(range(128, 256))))
    for name, inserted in {"a NUL in a line": b"\0", "bytes that are no UTF-8 in a line": b"\xff\xfe"}.items():
        yield Fault(name, _said(_just(inserted), raw=True), _unless_whole(RETRIED), _unless_whole(BadResponse), _inside)
    for name, shape in wire.wrong.items():
        yield _message(name, _just(shape), _between)
    yield _message("two objects in a line", lambda wire: wire.nothing + wire.nothing, _between)
    yield _message("half a surrogate pair", lambda wire: wire.text.replace(b"TEXT", b"\\ud83d"), _between)
    yield _message("an object nested 100,000 deep", lambda wire: wire.text.replace(b'"TEXT"', DEEP), _between)
    error = _said(lambda wire: wire.error)
    yield Fault("an error of the server", error, _unless_whole(RETRIED), _unless_whole(ProviderUnavailable), _between)


def floods() -> Iterator[Fault]:
    """What never ends, or far too late; none of it may be kept in memory."""
    small = {"max_line_bytes": 4096}
    for name, piece, count, where, limits in (
        ("a line of 100 MB", _just(b"x" * 65536), 1600, _inside, {}),
        ("a line of single bytes without end", _just(b"x"), FOR_EVER, _inside, small),
        ("blank lines without end", lambda wire: wire.end_of_message * 99, FOR_EVER, _between, small),
        ("text without end", lambda wire: wire.wrapped(wire.text), FOR_EVER, _between, small),
    ):
        outcome = _unless_whole(BadResponse)
        yield Fault(name, _flood(piece, count), outcome, outcome, where, limits)
    outcome = _unless_whole(RETRIED)
    drip = _flood(lambda wire: wire.end_of_message, FOR_EVER, 0.03)
    yield Fault("a blank line now and then", drip, outcome, _unless_whole(ProviderUnavailable), _between, TINY)
