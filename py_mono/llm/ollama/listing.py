"""Which models an Ollama server has, and whether it would answer: what it tells for nothing (``GET /api/tags``)."""

from py_mono.llm.http.connection import TransportError
from py_mono.llm.http.endpoint import parse_endpoint
from py_mono.llm.ollama import errors
from py_mono.llm.ollama.address import address_variable
from py_mono.llm.ollama.probe import NoAnswer, Probe, named
from py_mono.llm.ollama.provider import DEFAULT_MODEL
from py_mono.llm.readiness import Readiness, usable
from py_mono.llm.settings import ProviderSettings
from py_mono.protocol.errors import BadResponse, ConfigError, ProviderUnavailable

_READY_S = 1.5
_LIST_S = 5.0


async def models(settings: ProviderSettings) -> tuple[str, ...]:
    """The models that were pulled, in the server's order.

    Raises:
        ProviderError: The server cannot be reached, or says something else.
        ConfigError: Its address, or that of a proxy, is none.
    """
    endpoint = parse_endpoint(settings.base_url or "localhost")
    try:
        installed = await Probe(endpoint, settings.environment, limit_s=_LIST_S).installed()
    except NoAnswer as error:
        at = errors.At(endpoint.url, address_variable(settings.environment))
        if isinstance(error.__cause__, TransportError) and error.refused:
            raise errors.unreachable(error.__cause__, at, settings.model) from error
        kind = ProviderUnavailable if isinstance(error.__cause__, TransportError | TimeoutError) else BadResponse
        raise kind(
            f"the Ollama server at {at.url} does not list its models: {error}",
            remedy=f"is {at.variable} the address of an Ollama server?",
        ) from error
    return usable(one.name for one in installed)


async def ready(settings: ProviderSettings) -> Readiness:
    """Whether the server answers, and has the model."""
    try:
        endpoint = parse_endpoint(settings.base_url or "localhost")
        installed = await Probe(endpoint, settings.environment, limit_s=_READY_S).installed()
    except ConfigError as error:
        return Readiness(ready=False, text=str(error))
    except NoAnswer as error:
        why = str(error).removeprefix("/api/tags: ")
        return Readiness(ready=False, text=f"no Ollama at {endpoint.url} ({why}): py-mono doctor says what mends it")
    model = settings.model or DEFAULT_MODEL
    there = f"{len(installed) or 'no'} model{'' if len(installed) == 1 else 's'} at {endpoint.url}"
    if named(model, installed) is None:
        return Readiness(ready=False, text=f"{there}, and not {model}: ollama pull {model}")
    return Readiness(ready=True, text=f"{there}, {model} among them")
