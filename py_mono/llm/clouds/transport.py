"""What LiteLLM's requests go through: ours to time, to watch and to close. Loaded with LiteLLM, never before."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

import httpx

from py_mono.llm.clouds.lines import Lines
from py_mono.llm.clouds.trust import trusted
from py_mono.llm.http.endpoint import Endpoint, proxy_for
from py_mono.utils.text import strip_escapes

_BODY_LIMIT = 64 << 10
_LINE_LIMIT = 16 << 20
_REPLY_LIMIT = 4 * _LINE_LIMIT
_FAILED = 400
_DRAIN_S = 0.05
_OVER = re.compile(
    rb'data: ?\[DONE\]|"(?:finish_reason|finishReason|stop_reason)"\s*:\s*"|"done"\s*:\s*true|"type"\s*:\s*"message_stop"'
)
"""How the wires say that a reply is over. In a text of the model the quotes would have backslashes before them."""

_LIMITED = re.compile(rb'"done_reason"\s*:\s*"length"')
_LAST = re.compile(rb'data: ?\[DONE\]|"type"\s*:\s*"message_stop"')
"""What comes last; the end of the body follows it, often too late for LiteLLM to look."""

_CARRIED = 64


class Seen:
    """What one request met on the wire, whatever LiteLLM makes of it.

    Attributes:
        status: Of the answer; 0 where there is none.
        headers: Of the answer, names in lower case.
        body: The beginning of an answer that is no reply.
        refused: Whether no connection could be had.
        broken: Why the connection broke, or empty.
        garbled: Which line of the reply cannot be read, and why, or empty.
        endless: Whether the reply had a line, or was all together, longer than any reply is.
        over: Whether the server said that the reply is over.
        limited: Whether it said that the output limit cut it, in Ollama's words: LiteLLM makes them the words for a call.
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.refused = False
        self.broken = ""
        self.garbled = ""
        self.endless = False
        self.over = False
        self.limited = False

    @property
    def content_type(self) -> str:
        """What the answer says it is."""
        return self.headers.get("content-type", "")


class Transport(httpx.AsyncBaseTransport):
    """Connections for one provider; redirects are not followed, and proxies are those of ``environment``.

    Attributes:
        seen: Of the request that was begun last.
        busy: Whether a request is out and no answer has begun.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.seen = Seen()
        self._environment = environment
        self._tls = trusted(environment)
        self._routes: dict[str, httpx.AsyncHTTPTransport] = {}
        self._reply: _Watched | None = None
        self._open = False
        self.busy = False

    def begin(self) -> Seen:
        """One request may go out; what it meets is written down in the answer."""
        self.seen, self._open = Seen(), True
        return self.seen

    async def end(self) -> None:
        """Nothing more may go out; a reply that was not read to its end is cut off."""
        self._open = False
        reply, self._reply = self._reply, None
        if reply is not None:
            await reply.aclose()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See ``httpx.AsyncBaseTransport``."""
        if not self._open:
            raise httpx.ConnectError("nobody waits for this request any more")
        self._open = False  # LiteLLM tries some failures again by itself, unseen; ours to decide, and to say
        seen, self.busy = self.seen, True
        try:
            response = await self._route(request.url).handle_async_request(request)
        except (httpx.TransportError, OSError) as error:
            seen.refused = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | OSError)
            seen.broken = strip_escapes(str(error)) or type(error).__name__
            raise
        finally:
            self.busy = False
        seen.status = response.status_code
        seen.headers = {name.lower(): value for name, value in response.headers.items()}
        self._reply = _Watched(response, seen)
        return httpx.Response(
            response.status_code, headers=response.headers, stream=self._reply, extensions=response.extensions
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self.end()
        for route in self._routes.values():
            await route.aclose()
        self._routes.clear()

    def _route(self, url: httpx.URL) -> httpx.AsyncHTTPTransport:
        """The way there, with its proxy where one is set."""
        tls = url.scheme == "https"
        target = Endpoint(str(url), tls, url.host, url.port or (443 if tls else 80))
        proxy = proxy_for(target, self._environment)
        address = proxy.url if proxy else ""
        if address not in self._routes:
            login = tuple(proxy.user.split(":", 1)) if proxy and proxy.user else None
            through = httpx.Proxy(address, auth=(login[0], login[1]) if login else None) if proxy else None
            self._routes[address] = httpx.AsyncHTTPTransport(verify=self._tls, proxy=through, http2=False)
        return self._routes[address]


class _Watched(httpx.AsyncByteStream):
    """A reply's body on its way."""

    def __init__(self, response: httpx.Response, seen: Seen) -> None:
        self._response = response
        self._seen = seen
        self._pieces = aiter(response.stream)  # type: ignore[arg-type]  # a response of an async transport
        self._total = self._line = 0
        self._carried = b""
        self._lines = Lines(seen.content_type if seen.status < _FAILED else "")
        self._said_all = self._ended = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces as they come.

        Raises:
            httpx.ReadError: The connection broke, or the reply is longer than any is, or has a line that cannot be read.
        """
        try:
            async for piece in self._pieces:
                self._look_at(piece)
                yield piece
        except (httpx.TransportError, OSError) as error:
            self._seen.broken = strip_escapes(str(error)) or type(error).__name__
            raise
        self._ended = True

    def _look_at(self, piece: bytes) -> None:
        if self._seen.status >= _FAILED and len(self._seen.body) < _BODY_LIMIT:
            self._seen.body += piece[:_BODY_LIMIT]
        seen, text = self._seen, self._carried + piece
        if not self._said_all:
            self._read(piece)
        self._carried = text[-_CARRIED:]
        seen.over = seen.over or _OVER.search(text) is not None
        seen.limited = seen.limited or _LIMITED.search(text) is not None
        self._said_all = self._said_all or (seen.over and _LAST.search(text) is not None)
        self._total += len(piece)
        newline = piece.rfind(b"\n")
        self._line = self._line + len(piece) if newline < 0 else len(piece) - newline
        if self._line > _LINE_LIMIT or self._total > _REPLY_LIMIT:
            self._seen.endless = True
            raise httpx.ReadError("the reply is longer than any reply is")

    def _read(self, piece: bytes) -> None:
        """Check the lines before LiteLLM sees them: those it cannot read it leaves out, calls and all."""
        try:
            self._lines.check(piece)
        except ValueError as error:
            self._seen.garbled, self._seen.over = str(error), False
            raise httpx.ReadError("the reply has a line that cannot be read") from error

    async def aclose(self) -> None:
        """Let go of it, at once unless it said that it is over: then its last bytes are read, to keep the connection."""
        if self._said_all and not self._ended:
            self._ended = True
            with suppress(TimeoutError, httpx.TransportError, OSError):
                async with asyncio.timeout(_DRAIN_S):
                    async for _ in self._pieces:
                        pass
        left = _left_over(self._response)
        await self._response.aclose()
        if left:
            with suppress(httpx.TransportError, OSError):
                await self._response.extensions["network_stream"].aclose()


def _left_over(response: httpx.Response) -> bool:
    """Whether bytes that nobody asked for came behind the reply: httpcore would take them for the next one.

    It has no public way to ask. Where its names change, a test of such a server fails.
    """
    inner: Any = response.stream
    for name in ("_httpcore_stream", "_stream", "_connection", "_h11_state"):
        inner = getattr(inner, name, None)
    return bool(inner and inner.trailing_data[0])
