"""Whole responses that are wrong, or only unusual, in place of a good one of Ollama."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from py_mono.protocol.errors import AccessDenied, BadResponse, ProviderError, ProviderUnavailable, RateLimited
from tests.faults.catalogue import FOR_EVER, PAGE, RETRIED, SAME, TINY, Outcome
from tests.faults.ollama_wire import OLLAMA
from tests.faults.wires import FINAL, chunked
from tests.servers.faults import End, Flood, Plan, Wait

Make = Callable[[str], Plan]


@dataclass(frozen=True)
class Response:
    """What a server does with a request.

    Attributes:
        name: In words.
        plan: By the tag of the reply that it may hold.
        once: What comes of one, before good ones.
        always: What comes of several.
        limits: Settings of the provider.
    """

    name: str
    plan: Make
    once: Outcome
    always: Outcome
    limits: Mapping[str, float] = field(default_factory=dict)


def _head(line: str, *rows: str) -> bytes:
    return "\r\n".join([line, *rows, "", ""]).encode()


def _whole(*rows: str, line: str = "HTTP/1.1 200 OK") -> Make:
    """The good body after a head of its own; ends with the connection."""
    return lambda tag: [_head(line, *rows) + OLLAMA.body(tag), End.FIN]


def _sized(off: int) -> Make:
    """A length that is wrong by so many bytes."""
    return lambda tag: [
        _head("HTTP/1.1 200 OK", f"Content-Length: {len(OLLAMA.body(tag)) + off}") + OLLAMA.body(tag),
        End.FIN,
    ]


def _before(*heads: bytes) -> Make:
    return lambda tag: [b"".join(heads) + OLLAMA.response(tag)]


def _refused(status: int, body: bytes = b'{"error":"no"}', *rows: str) -> Make:
    return lambda _: [_head(f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *rows) + body]


def _error(name: str, plan: Make, outcome: type[ProviderError]) -> Response:
    return Response(name, plan, outcome, outcome)


def _same(name: str, plan: Make) -> Response:
    return Response(name, plan, SAME, SAME)


def _passing(name: str, plan: Make, always: type[ProviderError], **limits: float) -> Response:
    return Response(name, plan, RETRIED, always, limits)


CHUNKED = "Transfer-Encoding: chunked"
UNUSUAL = (
    _same("HTTP/1.0 without a length", _whole(line="HTTP/1.0 200 OK")),
    _same("no length and no type", _whole()),
    _same("a length", _sized(0)),
    _same("another type", _whole("Content-Type: text/plain")),
    _same("no reason in the status line", _whole(line="HTTP/1.1 200")),
    _same("100 Continue before", _before(_head("HTTP/1.1 100 Continue"))),
    _same("early hints before", _before(*[_head("HTTP/1.1 103 Early Hints", "Link: </x>")] * 3)),
    _same("chunks of a byte", lambda tag: [OLLAMA.head() + chunked([bytes([one]) for one in OLLAMA.body(tag)])]),
    _same("one chunk", lambda tag: [OLLAMA.head() + chunked([OLLAMA.body(tag)])]),
    _same("a chunk's extension", lambda tag: [OLLAMA.response(tag).replace(FINAL, b"0;last=yes\r\n\r\n")]),
    _same("a trailer", lambda tag: [OLLAMA.response(tag).replace(FINAL, b"0\r\nX: y\r\n\r\n")]),
    _same("lines that end like on Windows", lambda tag: [
        OLLAMA.head() + chunked([OLLAMA.body(tag).replace(b"\n", b"\r\n\r\n")])
    ]),
    _same("no newline at the end", lambda tag: [OLLAMA.head() + chunked([OLLAMA.body(tag).rstrip()])]),
    _same("calls after the end", lambda tag: [OLLAMA.head() + chunked([OLLAMA.body(tag) + OLLAMA.pieces("later")[5]])]),
    _same("another reply after the end", lambda tag: [OLLAMA.head() + chunked([OLLAMA.body(tag), OLLAMA.body("later")])]),
    _same("another end after the end", lambda tag: [OLLAMA.head() + chunked([*OLLAMA.pieces(tag), OLLAMA.pieces(tag)[-1]])]),
    _same("a call that comes twice", lambda tag: [
        OLLAMA.head() + chunked([*OLLAMA.pieces(tag)[:6], *OLLAMA.pieces(tag)[5:]])
    ]),
)  # fmt: skip

WRONG = (
    _passing("HTTP/1.0, cut", lambda tag: [_head("HTTP/1.0 200 OK") + OLLAMA.body(tag)[:-30], End.FIN], ProviderUnavailable),
    _passing("a length that is too large, cut", lambda tag: [
        _head("HTTP/1.1 200 OK", "Content-Length: 9999") + OLLAMA.body(tag)[:-30], End.FIN
    ], ProviderUnavailable),
    _passing("a length that is too small", _sized(-30), ProviderUnavailable),
    _passing("nothing in the body", lambda _: [OLLAMA.head() + FINAL], ProviderUnavailable),
    _passing("no body", lambda _: [_head("HTTP/1.1 200 OK", "Content-Length: 0")], ProviderUnavailable),
    _passing("blank lines only", lambda _: [OLLAMA.head() + chunked([b"\n \n\t\n"])], ProviderUnavailable),
    _passing("an end and nothing before", lambda tag: [OLLAMA.head() + chunked([OLLAMA.pieces(tag)[-1]])], BadResponse),
    _passing("a length below zero", _whole("Content-Length: -5"), BadResponse),
    _passing("two lengths", _whole("Content-Length: 5", "Content-Length: 6"), BadResponse),
    _passing("a coding that nobody knows", _whole("Transfer-Encoding: rot13"), BadResponse),
    _passing("a chunk of any size", lambda _: [OLLAMA.head() + b"f" * 40 + b"\r\n"], BadResponse),
    _passing("a chunk below zero", lambda _: [OLLAMA.head() + b"-1\r\n\r\n"], BadResponse),
    _passing("HTTP/2", lambda _: [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], BadResponse),
    _passing("HTTP/0.9", lambda tag: [OLLAMA.body(tag), End.FIN], ProviderUnavailable),
    _passing("TLS", lambda _: [b"\x15\x03\x01\x00\x02\x02\x16", End.FIN], BadResponse),
    _passing("headers of a megabyte", _before(b"HTTP/1.1 200 OK\r\nX: " + b"x" * (1 << 20) + b"\r\n\r\n"), BadResponse),
    _passing("headers without end", lambda _: [b"HTTP/1.1 200 OK\r\n", Flood(b"X: y\r\n" * 99, FOR_EVER)], BadResponse),
    _passing("a status line without end", lambda _: [Flood(b"H" * 4096, FOR_EVER)], BadResponse),
    _passing("a switch of protocols", _before(_head("HTTP/1.1 101 Switching", "Upgrade: websocket")), BadResponse),
    Response("100 Continue without end", lambda _: [Flood(_head("HTTP/1.1 100 Continue"), FOR_EVER)], ProviderUnavailable,
             ProviderUnavailable, TINY),
    _error("a compressed body", _whole("Content-Encoding: gzip"), BadResponse),
    _error("a web page", lambda _: [_head("HTTP/1.1 200 OK", "Content-Type: text/html") + PAGE, End.FIN], BadResponse),
    _error("204", lambda _: [_head("HTTP/1.1 204 No Content")], BadResponse),
    _error("206", _refused(206), BadResponse),
    _error("301 to another place", _refused(301, b"", "Location: http://127.0.0.1:9/"), BadResponse),
    _error("302 to itself", _refused(302, b"", "Location: /api/chat"), BadResponse),
    _error("304", lambda _: [_head("HTTP/1.1 304 Not Modified")], BadResponse),
    _error("400", _refused(400), BadResponse),
    _error("400 with a body of garbage", _refused(400, bytes(range(256)) * 9), BadResponse),
    _error("400 with a list", _refused(400, b"[[]]"), BadResponse),
    _error("400 with a nested error", _refused(400, b'{"error":{"message":{"error":null}}}'), BadResponse),
    _error("400 with an error nested 100,000 deep", _refused(400, b'{"error":' * 100_000), BadResponse),
    _error("401", _refused(401), AccessDenied),
    _error("403", _refused(403), AccessDenied),
    _error("404 without words", _refused(404, b""), BadResponse),
    _error("413", _refused(413), BadResponse),
    _passing("429", _refused(429), RateLimited),
    _passing("429 with a time below zero", _refused(429, b"", "Retry-After: -5"), RateLimited),
    _passing("429 with a time that is none", _refused(429, b"", "Retry-After: inf"), RateLimited),
    _error("429 with a long time", _refused(429, b"", "Retry-After: 99999"), RateLimited),
    _passing("500", _refused(500), ProviderUnavailable),
    _passing("500 without words", _refused(500, b""), ProviderUnavailable),
    _passing("502 with a web page", _refused(502, PAGE, "Content-Type: text/html"), ProviderUnavailable),
    _passing("503", _refused(503), ProviderUnavailable),
    _passing("529", _refused(529), ProviderUnavailable),
    _passing("a status beyond all", _refused(999), ProviderUnavailable),
    _passing("500 with a body without end", lambda _: [
        _head("HTTP/1.1 500 No", CHUNKED), Flood(chunked([b"x" * 65536]).removesuffix(FINAL), FOR_EVER)
    ], ProviderUnavailable),
    _passing("500 with a body that hangs", lambda _: [_head("HTTP/1.1 500 No", "Content-Length: 9") + b"x", Wait()],
             ProviderUnavailable, **TINY),
    _passing("500, cut", lambda _: [_head("HTTP/1.1 500 No", "Content-Length: 9") + b"x", End.FIN], ProviderUnavailable),
)  # fmt: skip
