"""What an Ollama server says of itself and its models, for whoever looks for a fault. Nothing here loads a model.

Source: ``docs/api.md`` of ollama/ollama (``/api/version``, ``/api/tags``, ``/api/ps``, ``/api/show``). Each question has a
connection of its own, so that they can be asked side by side; what a server says is taken for a claim, never for a fact.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from py_mono.llm.http.connection import TlsFailure, TransportError
from py_mono.llm.http.endpoint import Endpoint
from py_mono.llm.http.stream import HttpClient
from py_mono.llm.ollama.server import full_name
from py_mono.llm.ollama.wire import body_error, encode_show

_BODY_LIMIT = 8 << 20
_LONGEST = 200
_LARGEST = 1 << 53
_OK, _NOT_FOUND = 200, 404
_F16 = 2
"""Bytes of one number in the cache of keys and values, unless the server is told to store it smaller."""


class Installed(Struct, frozen=True):
    """A model that was pulled: its size in bytes (0 where unknown), and the host that runs it where that is a cloud."""

    name: str
    size: int = 0
    remote: str = ""


class Running(Struct, frozen=True):
    """A model that is loaded: bytes in all, bytes of them on GPUs, and the window in tokens; 0 where unknown."""

    name: str
    size: int = 0
    on_gpu: int = 0
    window: int = 0


class Described(Struct, frozen=True):
    """How a model is made.

    Attributes:
        max_window: In tokens; 0 where unknown.
        capabilities: Such as ``tools``; empty where the server lists none.
        cache_bytes: What one token of the window takes at most in memory, in bytes; 0 where unknown.
    """

    max_window: int = 0
    capabilities: frozenset[str] = frozenset()
    cache_bytes: int = 0


class NoAnswer(Exception):
    """The server said nothing that could be used; ``str()`` says what was wrong; the others are ``TransportError``'s."""

    def __init__(self, reason: str, *, refused: bool = False, tls: TlsFailure = "") -> None:
        super().__init__(reason)
        self.refused = refused
        self.tls = tls


class Probe:
    """Asks one server; each question takes ``limit_s`` seconds at most, and raises ``NoAnswer``."""

    def __init__(self, endpoint: Endpoint, environment: Mapping[str, str], *, limit_s: float) -> None:
        """Ask nothing yet. Raises ConfigError where the proxy's address is none."""
        self._endpoint = endpoint
        self._environment = environment
        self._limit_s = limit_s
        self._client()

    async def version(self) -> str:
        """Its version, as it writes it."""
        said = _member(await self._asked("/api/version"), "version")
        if not isinstance(said, str) or not said:
            raise NoAnswer("it tells no version, as an Ollama server would")
        return said[:_LONGEST]

    async def installed(self) -> list[Installed]:
        """The models that were pulled."""
        return [
            Installed(name, _number(one.get("size")), _text(one.get("remote_host")))
            for name, one in _models(await self._asked("/api/tags"))
        ]

    async def running(self) -> list[Running]:
        """The models that are loaded."""
        return [
            Running(name, _number(one.get("size")), _number(one.get("size_vram")), _number(one.get("context_length")))
            for name, one in _models(await self._asked("/api/ps"))
        ]

    async def described(self, model: str) -> Described | None:
        """How a model is made; None where the server does not have it."""
        said = await self._asked("/api/show", encode_show(model))
        if said is None:
            return None
        found, listed = _member(said, "model_info"), _member(said, "capabilities")
        info: dict[str, Any] = found if isinstance(found, dict) else {}
        return Described(
            max((_number(value) for key, value in info.items() if key.endswith(".context_length")), default=0),
            frozenset(map(_text, listed if isinstance(listed, list) else ())) - {""},
            _cache_bytes(info),
        )

    async def _asked(self, path: str, body: bytes | None = None) -> Any:  # noqa: ANN401 - whatever JSON; None for 404
        http = self._client()
        try:
            async with asyncio.timeout(self._limit_s):
                exchange = await (http.get(path) if body is None else http.post(path, body))
                status, _ = await exchange.head()
                answer = await exchange.read_all(_BODY_LIMIT)
        except TimeoutError as error:
            raise NoAnswer(f"no answer to {path} within {self._limit_s:g} s") from error
        except TransportError as error:
            raise NoAnswer(f"{path}: {error}", refused=error.refused, tls=error.tls) from error
        finally:
            http.close()
        if status == _NOT_FOUND and body is not None:
            return None
        if status != _OK:
            raise NoAnswer(f"status {status} to {path}: {_text(body_error(answer)) or 'no reason given'}")
        if len(answer) >= _BODY_LIMIT:
            raise NoAnswer(f"the answer to {path} is longer than {_BODY_LIMIT >> 20} MiB")
        try:
            return msgspec.json.decode(answer)
        except (ValueError, RecursionError) as error:
            raise NoAnswer(f"the answer to {path} is not JSON, as that of an Ollama server would be") from error

    def _client(self) -> HttpClient:
        return HttpClient(self._endpoint, connect_s=self._limit_s, environment=self._environment)


def named(name: str, models: Sequence[Installed] | Sequence[Running]) -> Any:  # noqa: ANN401 - one of the models, or None
    """The model of that name, however it is written; of several the one with the widest window."""
    found = [one for one in models if full_name(one.name) == full_name(name)]
    return max(found, key=lambda one: getattr(one, "window", 0), default=None)


def _cache_bytes(info: Mapping[str, Any]) -> int:
    """What a token's keys and values take in all layers, as far as the model's architecture says; 0 where it does not."""
    front = f"{_text(info.get('general.architecture'))}."
    layers = _number(info.get(f"{front}block_count"))
    heads = _number(info.get(f"{front}attention.head_count"))
    width = _number(info.get(f"{front}embedding_length")) // heads if heads else 0
    key = _number(info.get(f"{front}attention.key_length")) or width
    value = _number(info.get(f"{front}attention.value_length")) or width
    of_each = info.get(f"{front}attention.head_count_kv")
    in_all = sum(map(_number, of_each)) if isinstance(of_each, list) else layers * (_number(of_each) or heads)
    return min(_F16 * in_all * (key + value), _LARGEST)


def _models(said: Any) -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ANN401 - whatever JSON
    listed = _member(said, "models")
    if listed is None and isinstance(said, dict) and "models" in said:
        return  # Go's empty list
    if not isinstance(listed, list):
        raise NoAnswer("it lists no models, as an Ollama server would")
    for one in listed:
        name = _text(_member(one, "name")) or _text(_member(one, "model"))
        if name:
            yield name, one


def _member(value: Any, name: str) -> Any:  # noqa: ANN401 - whatever JSON
    return value.get(name) if isinstance(value, dict) else None


def _text(value: Any) -> str:  # noqa: ANN401 - whatever JSON
    return value[:_LONGEST] if isinstance(value, str) else ""


def _number(value: Any) -> int:  # noqa: ANN401 - whatever JSON
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _LARGEST else 0
