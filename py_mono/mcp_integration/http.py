"""A server that is reached over HTTP: what its answers may take, and what their status says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, Unpack

import httpx2
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.client.transports.base import SessionKwargs, TransportOptions
from mcp import ClientSession

_LARGEST_BODY = 16 * 1024 * 1024
"""Bytes of one answer that is not a stream of events; of an event the library takes one MiB."""
_CONNECT_S = 30.0
_BAD = 400
NOT_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
    httpx2.InvalidURL,
)
"""Errors before a request went out: whatever it asked for was not done."""


class Exchange:
    """What HTTP said to one request of ours.

    Attributes:
        status: Of the last answer, where it was an error; else 0.
        unreached: Why nobody was there to be asked; or empty. The library tells of it as of any end of a connection.
    """

    __slots__ = ("status", "unreached")

    def __init__(self) -> None:
        self.status = 0
        self.unreached = ""


exchange: ContextVar[Exchange | None] = ContextVar("mcp_exchange", default=None)
"""The one that is under way: the library carries the context of whoever asks to where the request is sent."""


class HttpTransport(StreamableHttpTransport):
    """The library's, with sessions of ours."""

    def __init__(
        self, url: str, headers: dict[str, str], session: type[ClientSession], auth: httpx2.Auth | None
    ) -> None:
        super().__init__(url, headers=headers, auth=auth, httpx_client_factory=http_client)
        self._options = TransportOptions(session_class=session)

    @asynccontextmanager
    async def connect_session(
        self, *, transport_options: TransportOptions | None = None, **session_kwargs: Unpack[SessionKwargs]
    ) -> AsyncIterator[ClientSession]:
        """See the library."""
        async with super().connect_session(
            transport_options=transport_options or self._options, **session_kwargs
        ) as session:
            yield session


def http_client(
    headers: dict[str, str] | None = None,
    timeout: httpx2.Timeout | None = None,
    auth: httpx2.Auth | None = None,
    **_: Any,  # noqa: ANN401 - what the library passes besides, such as whether to follow redirects
) -> httpx2.AsyncClient:
    """A client whose answers are held to a size. How long they may take is up to whoever asks."""
    return _Client(
        headers={"Accept-Encoding": "identity", **(headers or {})},
        timeout=timeout or httpx2.Timeout(_CONNECT_S, read=None),
        auth=auth,
        event_hooks={"response": [_look]},
    )


class _Client(httpx2.AsyncClient):
    async def send(self, request: httpx2.Request, **how: Any) -> httpx2.Response:  # noqa: ANN401 - the library's
        try:
            return await super().send(request, **how)
        except NOT_SENT as error:
            under_way = exchange.get()
            if under_way is not None:
                under_way.unreached = str(error) or type(error).__name__
            raise


async def _look(response: httpx2.Response) -> None:
    """Note an error's status, and count what comes, before anything of it is read."""
    under_way = exchange.get()
    if under_way is not None:
        under_way.status = response.status_code if response.status_code >= _BAD else 0
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise httpx2.DecodingError("the answer is compressed, which was not asked for", request=response.request)
    if not response.headers.get("content-type", "").lower().startswith("text/event-stream"):
        stream = response.stream
        if isinstance(stream, httpx2.AsyncByteStream):
            response.stream = _Counted(stream, response.request)


class _Counted(httpx2.AsyncByteStream):
    """A body that may not go on for ever."""

    def __init__(self, stream: httpx2.AsyncByteStream, request: httpx2.Request) -> None:
        self._stream = stream
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for piece in self._stream:
            size += len(piece)
            if size > _LARGEST_BODY:
                raise httpx2.ReadError(f"the answer has more than {_LARGEST_BODY >> 20} MiB", request=self._request)
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()
