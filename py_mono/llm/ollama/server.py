"""What an Ollama server says beside the chat: how a model is made, which models it has, how one is loaded.

Source: ``docs/api.md`` of ollama/ollama (``/api/show``, ``/api/tags``, ``/api/ps``, ``/api/version``).
"""

import asyncio
import re

import msgspec
from msgspec import Struct

from py_mono.llm.http.connection import TransportError
from py_mono.llm.http.stream import HttpClient
from py_mono.llm.ollama import errors
from py_mono.llm.ollama.wire import ModelFacts, decode_show, decode_tags, encode_show
from py_mono.llm.window.truth import Shown

_BODY_LIMIT = 8 << 20
_OK = 200
_PREFIXES = ("registry.ollama.ai/", "ollama.com/", "library/")
_RECOMMENDS_ONLY = "safetensors"
"""The format of models on the MLX runner, whose window is advice: it takes longer prompts, and refuses the longest."""


class _Details(Struct):
    format: str | None = None


class _Loaded(Struct):
    name: str | None = None
    model: str | None = None
    context_length: int | None = None
    details: _Details | None = None


class _Ps(Struct):
    models: list[_Loaded] | None = None


class _Version(Struct):
    version: str = ""


_ps = msgspec.json.Decoder(_Ps)
_versions = msgspec.json.Decoder(_Version)


class ServerFacts:
    """Asks one server, shortly: nothing here may hold up the chat for longer than ``limit_s`` seconds."""

    def __init__(self, http: HttpClient, beside: HttpClient, *, limit_s: float) -> None:
        """``http`` is free between two chats; ``beside`` is a connection for questions while a chat runs."""
        self._http = http
        self._beside = beside
        self._limit_s = limit_s

    async def model(self, name: str, at: errors.At) -> ModelFacts | None:
        """What ``/api/show`` tells of the model, nothing where it tells it in some other way; None: not in time.

        Raises:
            ProviderUnavailable: Nothing listens there.
        """
        try:
            async with asyncio.timeout(self._limit_s):
                body = await _body(self._http, "/api/show", encode_show(name))
            return decode_show(body)
        except TimeoutError:
            return None
        except TransportError as error:
            if error.refused:
                raise errors.unreachable(error, at, name) from error
        except (ValueError, RecursionError):
            pass  # a server that describes models in some other way is used with the defaults
        finally:
            self._http.release()
        return ModelFacts()

    async def pulled(self) -> list[str] | None:
        """The models that the server has; None where it does not say."""
        try:
            async with asyncio.timeout(self._limit_s):
                return decode_tags(await _body(self._http, "/api/tags"))
        except (TimeoutError, TransportError, ValueError, RecursionError):
            return None

    async def shown(self, name: str) -> Shown:
        """How the model is loaded, and by which version; what the server does not say in time stays unknown."""
        shown = Shown()
        try:
            async with asyncio.timeout(self._limit_s):
                shown = await self._loaded(name)
                version = decode_version(await _body(self._beside, "/api/version"))
                shown = msgspec.structs.replace(shown, version=version)
        except (TimeoutError, TransportError, ValueError, RecursionError):
            pass  # no proof of anything
        finally:
            self._beside.close()
        return shown

    async def _loaded(self, name: str) -> Shown:
        try:
            return decode_ps(await _body(self._beside, "/api/ps"), name)
        except (ValueError, RecursionError):
            return Shown()
        finally:
            self._beside.release()


async def _body(http: HttpClient, path: str, request: bytes | None = None) -> bytes:
    exchange = await (http.get(path) if request is None else http.post(path, request))
    status, _ = await exchange.head()
    body = await exchange.read_all(_BODY_LIMIT)
    if status != _OK:
        raise ValueError(f"status {status}")
    return body


def decode_ps(body: bytes, name: str) -> Shown:
    """How ``/api/ps`` shows the model of that name; nothing where it is not among those loaded.

    Raises:
        ValueError: It is something else.
    """
    wanted = full_name(name)
    found = [
        one
        for one in _ps.decode(body).models or ()
        if wanted in {full_name(one.name or ""), full_name(one.model or "")}
    ]
    widest = max(found, key=lambda one: one.context_length or 0, default=_Loaded())
    binding = (widest.details or _Details()).format != _RECOMMENDS_ONLY
    return Shown(max(widest.context_length or 0, 0), binding)


def decode_version(body: bytes) -> tuple[int, ...]:
    """The numbers of ``/api/version``; none for a build that has no version.

    Raises:
        ValueError: It is something else.
    """
    found = re.match(r"v?(\d{1,6})\.(\d{1,6})\.(\d{1,6})", _versions.decode(body).version)
    version = tuple(map(int, found.groups())) if found else ()
    return version if any(version) else ()


def full_name(name: str) -> str:
    """A model's name as Ollama completes it: in small letters, without its own registry, with a tag."""
    name = name.strip().lower()
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name if ":" in name.rpartition("/")[2] or not name else f"{name}:latest"
