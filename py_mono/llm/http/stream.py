"""HTTP/1.1 over asyncio, for a server whose replies are streams. One connection, kept while it can be.

A connection is used again only after a reply was read to its end and nothing came since: bytes that nobody asked for
would be read as the next reply. Any other end (an error, a reply that is left early) closes it, which is also how the
server learns that nobody waits any more.
"""

import asyncio
import base64
import errno
from collections.abc import Callable, Mapping
from typing import Any

import h11

from py_mono.llm.http.connection import Connection, TlsFailure, TransportError
from py_mono.llm.http.endpoint import Endpoint, proxy_for
from py_mono.utils.lazy import load
from py_mono.utils.text import beginning

_NOT_NOW = frozenset((9, 10))
_OTHER_NAME = frozenset((62, 63, 64))


class Exchange:
    """One request and its reply: ``head``, then ``read`` until it gives nothing, then the client's ``release``.

    Both may be told until when to wait, by the clock of the event loop; a timer is set only where there is a wait.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ended = False

    async def head(self, until: float | None = None) -> tuple[int, dict[str, str]]:
        """Status and headers (names in lower case). May be cancelled, or time out, and be asked again.

        Raises:
            TransportError: The connection ended before them.
            TimeoutError: They did not come in time.
        """
        while not isinstance(event := await self._connection.event(until), h11.Response):
            pass  # it is on its way: an informational response
        return event.status_code, {k.decode("latin-1"): v.decode("latin-1") for k, v in event.headers}

    async def read(self, until: float | None = None) -> bytes:
        """The next piece of the body; empty at its end.

        Raises:
            TransportError: The body was cut.
            TimeoutError: Nothing came in time.
        """
        if self._ended:
            return b""
        event = await self._connection.event(until)
        if isinstance(event, h11.Data):
            return bytes(event.data)
        self._ended = True
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
        until = asyncio.get_running_loop().time() + seconds
        try:
            while await self.read(until):
                pass
        except (TimeoutError, TransportError):
            return


class HttpClient:
    """Asks one server; requests one after another."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        connect_s: float,
        environment: Mapping[str, str],
        bearer: str = "",
        headers: Mapping[str, str] | None = None,
        trusted: Callable[[], Any] | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            endpoint: Whom to ask.
            connect_s: Until the connection stands, in seconds.
            environment: ``HTTP_PROXY`` and the like are looked up here.
            bearer: A key, sent with each request where the address has no user and password.
            headers: Further ones, sent with each request.
            trusted: Makes the context for https; None trusts what the system does, and what ``SSL_CERT_FILE`` names.

        Raises:
            ConfigError: A proxy's address is none.
        """
        self._endpoint = endpoint
        self._bearer = bearer
        self._further = headers or {}
        self._trusted = trusted
        self._proxy = proxy_for(endpoint, environment)
        self._connect_s = connect_s
        self._connection: Connection | None = None
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
        if self._connection is None or not self._connection.usable:
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
        elif self._bearer:
            headers.append(("Authorization", f"Bearer {self._bearer}"))
        if self._proxy and self._proxy.user and not self._endpoint.tls:
            headers.append(("Proxy-Authorization", _basic(self._proxy.user)))
        return [*headers, *self._further.items()]

    async def _open(self) -> Connection:
        to = self._proxy or self._endpoint
        where = f"the proxy {to.url}: " if self._proxy else ""
        try:
            async with asyncio.timeout(self._connect_s):
                if self._proxy and self._endpoint.tls:
                    return await self._tunnelled(self._proxy)
                tls = {"ssl": self._context(), "server_hostname": to.host} if self._endpoint.tls else {}
                loop = asyncio.get_running_loop()
                return (await loop.create_connection(Connection, to.host, to.port, **tls))[1]
        except TimeoutError as error:
            raise TransportError(f"{where}no connection within {self._connect_s:g} s", refused=True) from error
        except (OSError, UnicodeError) as error:
            reset = isinstance(error, ConnectionResetError)  # something does listen
            raise TransportError(where + _reason(error), refused=not reset, tls=_tls_failure(error)) from error

    def _context(self) -> Any:  # noqa: ANN401 - ssl is loaded where it is needed
        if self._tls is None:
            self._tls = self._trusted() if self._trusted else load("ssl:create_default_context")()
        return self._tls

    async def _tunnelled(self, proxy: Endpoint) -> Connection:
        """TLS to the server through a proxy."""
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        try:
            await self._tunnel(proxy, reader, writer)
            await writer.start_tls(self._context(), server_hostname=self._endpoint.host)
        except BaseException:
            writer.transport.abort()
            raise
        connection = Connection(writer)
        connection.connection_made(writer.transport)
        writer.transport.set_protocol(connection)
        return connection

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
            raise TransportError(f"the proxy {proxy.url} refused: {beginning(status, 100)}", refused=True)


def _reason(error: Exception) -> str:
    """Why there is no connection; asyncio words it by the call, and joins it for a name with several addresses."""
    text = str(error)
    if isinstance(error, ConnectionRefusedError) or f"[Errno {errno.ECONNREFUSED}]" in text:
        return "connection refused"
    if isinstance(error, ConnectionResetError):
        return "the connection was reset as soon as it stood"
    if distrust := getattr(error, "verify_message", ""):  # of ssl's errors, whose module is loaded for https alone
        return f"its certificate is not trusted: {distrust}"
    if getattr(error, "library", "") == "SSL":
        return f"it does not speak TLS, as https needs ({getattr(error, 'reason', None) or text})"
    return getattr(error, "strerror", None) or text


def _tls_failure(error: Exception) -> TlsFailure:
    """What is wrong with TLS, by the codes of OpenSSL's ``x509_vfy.h``."""
    code = getattr(error, "verify_code", 0)
    if code:
        return "expired" if code in _NOT_NOW else "other_name" if code in _OTHER_NAME else "untrusted"
    return "no_tls" if getattr(error, "library", "") == "SSL" else ""


def _basic(user: str) -> str:
    return "Basic " + base64.b64encode(user.encode()).decode()
