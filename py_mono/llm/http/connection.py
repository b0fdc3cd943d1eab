"""One HTTP/1.1 connection: what asyncio brings goes to h11, and its events come out."""

import asyncio
import select
from typing import Any, Literal

import h11

from py_mono.utils.text import beginning

TlsFailure = Literal["", "no_tls", "untrusted", "expired", "other_name"]
"""What is wrong with TLS: the server does not speak it, or its certificate is signed by nobody known here, not valid now, or
another server's."""

_SHOWN = 120


class TransportError(Exception):
    """No reply, or not the whole of it; ``str()`` says why.

    Attributes:
        refused: True where nothing listens there, or the name is not known: nothing was sent.
        garbled: True where what came back is not HTTP.
        tls: Why there is no TLS with a server that does listen; empty where it did not fail for that.
    """

    def __init__(self, reason: str, *, refused: bool = False, garbled: bool = False, tls: TlsFailure = "") -> None:
        super().__init__(reason)
        self.refused = refused
        self.garbled = garbled
        self.tls = tls


def tls_remedy(failure: TlsFailure, url: str, variable: str) -> str:
    """What mends a server's TLS; ``variable`` says that it is at ``url``."""
    match failure:
        case "no_tls":
            return f"set {variable} to {url.replace('https://', 'http://', 1)}, if that is what it speaks"
        case "expired":
            return "renew the certificate on the server; or is this machine's clock wrong?"
        case "other_name":
            return f"set {variable} to the name that the certificate is for"
        case _:
            return "set SSL_CERT_FILE to a file (PEM) with the certificate that signed the server's"


class Connection(asyncio.Protocol):
    """What comes goes straight to h11; while nobody waits for it, the rest is left in the system.

    Attributes:
        http: The protocol's state.
        fresh: Whether no answer came over it yet.
        closed: Whether we closed it.
    """

    def __init__(self, opener: object = None) -> None:
        """``opener`` is kept as long: a ``StreamWriter`` that nobody holds any more closes what it wrote on."""
        self._opener = opener
        self.http = h11.Connection(h11.CLIENT)
        self.fresh = True
        self.closed = False
        self._loop = asyncio.get_running_loop()
        self._transport: Any = None
        self._arrived: asyncio.Future[None] | None = None  # where somebody waits
        self._ended = False
        self._told = False  # h11 learns of the end after all that came before it, so that garbage is garbage, not a cut
        self._broken: Exception | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.Protocol``, as for the next three."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        self.http.receive_data(data)
        if self._arrived is None:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """Nothing more will come."""
        self._ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Not even that is sure where it broke."""
        self._broken = exc
        if not exc and not self._ended:
            self.eof_received()
        self._wake()

    def _wake(self) -> None:
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)

    @property
    def usable(self) -> bool:
        """Whether another request can be sent on it: since the last reply came neither an end nor a byte."""
        over = self.closed or self._ended or self._broken
        if over or self.http.our_state is not h11.IDLE or self.http.trailing_data[0]:
            return False
        arrived = select.poll()
        arrived.register(self._transport.get_extra_info("socket"), select.POLLIN)
        return not arrived.poll(0)

    def send(self, head: h11.Request, body: bytes) -> None:
        """Send a request in one piece."""
        pieces = [self.http.send(head), self.http.send(h11.Data(data=body)), self.http.send(h11.EndOfMessage())]
        self._transport.write(b"".join(piece for piece in pieces if piece))

    async def event(self, until: float | None) -> Any:  # noqa: ANN401 - h11's events have no common type
        """The next event of h11, of a reply that is not over. Raises TimeoutError, TransportError."""
        try:
            while (event := self.http.next_event()) is h11.NEED_DATA:
                if self._ended and not self._told:
                    if self.http.their_state is h11.SEND_RESPONSE and not self.http.trailing_data[0]:
                        raise TransportError("the server closed the connection without an answer")
                    self._told = True
                    self.http.receive_data(b"")
                else:
                    await self._more(until)
        except h11.RemoteProtocolError as error:
            why = beginning(str(error), _SHOWN)  # it may quote what came
            if self._told:
                raise TransportError(f"the connection ended in the middle of the answer ({why})") from error
            raise TransportError(f"the answer is not HTTP ({why})", garbled=True) from error
        return event

    async def _more(self, until: float | None) -> None:
        """Wait until more has come, or the end."""
        if self._broken is not None:
            reason = getattr(self._broken, "strerror", None) or self._broken
            raise TransportError(f"the connection broke ({reason})") from self._broken
        if until is not None and self._loop.time() >= until:
            raise TimeoutError
        self._arrived = arrived = self._loop.create_future()
        timer = None if until is None else self._loop.call_at(until, _expire, arrived)
        self._transport.resume_reading()
        try:
            await arrived
        finally:
            self._arrived = None
            if timer:
                timer.cancel()

    def finish(self) -> None:
        """Make ready for the next request if the reply was read to its end, else close."""
        if self.http.our_state is h11.DONE and self.http.their_state is h11.DONE:
            self.http.start_next_cycle()
            self.fresh = False
            self._transport.resume_reading()  # an end, or what nobody asked for, is to be noticed
        elif self.http.our_state is not h11.IDLE:
            self.close()

    def close(self) -> None:
        """Close it at once; may be called twice."""
        if not self.closed:
            self.closed = True
            self._transport.abort()


def _expire(arrived: "asyncio.Future[None]") -> None:
    if not arrived.done():
        arrived.set_exception(TimeoutError())
