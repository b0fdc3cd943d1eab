"""HTTP/1.1 over asyncio streams, for a server whose replies are streams. One connection, kept while it can be.

A connection is used again only after a reply was read to its end and nothing came since: bytes that nobody asked for
would be read as the next reply. Any other end (an error, a reply that is left early) closes it, which is also how the
server learns that nobody waits any more.
"""

import asyncio
import base64
import errno
from collections.abc import Mapping
from typing import Any

import h11

from py_mono.llm.endpoint import Endpoint, proxy_for
from py_mono.utils.lazy import load

_CHUNK = 1 << 16
_SHOWN = 120


class TransportError(Exception):
    """No reply, or not the whole of it; ``str()`` says why.

    Attributes:
        refused: True where nothing listens there, or the name is not known: nothing was sent.
        garbled: True where what came back is not HTTP.
    """

    def __init__(self, reason: str, *, refused: bool = False, garbled: bool = False) -> None:
        super().__init__(reason)
        self.refused = refused
        self.garbled = garbled


class Exchange:
    """One request and its reply: ``head``, then ``read`` until it gives nothing, then the client's ``release``."""

    def __init__(self, connection: "_Connection") -> None:
        self._connection = connection
        self._ended = False

    async def head(self) -> tuple[int, dict[str, str]]:
        """Status and headers (names in lower case). May be cancelled and asked again.

        Raises:
            TransportError: The connection ended before them.
        """
        while True:
            event = await self._connection.event()
            if isinstance(event, h11.Response):
                return event.status_code, {k.decode("latin-1"): v.decode("latin-1") for k, v in event.headers}
            if not isinstance(event, h11.InformationalResponse):
                raise TransportError("the server closed the connection without an answer")

    async def read(self) -> bytes:
        """The next piece of the body; empty at its end.

        Raises:
            TransportError: The body was cut.
        """
        if self._ended:
            return b""
        event = await self._connection.event()
        if isinstance(event, h11.Data):
            return bytes(event.data)
        self._ended = True
        if not isinstance(event, h11.EndOfMessage):
            raise TransportError("the server closed the connection in the middle of its answer")
        return b""

    async def read_all(self, limit: int) -> bytes:
        """The rest of the body, cut at about ``limit`` bytes."""
        pieces: list[bytes] = []
        size = 0
        while size < limit and (piece := await self.read()):
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)

    async def drain(self, seconds: float) -> None:
        """Read what little is left of a reply, so that the connection can be kept; a server that goes on is left."""
        try:
            async with asyncio.timeout(seconds):
                while await self.read():
                    pass
        except (TimeoutError, TransportError):
            return


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.http = h11.Connection(h11.CLIENT)
        self.fresh = True
        self.closed = False

    async def usable(self) -> bool:
        """Whether another request can be sent on it: since the last reply came neither an end nor a byte."""
        if self.closed or self.http.our_state is not h11.IDLE or self.http.trailing_data[0]:
            return False
        for _ in range(2):  # whatever has arrived gets into the reader: the loop polls once before and once after
            await asyncio.sleep(0)
        try:
            async with asyncio.timeout(0):
                await self.reader.read(1)
        except TimeoutError:
            return True
        except OSError:
            pass
        return False

    def send(self, head: h11.Request, body: bytes) -> None:
        pieces = [self.http.send(head), self.http.send(h11.Data(data=body)), self.http.send(h11.EndOfMessage())]
        self.writer.writelines(piece for piece in pieces if piece)

    async def event(self) -> Any:  # noqa: ANN401 - h11's events have no common type in its annotations
        """The next event of h11; a ``ConnectionClosed`` where the peer is gone."""
        try:
            while (event := self.http.next_event()) is h11.NEED_DATA:
                self.http.receive_data(await self.reader.read(_CHUNK))
        except h11.RemoteProtocolError as error:
            why = str(error) if len(str(error)) <= _SHOWN else f"{str(error)[:_SHOWN]}…"  # it may quote what came
            if self.http.their_state is h11.ERROR and self.reader.at_eof():
                raise TransportError(f"the connection ended in the middle of the answer ({why})") from error
            raise TransportError(f"the answer is not HTTP ({why})", garbled=True) from error
        except OSError as error:
            raise TransportError(f"the connection broke ({error.strerror or error})") from error
        return event

    def finish(self) -> None:
        """Make ready for the next request if the reply was read to its end, else close."""
        if self.http.our_state is h11.DONE and self.http.their_state is h11.DONE:
            self.http.start_next_cycle()
            self.fresh = False
        elif self.http.our_state is not h11.IDLE:
            self.close()

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.writer.transport.abort()


class HttpClient:
    """Asks one server; requests one after another."""

    def __init__(self, endpoint: Endpoint, *, connect_s: float, environment: Mapping[str, str]) -> None:
        self._endpoint = endpoint
        self._proxy = proxy_for(endpoint, environment)
        self._connect_s = connect_s
        self._connection: _Connection | None = None
        self._headers = self._common_headers()
        self._tls: Any = None

    async def post(self, path: str, body: bytes) -> Exchange:
        """Send a JSON body; see ``Exchange`` for the reply.

        Raises:
            TransportError: No connection could be had in ``connect_s`` seconds.
        """
        return await self._send("POST", path, body)

    async def get(self, path: str) -> Exchange:
        """Ask without a body; as ``post``."""
        return await self._send("GET", path, b"")

    @property
    def reused(self) -> bool:
        """Whether the connection has carried an answer before: the server may have closed it meanwhile."""
        return self._connection is not None and not self._connection.fresh

    def release(self) -> None:
        """After an exchange: keep the connection if the reply was read to its end, else close it."""
        if self._connection is not None:
            self._connection.finish()

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _send(self, method: str, path: str, body: bytes) -> Exchange:
        if self._connection is None or not await self._connection.usable():
            self.close()
            self._connection = await self._open()
        target = self._endpoint.path + path
        if self._proxy and not self._endpoint.tls:
            target = f"http://{self._endpoint.authority}{target}"
        head = h11.Request(method=method, target=target, headers=[*self._headers, ("Content-Length", str(len(body)))])
        self._connection.send(head, body)
        return Exchange(self._connection)

    def _common_headers(self) -> list[tuple[str, str]]:
        headers = [
            ("Host", self._endpoint.authority),
            ("Content-Type", "application/json"),
            ("Accept", "application/x-ndjson, application/json"),
            ("User-Agent", "py-mono"),
        ]
        if self._endpoint.user:
            headers.append(("Authorization", _basic(self._endpoint.user)))
        if self._proxy and self._proxy.user and not self._endpoint.tls:
            headers.append(("Proxy-Authorization", _basic(self._proxy.user)))
        return headers

    async def _open(self) -> _Connection:
        to = self._proxy or self._endpoint
        where = f"the proxy {to.url}: " if self._proxy else ""
        try:
            async with asyncio.timeout(self._connect_s):
                reader, writer = await asyncio.open_connection(to.host, to.port)
                try:
                    if self._endpoint.tls:
                        await self._secure(reader, writer)
                except BaseException:
                    writer.transport.abort()
                    raise
        except TimeoutError as error:
            raise TransportError(f"{where}no connection within {self._connect_s:g} s", refused=True) from error
        except (OSError, UnicodeError) as error:
            raise TransportError(where + _reason(error), refused=True) from error
        return _Connection(reader, writer)

    async def _secure(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """TLS to the server, through the proxy's tunnel where there is one."""
        if self._proxy:
            await self._tunnel(self._proxy, reader, writer)
        if self._tls is None:
            self._tls = load("ssl:create_default_context")()
        await writer.start_tls(self._tls, server_hostname=self._endpoint.host)

    async def _tunnel(self, proxy: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = f"{self._endpoint.host}:{self._endpoint.port}"
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if proxy.user:
            lines.append(f"Proxy-Authorization: {_basic(proxy.user)}")
        writer.write("\r\n".join([*lines, "", ""]).encode())
        try:
            answer = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise TransportError(f"the proxy {proxy.url} did not answer properly", refused=True) from error
        status = answer.split(b"\r\n", 1)[0].decode("latin-1")
        if not status.startswith("HTTP/1.") or status.split(" ")[1:2] != ["200"]:
            raise TransportError(f"the proxy {proxy.url} refused: {status[:100]}", refused=True)


def _reason(error: Exception) -> str:
    """Why there is no connection; asyncio words it by the call, and joins it for a name with several addresses."""
    text = str(error)
    if isinstance(error, ConnectionRefusedError) or f"[Errno {errno.ECONNREFUSED}]" in text:
        return "connection refused"
    return getattr(error, "strerror", None) or text


def _basic(user: str) -> str:
    return "Basic " + base64.b64encode(user.encode()).decode()
