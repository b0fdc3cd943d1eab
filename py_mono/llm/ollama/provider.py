"""Ollama on its native chat: ``POST /api/chat``, one JSON object a line. The default provider.

The one number that decides what the model sees, ``num_ctx``, is chosen before the first chat and sent with each: a
server left alone takes a small default and drops the front of longer prompts without a word; one that is sent another
number reloads the model. ``truncate`` and ``shift`` are off for the same reason: rather an error than a lost front.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from py_mono.llm.http.connection import TransportError
from py_mono.llm.http.endpoint import parse_endpoint
from py_mono.llm.http.stream import Exchange, HttpClient
from py_mono.llm.ollama import errors
from py_mono.llm.ollama.address import address_variable
from py_mono.llm.ollama.reply import Lines, Reply
from py_mono.llm.ollama.server import ServerFacts
from py_mono.llm.ollama.wire import Chunk, ModelFacts, RequestEncoder, body_error, decode_chunk, error_text
from py_mono.llm.retrying import Draw, Failure, retried, taking
from py_mono.llm.settings import ProviderSettings
from py_mono.llm.window.watch import WindowWatch
from py_mono.protocol.errors import BadResponse, ConfigError
from py_mono.protocol.events import ModelWaiting, Notice
from py_mono.protocol.ports import ModelChunk, ModelRequest
from py_mono.utils.lazy import load

if TYPE_CHECKING:
    from py_mono.llm.readiness import Readiness

DEFAULT_MODEL = "lfm2.5-thinking:latest"
_BODY_LIMIT = 8 << 20
_DRAIN_S = 0.25
_OK = 200
_NOT_FOUND = 404

Head = tuple[int, dict[str, str]]


def create(settings: ProviderSettings) -> "OllamaProvider":
    """The provider that ``settings`` describe; nothing is sent yet.

    Raises:
        ConfigError: The address, or that of a proxy, is none.
    """
    return OllamaProvider(settings)


async def models(settings: ProviderSettings) -> Sequence[str]:
    """See ``llm.readiness``."""
    found: Sequence[str] = await load("py_mono.llm.ollama.listing:models")(settings)
    return found


async def ready(settings: ProviderSettings) -> "Readiness":
    """See ``llm.readiness``."""
    found: Readiness = await load("py_mono.llm.ollama.listing:ready")(settings)
    return found


class _Chosen(NamedTuple):
    """What follows from the window, in tokens, that each request asks for."""

    window: int
    watch: WindowWatch
    encoder: RequestEncoder


class OllamaProvider:
    """One server, one model, one connection."""

    def __init__(self, settings: ProviderSettings, *, draw: Draw | None = None) -> None:
        """Made for ``settings``; ``draw`` makes the waits between attempts differ: see ``retried``."""
        endpoint = parse_endpoint(settings.base_url or "localhost")
        self._settings = settings.ollama
        if self._settings.window_cap < 1 or self._settings.attempts < 1:
            raise ConfigError("window cap and attempts must be at least 1")
        self._model = settings.model or DEFAULT_MODEL
        self._at = errors.At(endpoint.url, address_variable(settings.environment))
        self._http = HttpClient(endpoint, connect_s=self._settings.connect_s, environment=settings.environment)
        beside = HttpClient(endpoint, connect_s=self._settings.show_s, environment=settings.environment)
        self._server = ServerFacts(self._http, beside, limit_s=self._settings.show_s)
        self._chosen: _Chosen | None = None
        self._facts = ModelFacts()
        self._notice = ""
        self._answered = False
        self._refuses_think = False
        self._draw = draw

    @property
    def name(self) -> str:
        """See ``Provider``."""
        return "ollama"

    @property
    def model(self) -> str:
        """See ``Provider``."""
        return self._model

    @property
    def window(self) -> int:
        """The ``num_ctx`` of every request; 0 before ``prepare`` has asked the server for the model's maximum."""
        return self._chosen.window if self._chosen is not None else 0

    async def close(self) -> None:
        """Close the connection; may be called twice."""
        self._http.close()
        await asyncio.sleep(0)  # the transport closes its socket in the loop's next round

    async def prepare(self) -> None:
        """See ``Provider``: ask for the model's maximum, and choose the window by it."""
        await self._choose()

    async def _choose(self) -> _Chosen:
        if self._chosen is not None:
            return self._chosen
        cap = self._settings.window_cap
        facts = await self._server.model(self._model, self._at)
        if facts is None:
            self._notice = (
                f"the server did not describe the model within {self._settings.show_s:g} s; "
                f"a window of {cap} tokens is asked for"
            )
        self._facts = facts or ModelFacts()
        window = min(self._facts.max_window or cap, cap)
        self._chosen = _Chosen(
            window,
            WindowWatch(self._model, window, partial(self._server.shown, self._model)),
            RequestEncoder(self._model, num_ctx=window, keep_alive=self._settings.keep_alive),
        )
        return self._chosen

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        """See ``Provider``. Failures that may pass are tried again, each announced by a ``ModelRetried``."""
        thinks = True

        def attempt(last: Failure | None) -> AsyncGenerator[ModelChunk, None]:
            nonlocal thinks
            thinks = thinks and not isinstance(last, errors.OnlyThought)
            return self._attempt(request, think=self._think(request) if thinks else False)

        return retried(
            attempt,
            self,
            attempts=self._settings.attempts,
            backoff_s=self._settings.backoff_s,
            before=lambda: self._ready(request),
            draw=self._draw,
        )

    async def _ready(self, request: ModelRequest) -> list[ModelChunk]:
        """Know the model; what is to be said of it. Raises where it takes no tools: that needs no request."""
        await self._choose()
        if request.tools and not request.only_tool and not self._facts.may("tools"):
            raise errors.no_tools(self._model)
        notice, self._notice = self._notice, ""
        return [Notice(notice)] if notice else []

    def _think(self, request: ModelRequest) -> bool | None:
        """What to say about thinking: nothing to models that cannot, nor where it is left to the model.

        A call that is held to a schema comes without: the schema would bind the thinking too.
        """
        facts = self._facts
        if self._refuses_think or not facts.may("thinking"):
            return None
        if request.only_tool and facts.capabilities and not facts.always_thinks:
            return False
        return None if self._settings.think == "auto" else self._settings.think == "on"

    async def _attempt(self, request: ModelRequest, *, think: bool | None) -> AsyncGenerator[ModelChunk, None]:
        """One request and its reply, up to the message.

        Raises:
            Failure: Another attempt may help.
            ProviderError: It would not.
        """
        _, watch, encoder = await self._choose()
        body = encoder.encode(request, think)
        await watch.hold_back(request, len(body))
        try:
            exchange, head = await self._begin(body)
            if head is None:
                waiting = ModelWaiting("first_token" if self._answered else "loading")
                yield waiting
                limit = self._settings.first_token_s if self._answered else self._settings.load_s
                try:
                    async with asyncio.timeout(max(limit - self._settings.notice_s, 0)):
                        head = await exchange.head()
                except TimeoutError as error:
                    raise errors.timed_out(waiting.phase, limit) from error
            await self._check_head(exchange, head)
            watch.reply_began()
            reply = Reply(self._model, request.only_tool)
            async with aclosing(self._deltas(exchange, reply)) as deltas:
                async for delta in deltas:
                    yield delta
            await exchange.drain(_DRAIN_S)
            self._answered = True
            self._http.release()
            with taking(lambda _: reply.usage):
                # a request held to one tool has another front: its count says nothing about the others
                judged = None if request.only_tool else await watch.judge(request, len(body), reply.counted)
                message = reply.message(request.messages, may_think=think is not False)
            if judged is not None:
                yield judged
            yield message
        except TransportError as error:
            if not error.refused:
                raise errors.broken(error, self._at) from error
            gone = errors.unreachable(error, self._at, self._model)
            raise (Failure(gone) if self._answered else gone) from error
        finally:
            self._http.release()
            await watch.reply_ended()

    async def _begin(self, body: bytes) -> tuple[Exchange, Head | None]:
        """Send the request; also the reply's head, where it comes soon.

        A connection that was kept may have been closed by the server meanwhile: then a new one is taken.
        """
        exchange = await self._http.post("/api/chat", body)
        kept = self._http.reused
        try:
            return exchange, await _soon(exchange, self._settings.notice_s)
        except TransportError as error:
            if not kept or error.garbled:
                raise
        self._http.close()
        exchange = await self._http.post("/api/chat", body)
        return exchange, await _soon(exchange, self._settings.notice_s)

    async def _check_head(self, exchange: Exchange, head: Head) -> None:
        """Raise for everything that is not the beginning of a reply."""
        status, headers = head
        kind = headers.get("content-type", "")
        if (coding := headers.get("content-encoding", "identity")) != "identity":
            raise errors.encoded(self._at, coding)
        if status == _OK and "html" not in kind:
            return
        try:
            async with asyncio.timeout(self._settings.idle_s):
                body = await exchange.read_all(_BODY_LIMIT)
        except TimeoutError as error:
            raise errors.idle(self._settings.idle_s) from error
        if "html" in kind and status < 500:  # noqa: PLR2004 - a gateway's own error page is worth another try
            raise errors.not_ollama(self._at, f"a web page (status {status})")
        text = "" if "html" in kind else body_error(body)
        if "does not support thinking" in text and not self._refuses_think:
            self._refuses_think = True
            raise Failure(BadResponse(text), wait_s=0.0)
        if status == _NOT_FOUND:
            self._http.release()
            pulled = await self._server.pulled()
            if pulled is None and "model" not in text:
                raise errors.not_ollama(self._at, f"status 404 to /api/chat ({text or 'no reason given'})")
            raise errors.model_missing(self._model, pulled)
        raise errors.from_status(status, text, headers.get("retry-after", ""), self._model, self._at)

    def _decode(self, line: bytes, *, cut: bool) -> Chunk:
        """One line of a reply; ``cut``: it is the last, and without its newline. Raises for what is no chunk."""
        try:
            chunk = decode_chunk(line)
        except ValueError as error:
            if cut:
                raise TransportError("the reply was cut in the middle of a line") from error
            raise errors.garbage(str(error), line) from error
        if chunk.error is not None:
            raise errors.from_stream(error_text(chunk.error), self._model)
        return chunk

    async def _deltas(self, exchange: Exchange, reply: Reply) -> AsyncGenerator[ModelChunk, None]:
        """Read the reply to the line that says it is done."""
        lines, began = Lines(self._settings.max_line_bytes), False
        now = asyncio.get_running_loop().time
        deadline = now() + self._settings.idle_s
        while not reply.done:
            try:
                data = await exchange.read(deadline)
            except TimeoutError as error:
                raise errors.idle(self._settings.idle_s) from error
            for line in lines.feed(data) if data else lines.end():
                chunk = self._decode(line, cut=began and not data)
                began = True
                for delta in reply.take(chunk):
                    yield delta
                if reply.done:
                    break  # what follows the end is no part of the reply
            if not data and not reply.done:
                raise TransportError("the reply was cut before its end")
            if not data.isspace():  # blank lines keep a connection open, and say nothing
                deadline = now() + self._settings.idle_s


async def _soon(exchange: Exchange, seconds: float) -> Head | None:
    with suppress(TimeoutError):
        return await exchange.head(asyncio.get_running_loop().time() + seconds)
    return None
