"""The window of a model on a server of this machine or network that speaks OpenAI's chat: each kind tells it elsewhere.

Sources: ``tools/server/README.md`` of ggml-org/llama.cpp (``/v1/models``, ``/props``, router mode), ``ModelCard`` in
``vllm/entrypoints/openai`` of vllm-project/vllm and ``python/sglang/srt/entrypoints/openai`` of sgl-project/sglang, LM
Studio's "REST API v0" and "v1" (``/api/v0/models``, ``/api/v1/models``), ``docs/api.md`` of ollama/ollama (``/api/ps``).
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from py_mono.llm.http.connection import TransportError
from py_mono.llm.http.endpoint import parse_endpoint, path_of
from py_mono.llm.http.stream import HttpClient
from py_mono.llm.ollama.server import decode_ps
from py_mono.llm.window.served import Served, window_in
from py_mono.llm.window.truth import Shown
from py_mono.protocol.errors import ConfigError

_BODY_LIMIT = 4 << 20
_OK = 200


class LocalServer:
    """Asks one server about one model: shortly, for no tokens, and nothing that goes wrong is an error."""

    def __init__(self, url: str, model: str, environment: Mapping[str, str], *, key: str = "", limit_s: float) -> None:
        """``url`` is the base URL of the chat; ``key`` goes there and nowhere else; ``limit_s`` is for all questions."""
        self._url = url.rstrip("/")
        self._model = model
        self._environment = environment
        self._key = key
        self._limit_s = limit_s

    async def served(self) -> Served:
        """How the model is served, as far as the server says so in time."""
        try:
            endpoint = parse_endpoint(self._url)
            http = HttpClient(endpoint, connect_s=self._limit_s, environment=self._environment, bearer=self._key)
        except ConfigError:
            return Served()
        try:
            async with asyncio.timeout(self._limit_s):
                return await self._asked(http, f"{path_of(self._url, endpoint)}/models")
        except (TimeoutError, TransportError):
            return Served()
        finally:
            http.close()
            await asyncio.sleep(0)  # the transport closes its socket in the loop's next round

    async def shown(self) -> Shown:
        """The same, for the judge of its counts."""
        return (await self.served()).shown

    async def _asked(self, http: HttpClient, list_path: str) -> Served:
        entry = self._entry(await _json(http, list_path), "data", "id")
        owner = str(entry.get("owned_by"))
        if window := window_in(entry.get("max_model_len")):
            return Served(window, owner if owner in {"vllm", "sglang"} else "", refuses=owner == "vllm")
        if owner == "llamacpp":
            # its n_ctx_train is what the model was made for, not what the server gives it
            window = window_in(_member(entry.get("meta"), "n_ctx"))
            # builds that show it there refuse what is too long; older ones cut its middle out if they may shift
            return Served(window or await self._props(http), "llama.cpp", refuses=window > 0)
        return await self._lm_studio(http) or await self._ollama(http) or Served()

    async def _props(self, http: HttpClient) -> int:
        """The window of one slot; a router is asked not to load the model for it."""
        props = await _json(http, f"/props?model={quote(self._model, safe='')}&autoload=false")
        return window_in(_member(_member(props, "default_generation_settings"), "n_ctx"))

    async def _lm_studio(self, http: HttpClient) -> Served | None:
        old = self._entry(await _json(http, "/api/v0/models"), "data", "id")
        if window := window_in(old.get("loaded_context_length")):
            return Served(window, "lm studio")
        new = self._entry(await _json(http, "/api/v1/models"), "models", "key")
        instances = _members(new.get("loaded_instances"))
        windows = [window_in(_member(one.get("config"), "context_length")) for one in instances]
        if "loaded_instances" in new or "state" in old:
            return Served(min(filter(None, windows), default=0), "lm studio")
        return None

    async def _ollama(self, http: HttpClient) -> Served | None:
        listed = await _json(http, "/api/ps")
        if not isinstance(_member(listed, "models"), list):
            return None
        try:
            shown = decode_ps(msgspec.json.encode(listed), self._model)
        except (ValueError, RecursionError):
            return None
        return Served(window_in(shown.window) if shown.binding else 0, "ollama")

    def _entry(self, listed: Any, member: str, name: str) -> dict[str, Any]:  # noqa: ANN401 - whatever JSON
        """The model's own entry of a list; the only one there is where none has its name: such a server has one model."""
        entries = list(_members(_member(listed, member)))
        own = [entry for entry in entries if self._model == entry.get(name) or self._model in _names(entry)]
        return (own or (entries if len(entries) == 1 else [{}]))[0]


def _names(entry: dict[str, Any]) -> Iterator[str]:
    """The further names of a model (llama.cpp), or of its instances that are loaded (LM Studio)."""
    aliases = entry.get("aliases")
    yield from (name for name in (aliases if isinstance(aliases, list) else ()) if isinstance(name, str))
    yield from (name for one in _members(entry.get("loaded_instances")) if isinstance(name := one.get("id"), str))


async def _json(http: HttpClient, path: str) -> Any:  # noqa: ANN401 - whatever JSON; None where it is none
    exchange = await http.get(path)
    status, _ = await exchange.head()
    body = await exchange.read_all(_BODY_LIMIT)
    http.release()
    try:
        return msgspec.json.decode(body) if status == _OK else None
    except (ValueError, RecursionError):
        return None


def _member(value: Any, name: str) -> Any:  # noqa: ANN401 - whatever JSON
    return value.get(name) if isinstance(value, dict) else None


def _members(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - whatever JSON
    return (one for one in (value if isinstance(value, list) else ()) if isinstance(one, dict))
