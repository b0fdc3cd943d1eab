"""LiteLLM itself: the one module that imports it, and keeps it off the screen. Loaded by ``loader`` alone."""

import asyncio
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NoReturn

import httpx
import litellm
import openai
from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

from py_mono.llm.clouds.errors import unknown_provider
from py_mono.llm.clouds.models import NO_KEY, OTHER_KEYS, Model
from py_mono.llm.clouds.transport import Seen, Transport

_BY_HTTP = frozenset(
    ("anthropic", "deepseek", "gemini", "groq", "hosted_vllm", "mistral", "ollama_chat", "openrouter", "xai")
)
"""Whom LiteLLM asks with an HTTP client; most others with OpenAI's own, and some in ways of theirs."""

_KNOWN_WIRES = _BY_HTTP | {"openai"}
"""Whose last words are known; others may end in a way that only LiteLLM knows."""

_PATIENCE_S = 0.5
_OPENAI = "https://api.openai.com/v1"
_LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy", "openai", "httpx", "httpcore")


class Client:
    """Asks one model. One request at a time. Made for a provider that LiteLLM does not know it raises ``ModelNotFound``."""

    def __init__(self, model: Model, environment: Mapping[str, str], *, connect_s: float) -> None:
        self._model = model
        self._connect_s = connect_s
        self._transport = Transport(environment)
        timeout = httpx.Timeout(None, connect=connect_s)  # the other limits are the caller's
        self._http: Any = httpx.AsyncClient(transport=self._transport, timeout=timeout)
        self._asker: Any = None
        if model.provider in _BY_HTTP:
            self._asker = AsyncHTTPHandler(transport=self._transport, timeout=timeout, follow_redirects=False)
        elif url := _openai_like(model):
            self._asker = openai.AsyncOpenAI(
                api_key=model.key or NO_KEY, base_url=url, http_client=self._http, max_retries=0
            )

    @staticmethod
    def rehearse(provider: str) -> None:
        """Have one request fail without a network: that loads what LiteLLM leaves to the first one."""
        with suppress(Exception):  # what goes wrong here is told when it goes wrong in earnest
            asyncio.run(_rehearsal(provider))

    @staticmethod
    def known(provider: str) -> Iterator[str]:
        """The models that LiteLLM's table has of a provider, those that chat, the provider in front."""
        front, families = f"{provider}/", {provider, f"{provider}_chat", f"{provider}_converse"}
        table: Mapping[str, Mapping[str, Any]] = litellm.model_cost
        for name, entry in table.items():
            owner = str(entry.get("litellm_provider"))
            if entry.get("mode") == "chat" and (owner in families or owner.startswith(f"{provider}-")):
                yield name if name.startswith(front) else front + name

    def ask(self, request: Mapping[str, Any]) -> "Call":
        """Send a request in LiteLLM's terms: ``messages``, ``tools`` and what else it takes."""
        seen = self._transport.begin()
        known = self._model.provider in _KNOWN_WIRES
        if (
            "tools" in request and not known
        ):  # its table knows few models; whether one takes tools is the server's to say
            request = {**request, "allowed_openai_params": ["tools", "tool_choice"]}
        reply = litellm.acompletion(
            **request,
            model=self._model.name,
            api_key=self._model.key or None,
            base_url=self._model.base_url or None,
            client=self._asker,
            timeout=httpx.Timeout(None, connect=self._connect_s),
            stream=True,
            num_retries=0,
            _skip_mcp_handler=True,  # else a request with tools imports a server that is not installed
        )
        return Call(asyncio.ensure_future(reply), self._transport, seen, known_wire=known)

    def limits(self) -> tuple[int, int]:
        """The model's context window and its longest reply, in tokens, as LiteLLM's table has it; 0 where it does not."""
        entry = self._entry()
        return _number(entry.get("max_input_tokens")), _number(entry.get("max_output_tokens"))

    def priced(self) -> bool:
        """Whether the table knows what this model's tokens cost."""
        entry = self._entry()
        return all(_number(entry.get(f"{side}_cost_per_token")) > 0 for side in ("input", "output"))

    def _entry(self) -> Mapping[str, Any]:
        bare = self._model.name.removeprefix(f"{self._model.provider}/")
        table: Mapping[str, Mapping[str, Any]] = litellm.model_cost
        entry = table.get(self._model.name) or table.get(bare) or {}
        ours = entry.get("litellm_provider", "").partition("-")[0] in {self._model.provider, "vertex_ai"}
        return entry if ours else {}

    async def close(self) -> None:
        """Close the connections; may be called twice."""
        await self._transport.aclose()
        await self._http.aclose()
        if isinstance(self._asker, AsyncHTTPHandler):
            await self._asker.client.aclose()


class Call:
    """A request on its way and its reply, chunk by chunk."""

    def __init__(self, reply: "asyncio.Future[Any]", transport: Transport, seen: Seen, *, known_wire: bool) -> None:
        self.seen = seen
        self._reply = reply
        self._transport = transport
        self._chunks: Any = None
        self._known_wire = known_wire

    async def next(self) -> Any:  # noqa: ANN401 - LiteLLM's chunks, of which only a few members are ours to know
        """The next chunk; None at the end.

        Raises:
            Exception: Whatever LiteLLM raises; ``seen`` says what was on the wire.
        """
        if self._chunks is None:
            self._chunks = await asyncio.shield(self._reply)
        try:
            return await anext(self._chunks)
        except StopAsyncIteration:
            return None

    @property
    def finished(self) -> bool:
        """Whether the server itself said that the reply is over: LiteLLM says so in any case, with a reason it makes up."""
        if self.seen.over or self._known_wire:
            return self.seen.over
        return bool(self._chunks.received_finish_reason or self._chunks.intermittent_finish_reason)

    @property
    def counted(self) -> bool:
        """Whether the server counted tokens: LiteLLM makes up numbers where it did not."""
        chunks = () if self._chunks is None else self._chunks.chunks
        return any(getattr(chunk, "usage", None) is not None for chunk in chunks)

    async def close(self) -> None:
        """Leave the reply where it is; the server sees the connection close unless it was read to its end."""
        await self._transport.end()
        if not self._reply.done():
            # LiteLLM prepares requests in a thread: cancelled there, it would leave a coroutine that nobody awaits.
            if not self.seen.status:
                await asyncio.wait({self._reply}, timeout=0.0 if self._transport.busy else _PATIENCE_S)
            self._reply.cancel()
        with suppress(Exception, asyncio.CancelledError):
            self._chunks = await self._reply
        if self._chunks is not None:
            with suppress(Exception):
                await self._chunks.aclose()


class _NoNetwork:
    """Stands where LiteLLM keeps the client for what it looks up unasked, a model server on this machine for one."""

    def __getattr__(self, name: str) -> NoReturn:
        raise OSError(f"LiteLLM may not look things up ({name})")


class _Uncounted:
    """Stands where LiteLLM keeps a tokenizer: loading one holds every thread up for 45 ms, and takes 25 MB.

    Whoever answers counts; where they do not, no number is better than one that is made up.
    """

    def encode(self, text: str, **_: object) -> list[int]:
        """No tokens."""
        del text
        return []


async def _rehearsal(provider: str) -> None:
    client = Client(Model(f"{provider}/rehearsal", provider, NO_KEY, base_url="http://127.0.0.1:9"), {}, connect_s=1.0)
    call = client.ask({"messages": [{"role": "user", "content": "."}]})
    await client._transport.end()  # noqa: SLF001 - the same module: nothing may go out
    try:
        await call.next()
    finally:
        await call.close()
        await client.close()


def _openai_like(model: Model) -> str:
    """The address of a server that is asked with OpenAI's client; empty where it is not.

    Raises:
        ModelNotFound: LiteLLM knows no such provider.
    """
    if model.provider in OTHER_KEYS:
        return ""
    try:
        address: str | None = litellm.get_llm_provider(model.name, api_base=model.base_url or None, api_key=model.key)[
            3
        ]
    except litellm.BadRequestError as error:
        raise unknown_provider(model, (one.value for one in litellm.provider_list)) from error
    return address or model.base_url or (_OPENAI if model.provider == "openai" else "")


def _number(value: object) -> Any:  # noqa: ANN401 - int or float as the table has it
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0


def _settle() -> None:
    """Nothing is printed, logged, looked up or sent on the side."""
    litellm.suppress_debug_info = True
    litellm.set_verbose = False
    litellm.telemetry = False
    litellm.drop_params = False
    litellm.disable_hf_tokenizer_download = True  # else tokens of some models are counted with files from the internet
    litellm.disable_token_counter = True
    litellm.module_level_client = _NoNetwork()
    litellm.main.encoding = _Uncounted()
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.setLevel(logging.CRITICAL)
        logger.propagate = False
    warnings.filterwarnings("ignore", module=r"(litellm|pydantic|openai|httpx)\b")
    warnings.filterwarnings("ignore", message=r"coroutine '\w*(?:Handler|Completion|LLM)\b.* was never awaited")


_settle()
