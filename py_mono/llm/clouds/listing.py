"""Which models a cloud has, and whether it could be asked. Loaded where a person wants to know, and LiteLLM is not needed.

Sources: "List models" in the references of OpenAI, Groq, Mistral, OpenRouter and Together; "List Models" of Anthropic's API
(``limit``, ``after_id``); ``models.list`` of the Gemini API (``pageSize``, ``pageToken``).
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any
from urllib.parse import quote

import msgspec

from py_mono.llm.clouds import errors, said
from py_mono.llm.clouds.keys import STORED, EnvironmentKeys
from py_mono.llm.clouds.loader import LOADER
from py_mono.llm.clouds.models import ADDRESSES, NO_KEY, OTHER_KEYS, MissingKey, Model, parse_model
from py_mono.llm.clouds.opening import opened, with_key
from py_mono.llm.clouds.trust import trusted
from py_mono.llm.http.connection import TransportError, tls_remedy
from py_mono.llm.http.endpoint import parse_endpoint, path_of
from py_mono.llm.http.stream import HttpClient
from py_mono.llm.ollama import listing as ollama
from py_mono.llm.readiness import Readiness, usable
from py_mono.llm.settings import Keys, ProviderSettings
from py_mono.llm.window.served import is_local
from py_mono.protocol.errors import (
    BadResponse,
    ConfigError,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)
from py_mono.utils.threads import in_thread

_LIST_S = 15.0
_READY_S = 1.5
_BODY_LIMIT = 8 << 20
_MOST_PAGES = 20
_OK, _BAD_REQUEST, _TOO_MANY, _BROKEN = 200, 400, 429, 500
_TELL_NOTHING = frozenset(("cohere", "perplexity"))
"""Whose own address has no list of this kind."""

_NO_CHAT = ("babbage", "dall-e", "davinci", "embed", "gpt-image", "moderation", "realtime", "sora", "transcribe", "tts", "whisper")  # fmt: skip
"""What is in the names of models that do not chat, for those lists that do not say it in another way."""

_NO_CHAT_TYPES = frozenset(("audio", "embedding", "image", "moderation", "rerank", "transcribe", "video"))
"""What Together calls those."""


async def models(settings: ProviderSettings) -> tuple[str, ...]:
    """What the provider lists for this key, as ``Provider.model`` writes it; from LiteLLM's table where it has no list.

    Raises:
        ProviderError: It cannot be asked, or answers something else.
        ConfigError: No model or address is named, so that it is not known whom to ask.
    """
    model, keys = _asked(settings)
    if model.provider == "ollama_chat":
        found: Sequence[str] = await ollama.models(settings)
        return tuple(f"ollama_chat/{name}" for name in found)
    base = _base(model)
    if not base:
        client = LOADER.at_hand()
        return tuple(client.known(model.provider)) if client is not None else ()
    model = await with_key(model, keys, settings.environment)
    names = await _listed(model, base, settings, _LIST_S)
    return tuple(f"{model.provider}/{name}" for name in usable(names))


async def ready(settings: ProviderSettings) -> Readiness:
    """Whether there is a key, and where it is from. A cloud is sent nothing; a server of one's own is asked for its list."""
    if settings.provider == "litellm" and not settings.model:
        return Readiness(ready=False, text="no model: /provider litellm PROVIDER/MODEL")
    try:
        model, keys = _asked(settings)
        if model.provider == "ollama_chat":
            return await ollama.ready(msgspec.structs.replace(settings, model=model.name.partition("/")[2]))
        model = await in_thread(lambda: opened(model, keys, settings.environment), "keys")
        there = await in_thread(lambda: find_spec("litellm"), "keys")
    except MissingKey as error:
        text = f"no key: /key {error.provider}"
    except ConfigError as error:
        text = ": ".join(filter(None, (str(error), error.remedy)))
    else:
        if there is not None:
            local = is_local(model.server_url)
            return await _local(model, settings) if local else Readiness(ready=True, text=_key_text(model))
        text = "LiteLLM is not installed: install py-mono again"
    return Readiness(ready=False, text=text)


async def _local(model: Model, settings: ProviderSettings) -> Readiness:
    """Whether a server of one's own answers."""
    try:
        names = usable(await _listed(model, model.server_url, settings, _READY_S))
    except BadResponse:  # it does answer, and need not have a list
        return Readiness(ready=True, text=f"{model.place} answers")
    except (ProviderError, ConfigError) as error:
        return Readiness(ready=False, text=str(error))
    return Readiness(ready=True, text=f"{len(names)} model{'' if len(names) == 1 else 's'} at {model.place}")


def _key_text(model: Model) -> str:
    if model.provider in OTHER_KEYS:
        return f"LiteLLM looks for the keys of {model.provider} itself"
    if model.key == NO_KEY:
        return "needs no key"
    return "stored key" if model.key_source == STORED else f"key from {model.key_source}"


def _asked(settings: ProviderSettings) -> tuple[Model, Keys]:
    """Which model, and where its key is to be found."""
    keys = settings.keys or EnvironmentKeys(settings.environment)
    return parse_model(settings.model, settings.environment, ollama_url=settings.base_url, keys=keys), keys


def _base(model: Model) -> str:
    """The base URL whose list can be asked for; empty where there is none."""
    own = model.base_url or model.server_url
    return own or ("" if model.provider in _TELL_NOTHING else ADDRESSES.get(model.provider, ""))


async def _listed(model: Model, base: str, settings: ProviderSettings, limit_s: float) -> list[str]:
    """The names of the models that chat, from all pages."""
    endpoint = parse_endpoint(base)
    key = "" if model.key == NO_KEY else model.key
    http = HttpClient(
        endpoint,
        connect_s=limit_s,
        environment=settings.environment,
        bearer="" if model.provider in _HEADERS else key,
        headers=_headers(model.provider, key),
        trusted=None if is_local(base) else partial(trusted, settings.environment),
    )
    path = path_of(base, endpoint) + ("/v1/models" if model.provider == "anthropic" else "/models")
    try:
        async with asyncio.timeout(limit_s):
            return await _pages(http, path, model)
    except TimeoutError as error:
        raise ProviderUnavailable(
            f"{model.place} did not list its models within {limit_s:g} s", remedy="ask again in a while"
        ) from error
    except TransportError as error:
        variable = errors.url_variable(model)
        remedy = f"is the network up, and {variable} right?"
        if error.tls:
            remedy = tls_remedy(error.tls, endpoint.url, variable)
        raise ProviderUnavailable(f"{model.place} cannot be reached: {error}", remedy=remedy) from error
    finally:
        http.close()
        await asyncio.sleep(0)  # the transport closes its socket in the loop's next round


_HEADERS = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}
"""Who takes the key in a header of their own; never in the URL, which is written down on its way."""


def _headers(provider: str, key: str) -> dict[str, str]:
    version = {"anthropic-version": "2023-06-01"} if provider == "anthropic" else {}
    return {**version, **({_HEADERS[provider]: key} if key and provider in _HEADERS else {})}


async def _pages(http: HttpClient, path: str, model: Model) -> list[str]:
    names: list[str] = []
    query, seen = {"anthropic": "?limit=1000", "gemini": "?pageSize=1000"}.get(model.provider, ""), set[str]()
    cursor = ""
    for _ in range(_MOST_PAGES):
        page = await _page(http, f"{path}{query}{cursor}", model)
        names += _names(page, model)
        after = _next(page, model.provider)
        if not after or after in seen:
            break
        seen.add(after)
        cursor = f"&{'after_id' if model.provider == 'anthropic' else 'pageToken'}={quote(after, safe='')}"
    return names


async def _page(http: HttpClient, target: str, model: Model) -> Any:  # noqa: ANN401 - whatever JSON
    exchange = await http.get(target)
    status, headers = await exchange.head()
    body = await exchange.read_all(_BODY_LIMIT)
    http.release()
    if "html" in headers.get("content-type", "") and status < _BROKEN:
        raise _no_list(model, "a web page")
    if status != _OK:
        raise _refused(status, body, model)
    if len(body) >= _BODY_LIMIT:
        raise _no_list(model, f"more than {_BODY_LIMIT >> 20} MiB")
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:
        raise _no_list(model, "what is not JSON") from error


def _names(page: Any, model: Model) -> Iterator[str]:  # noqa: ANN401 - whatever JSON
    """What a page names; Together's is a bare list."""
    listed = page if isinstance(page, list) else _member(page, "models" if model.provider == "gemini" else "data")
    if not isinstance(listed, list):
        raise _no_list(model, "JSON without a list of models")
    for entry in listed:
        name = _member(entry, "name" if model.provider == "gemini" else "id")
        if isinstance(name, str) and _chats(name, entry):
            yield name.removeprefix("models/")


def _chats(name: str, entry: Mapping[str, Any]) -> bool:
    """Whether a model chats, as far as its entry says so: Gemini's, Mistral's, OpenRouter's, Together's; else by its name."""
    methods = entry.get("supportedGenerationMethods")
    if isinstance(methods, list):
        return "generateContent" in methods
    if isinstance(chats := _member(entry.get("capabilities"), "completion_chat"), bool):
        return chats
    if isinstance(out := _member(entry.get("architecture"), "output_modalities"), list):
        return "text" in out
    if entry.get("active") is False or str(entry.get("type")) in _NO_CHAT_TYPES:
        return False
    return not any(word in name.lower() for word in _NO_CHAT)


def _next(page: Any, provider: str) -> str:  # noqa: ANN401 - whatever JSON
    """Where the next page begins; empty after the last."""
    after = None
    if provider == "anthropic" and _member(page, "has_more") is True:
        after = _member(page, "last_id")
    elif provider == "gemini":
        after = _member(page, "nextPageToken")
    return after if isinstance(after, str) else ""


def _refused(status: int, body: bytes, model: Model) -> ProviderError:
    text = said.message(body, model)
    if status in {401, 403} or (status == _BAD_REQUEST and "api key" in text.lower()):
        return errors.bad_key(text, model)
    if status == _TOO_MANY:
        return RateLimited(f"{model.provider} limits requests: {text}", remedy="ask again in a while")
    if status >= _BROKEN:
        return ProviderUnavailable(f"{model.provider} failed ({status}): {text}", remedy="ask again in a while")
    return _no_list(model, f"status {status}: {text}")


def _no_list(model: Model, what: str) -> BadResponse:
    return BadResponse(
        f"{model.place} answered with {what}, and not with its models",
        remedy="name the model as the provider's own pages write it; is the address that of the API?",
    )


def _member(value: Any, name: str) -> Any:  # noqa: ANN401 - whatever JSON
    return value.get(name) if isinstance(value, dict) else None
