"""What an Ollama server says beside the chat: how a model is made, and which models it has."""

import asyncio

from py_mono.llm import ollama_errors as errors
from py_mono.llm.http_stream import Exchange, HttpClient, TransportError
from py_mono.llm.ollama_wire import ModelFacts, decode_show, decode_tags, encode_show

_BODY_LIMIT = 8 << 20
_OK = 200


class ServerFacts:
    """Asks one server, shortly: nothing here may hold up the chat for longer than ``limit_s`` seconds."""

    def __init__(self, http: HttpClient, *, limit_s: float) -> None:
        self._http = http
        self._limit_s = limit_s

    async def model(self, name: str, url: str) -> ModelFacts | None:
        """What ``/api/show`` tells of the model, nothing where it tells it in some other way; None: not in time.

        Raises:
            ProviderUnavailable: Nothing listens at ``url``.
        """
        try:
            async with asyncio.timeout(self._limit_s):
                body = await self._body(await self._http.post("/api/show", encode_show(name)))
            return decode_show(body)
        except TimeoutError:
            return None
        except TransportError as error:
            if error.refused:
                raise errors.unreachable(error, url) from error
        except (ValueError, RecursionError):
            pass  # a server that describes models in some other way is used with the defaults
        finally:
            self._http.release()
        return ModelFacts()

    async def pulled(self) -> list[str] | None:
        """The models that the server has; None where it does not say."""
        try:
            async with asyncio.timeout(self._limit_s):
                return decode_tags(await self._body(await self._http.get("/api/tags")))
        except (TimeoutError, TransportError, ValueError, RecursionError):
            return None

    async def _body(self, exchange: Exchange) -> bytes:
        status, _ = await exchange.head()
        body = await exchange.read_all(_BODY_LIMIT)
        if status != _OK:
            raise ValueError(f"status {status}")
        return body
