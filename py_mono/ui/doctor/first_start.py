"""What to say where a session begins and there is no model: three ways to get one, and what works without."""

import shlex
from collections.abc import Mapping

from py_mono.llm.http.endpoint import Endpoint, parse_endpoint
from py_mono.llm.ollama.address import address_variable
from py_mono.llm.ollama.probe import Installed, NoAnswer, Probe
from py_mono.llm.ollama.provider import DEFAULT_MODEL
from py_mono.llm.settings import ProviderSettings
from py_mono.ui.doctor.findings import LIMIT_S
from py_mono.ui.doctor.route import listening_command
from py_mono.utils.container import in_container

_SHOWN = 5


async def hint(provider: ProviderSettings) -> str:
    """Ask Ollama for the model, which costs nothing, and say what to do where it has none or does not answer; else nothing.

    Raises:
        ConfigError: The address of the server or a proxy is none.
    """
    if provider.provider != "ollama":
        return ""
    endpoint = parse_endpoint(provider.base_url or "localhost")
    model = provider.model or DEFAULT_MODEL
    probe = Probe(endpoint, provider.environment, limit_s=LIMIT_S)
    try:
        if await probe.described(model) is not None:
            return ""
        installed = await probe.installed()
    except NoAnswer as error:
        if error.tls or not error.refused:  # whatever else it says, or how late, the first request will tell
            return ""
        return unreachable(endpoint, str(error), container=in_container(), environment=provider.environment)
    return not_pulled(model, endpoint, installed, provider.environment)


def unreachable(endpoint: Endpoint, why: str, *, container: bool, environment: Mapping[str, str]) -> str:
    """Nothing listens there."""
    variable = address_variable(environment)
    start = listening_command(endpoint, variable, container=container)
    return _ways(
        f"No model can be reached: at {endpoint.url} there is no Ollama ({why.removeprefix('/api/show: ')}).",
        f"{start}\n     then{', on the host' if container else ''}: ollama pull {DEFAULT_MODEL}",
        variable,
    )


def not_pulled(model: str, endpoint: Endpoint, installed: list[Installed], environment: Mapping[str, str]) -> str:
    """The server answers, and has other models or none."""
    others = [shlex.quote(one.name) for one in installed]
    first = f"ollama pull {shlex.quote(model)}"
    if others:
        more = (
            f" (also there: {', '.join(others[1:_SHOWN])}{', …' if len(others) > _SHOWN else ''})" if others[1:] else ""
        )
        first += f"\n     or take one that is there: py-mono -m {others[0]}{more}"
    return _ways(f"Ollama at {endpoint.url} has no model {model}.", first, address_variable(environment))


def _ways(said: str, first: str, variable: str) -> str:
    return (
        f"{said}\nThree ways to get one:\n"
        f"  1. {first}\n"
        f"  2. one elsewhere in your network: export {variable}=http://ADDRESS:11434\n"
        "  3. a cloud: /key groq, then /provider groq\n"
        "     or: export GROQ_API_KEY=…, then py-mono --provider groq\n"
        "Without any, py-mono demo shows a whole task; py-mono doctor says what is wrong."
    )
