"""The models of the clouds, and whatever else LiteLLM reaches, by a model string. LiteLLM itself is loaded later."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

import msgspec

from py_mono.llm.clouds import errors
from py_mono.llm.clouds.keys import EnvironmentKeys
from py_mono.llm.clouds.loader import LOADER
from py_mono.llm.clouds.models import NO_KEY, Model, parse_model
from py_mono.llm.clouds.opening import with_key
from py_mono.llm.clouds.reply import Reply
from py_mono.llm.clouds.wire import encode
from py_mono.llm.retrying import Draw, retried, taking
from py_mono.llm.settings import Keys, ProviderSettings
from py_mono.llm.window.served import Served, is_local
from py_mono.llm.window.truth import Counted, Shown
from py_mono.llm.window.watch import WindowWatch
from py_mono.protocol.errors import ConfigError, ProviderError
from py_mono.protocol.events import ModelWaiting, Notice
from py_mono.protocol.messages import Usage
from py_mono.protocol.ports import ModelChunk, ModelRequest
from py_mono.utils.lazy import load

if TYPE_CHECKING:
    from py_mono.llm.clouds.client import Call, Client
    from py_mono.llm.readiness import Readiness
    from py_mono.llm.window.local import LocalServer

_DEMANDS_A_LENGTH = "anthropic"


def create(settings: ProviderSettings) -> "LiteLLMProvider":
    """The provider that ``settings`` describe; nothing is loaded or sent yet.

    Raises:
        ConfigError: No model is named, or its key is missing.
    """
    return LiteLLMProvider(settings)


def preload(settings: ProviderSettings) -> None:
    """Begin to load LiteLLM, with what this model's provider needs, and whatever opens the stored keys."""
    with suppress(ConfigError):  # ``create`` says it
        model = parse_model(settings.model, settings.environment, keys=settings.keys)
        loading = LOADER.start(model.provider)
        if settings.keys is not None and model.key_variables:
            warming = threading.Thread(target=_warm, args=(settings.keys, model), name="keys", daemon=True)
            loading.add_done_callback(lambda _: warming.start())  # not beside it: both would hold up who types


async def models(settings: ProviderSettings) -> Sequence[str]:
    """See ``llm.readiness``."""
    found: Sequence[str] = await load("py_mono.llm.clouds.listing:models")(settings)
    return found


async def ready(settings: ProviderSettings) -> "Readiness":
    """See ``llm.readiness``."""
    found: Readiness = await load("py_mono.llm.clouds.listing:ready")(settings)
    return found


def _warm(keys: Keys, model: Model) -> None:
    with suppress(ConfigError):  # ``prepare`` says it; what is found here is not kept
        keys.look(model.provider, model.key_variables)


class LiteLLMProvider:
    """One model, wherever it runs."""

    def __init__(self, settings: ProviderSettings, *, draw: Draw | None = None) -> None:
        """Made for ``settings``; ``draw`` makes the waits between attempts differ: see ``retried``."""
        self._keys = settings.keys or EnvironmentKeys(settings.environment)
        self._model = parse_model(settings.model, settings.environment, ollama_url=settings.base_url, keys=self._keys)
        self._name = settings.provider
        self._settings = settings.litellm
        self._ollama = settings.ollama
        self._environment = settings.environment
        self._draw = draw
        if self._settings.attempts < 1:
            raise ConfigError("attempts must be at least 1")
        self._client: Client | None = None
        self._watch: WindowWatch | None = None
        self._local: LocalServer | None = None
        self._served = Served()
        self._prepared = False
        self._window = 0
        self._default_output = 0
        self._trouble = ""

    @property
    def name(self) -> str:
        """The registry's name that it was made under: the clouds have names of their own."""
        return self._name

    @property
    def model(self) -> str:
        """The model string, its provider in front."""
        return self._model.name

    @property
    def window(self) -> int:
        """For Ollama the ``num_ctx`` of every request; what a local server says; else what LiteLLM's table says, or 0.

        A local server that has not loaded the model yet is asked again by the next ``prepare``.
        """
        return self._window

    async def prepare(self) -> None:
        """See ``Provider``: find the key, wait for LiteLLM, and look the model up in its table.

        Raises:
            ProviderError: The key cannot be had, or LiteLLM not be loaded, or ``SSL_CERT_FILE`` is none.
        """
        if self._client is None:
            await self._load()
        if self._local is not None and (not self._prepared or self._served.may_tell_later):
            await self._ask(self._local)
        self._prepared = True  # not before: who is cancelled meanwhile may be asked again

    async def _load(self) -> None:
        LOADER.start(self._model.provider)  # the key is looked for meanwhile
        self._model = await with_key(self._model, self._keys, self._environment)
        self._trouble = self._model.key_trouble
        try:
            made = await LOADER.loaded(self._model.provider)
            self._client = made(self._model, self._environment, connect_s=self._settings.connect_s)
        except ConfigError as error:
            raise ProviderError(str(error), remedy=error.remedy) from error
        self._window, longest = self._client.limits()
        if self._model.provider == "ollama_chat":
            self._window = self._ollama.window_cap
            self._watch = WindowWatch(self._model.name, self._window, _shows_nothing)
        elif self._model.provider == _DEMANDS_A_LENGTH and not longest:
            self._default_output = self._settings.output_tokens
        else:
            self._local = self._local_server()

    def _local_server(self) -> "LocalServer | None":
        url, key = self._model.server_url, self._model.key
        if not self._settings.show_s or not is_local(url):
            return None
        bare = self._model.name.removeprefix(f"{self._model.provider}/")
        key = "" if key == NO_KEY else key
        server: type[LocalServer] = load("py_mono.llm.window.local:LocalServer")
        return server(url, bare, self._environment, key=key, limit_s=self._settings.show_s)

    async def _ask(self, server: "LocalServer") -> None:
        """Ask a local server for its window. Where LiteLLM's table has one, it may be a gateway, which shows none."""
        self._served = served = await server.served()
        if self._window and not served.window:
            return
        self._window = served.window
        self._watch = WindowWatch(
            self._model.name,
            self._window,
            server.shown,
            advice=served.advice,
            oversize_remedy=served.oversize_remedy,
            shown=served.shown,
        )

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        """See ``Provider``. Failures that may pass are tried again, each announced by a ``ModelRetried``."""

        async def before() -> tuple[Notice, ...]:
            if not self._prepared:
                await self.prepare()
            trouble, self._trouble = self._trouble, ""
            return (Notice(f"{trouble}; the key from {self._model.key_source} is used"),) if trouble else ()

        return retried(
            lambda _: self._attempt(request),
            self,
            attempts=self._settings.attempts,
            backoff_s=self._settings.backoff_s,
            before=before,
            draw=self._draw,
        )

    async def _encoded(self, request: ModelRequest) -> tuple[dict[str, Any], int]:
        """The request in LiteLLM's terms, and its bytes; one that cannot fit is held back."""
        by_name = self._served.chooses_by_name
        asked = encode(request, self._model, default_output=self._default_output, by_name=by_name)
        size = len(msgspec.json.encode(asked))
        if self._model.provider == "ollama_chat":
            asked |= {"num_ctx": self._window, "keep_alive": self._ollama.keep_alive}
        if self._watch is not None:
            await self._watch.hold_back(request, size)
        return asked, size

    async def close(self) -> None:
        """Close the connections; may be called twice."""
        if self._client is not None:
            client, self._client, self._prepared = self._client, None, False
            await client.close()
            await asyncio.sleep(0)  # the transports close their sockets in the loop's next round

    async def _attempt(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        """One request and its reply, up to the message.

        Raises:
            Failure: Another attempt may help.
            ProviderError: It would not.
        """
        if self._client is None:
            raise RuntimeError("a request before prepare")
        asked, size = await self._encoded(request)
        priced, call, reply = self._client.priced(), self._client.ask(asked), Reply(self._model)

        def taken(error: ProviderError) -> Usage | None:
            nothing = errors.took_nothing(error, call.seen)
            return None if nothing else reply.used(counted=call.counted, priced=priced)

        try:
            with taking(taken):
                async with aclosing(self._chunks(call)) as chunks:
                    async for chunk in chunks:
                        if isinstance(chunk, ModelWaiting):
                            yield chunk
                            continue
                        for delta in reply.take(chunk):
                            yield delta
                _check_end(call, self._model)
                message = reply.message(
                    request.messages, counted=call.counted, priced=priced, limited=call.seen.limited
                )
        finally:
            await call.close()
        if self._watch is not None and not request.only_tool:  # which may have another front, and then another count
            try:
                with taking(lambda _: message.usage):
                    checked = await self._watch.judge(request, size, _counted(message.usage))
                yield checked
            finally:
                await self._watch.reply_ended()
        yield message

    async def _chunks(self, call: "Call") -> AsyncGenerator[Any, None]:
        """LiteLLM's chunks; a ``ModelWaiting`` before the first where it takes long."""
        settings = self._settings
        first = asyncio.ensure_future(call.next())
        try:
            done, _ = await asyncio.wait({first}, timeout=settings.notice_s)
            if not done:
                yield ModelWaiting("first_token")
                done, _ = await asyncio.wait({first}, timeout=max(settings.first_token_s - settings.notice_s, 0))
            if not done:
                raise errors.silent(self._model, settings.first_token_s)
            chunk = self._outcome(first, call)
            while chunk is not None:
                yield chunk
                chunk = await self._next(call)
        finally:
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)

    async def _next(self, call: "Call") -> Any:  # noqa: ANN401 - LiteLLM's
        try:
            async with asyncio.timeout(self._settings.idle_s) as limit:
                return await call.next()
        except Exception as error:
            if limit.expired():
                raise errors.idle(self._model, self._settings.idle_s) from error
            raise errors.from_failure(error, call.seen, self._model) from error

    def _outcome(self, chunk: "asyncio.Future[Any]", call: "Call") -> Any:  # noqa: ANN401 - LiteLLM's
        """The chunk, or what its failure comes to."""
        error = chunk.exception()
        if error is None:
            return chunk.result()
        if not isinstance(error, Exception):
            raise error
        raise errors.from_failure(error, call.seen, self._model) from error


def _check_end(call: "Call", model: Model) -> None:
    """Raise where the reply ended without its end."""
    if "html" in call.seen.content_type:
        raise errors.not_an_api(model)
    if call.seen.garbled:
        raise errors.garbled(call.seen.garbled, model)
    if not call.finished:
        raise errors.cut(model, call.seen.broken)


def _counted(used: Usage) -> Counted:
    """The server's count. Cached tokens are part of the prompt's; more of them than that were counted apart."""
    apart = used.cached_tokens if used.cached_tokens > used.input_tokens else None
    return Counted(used.input_tokens, used.output_tokens, cached=apart)


async def _shows_nothing() -> Shown:
    """LiteLLM has no way to ask how a model is loaded."""
    return Shown()
