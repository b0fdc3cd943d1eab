"""The Ollama server: its version, the model, its window, whether it fits, where it runs, whether it can call tools."""

import asyncio
import os
import shlex
from collections.abc import Awaitable
from typing import Any, TypeVar

from msgspec import Struct

from py_mono.llm.http.endpoint import Endpoint
from py_mono.llm.ollama.address import address_variable
from py_mono.llm.ollama.probe import Described, Installed, NoAnswer, Probe, Running, named
from py_mono.llm.ollama.provider import DEFAULT_MODEL
from py_mono.ui.doctor.findings import LIMIT_S, Case, Finding, size
from py_mono.ui.doctor.route import address, route, start_command

NAMES = ("address", "route", "server", "model", "window", "memory", "processor", "tool calls")

_SMALL_WINDOW = 8_192
_MEMORY_SHARE = 0.9
_SHOWN = 8
_GPUS = ("/dev/nvidia0", "/dev/kfd")
_T = TypeVar("_T")


class Seen(Struct, frozen=True):
    """What the server said; a ``NoAnswer`` where it did not."""

    version: str | NoAnswer
    installed: list[Installed] | NoAnswer
    running: list[Running] | NoAnswer
    described: Described | NoAnswer | None


async def ollama(case: Case) -> list[Finding]:
    """All of ``NAMES``, in that order; what comes after the first thing that does not work is not checked."""
    first, endpoint = address(case)
    if endpoint is None:
        return [first, *_unknown(NAMES[1:], "there is no address to ask")]
    way = await route(case, endpoint)
    if way.verdict == "fault":
        return [first, way, *_unknown(NAMES[2:], "the server cannot be reached")]
    model = case.provider.model or DEFAULT_MODEL
    seen = await look(Probe(endpoint, case.provider.environment, limit_s=LIMIT_S), model)
    if isinstance(seen.version, NoAnswer) and isinstance(seen.installed, NoAnswer):
        return [first, way, _silent(case, endpoint, seen.version), *_unknown(NAMES[3:], "the server does not answer")]
    pulled = _model(model, seen)
    return [
        first,
        way,
        _server(seen),
        pulled,
        *(
            _unknown(NAMES[4:], "the model is not there")
            if pulled.verdict == "fault"
            else (
                window(case, model, seen),
                memory(case, model, seen, local=is_near(endpoint)),
                processor(model, seen, local=is_near(endpoint)),
                tool_calls(model, seen),
            )
        ),
    ]


async def look(probe: Probe, model: str) -> Seen:
    """Ask all at once."""
    version, installed, running, described = await asyncio.gather(
        _said(probe.version()), _said(probe.installed()), _said(probe.running()), _said(probe.described(model))
    )
    return Seen(version, installed, running, described)


async def _said(question: Awaitable[_T]) -> _T | NoAnswer:
    try:
        return await question
    except NoAnswer as error:
        return error


def _unknown(names: tuple[str, ...], why: str) -> list[Finding]:
    return [Finding(name, "not_checked", why) for name in names]


def is_near(endpoint: Endpoint) -> bool:
    """Whether the server shares this machine's memory: in a container on Linux the host's is what is seen."""
    return endpoint.host in {"localhost", "::1", "host.docker.internal"} or endpoint.host.startswith("127.")


def _silent(case: Case, endpoint: Endpoint, why: NoAnswer) -> Finding:
    """Something takes connections, and does not speak as Ollama does."""
    variable = address_variable(case.provider.environment)
    there = f"{endpoint.host}:{endpoint.port}"
    if why.tls == "untrusted":
        remedy = "export SSL_CERT_FILE=/a/file/with/the/certificate/that/signed/it.pem"
    elif why.tls == "no_tls":
        remedy = f"export {variable}={endpoint.url.replace('https://', 'http://', 1)}"
    elif why.tls:
        remedy = f"openssl s_client -connect {there} </dev/null | openssl x509 -noout -dates -ext subjectAltName"
    elif is_near(endpoint):
        unit = start_command()
        remedy = unit.replace(" start ", " restart ") if "systemctl" in unit else f"curl {endpoint.url}/api/version"
    else:
        remedy = f"export {variable}=http://localhost:11434"
    return Finding("server", "fault", str(why), remedy)


def _server(seen: Seen) -> Finding:
    if isinstance(seen.version, NoAnswer):
        return Finding("server", "warning", f"it lists models, but not its version: {seen.version}")
    return Finding("server", "ok", f"Ollama {seen.version}")


def _model(model: str, seen: Seen) -> Finding:
    """Whether it was pulled."""
    quoted = shlex.quote(model)
    if isinstance(seen.installed, NoAnswer):
        if isinstance(seen.described, Described):
            return Finding("model", "ok", f"{model} is pulled")
        return Finding("model", "fault", f"{model}: {seen.installed}", f"ollama show {quoted}")
    found: Installed | None = named(model, seen.installed)
    if found is not None and found.remote:
        return Finding("model", "warning", f"{model} runs at {found.remote}: what you say goes there", "")
    if found is not None or isinstance(seen.described, Described):
        weight = f", {size(found.size)}" if found is not None and found.size else ""
        return Finding("model", "ok", f"{model} is pulled{weight}")
    others = [one.name for one in seen.installed]
    there = ", ".join(others[:_SHOWN]) + (", …" if len(others) > _SHOWN else "") or "none"
    return Finding("model", "fault", f"{model} is not pulled; pulled are: {there}", f"ollama pull {quoted}")


def _asked(case: Case, described: Described | NoAnswer | None) -> int:
    cap = case.provider.ollama.window_cap
    return min(described.max_window or cap, cap) if isinstance(described, Described) else cap


def _loaded(model: str, seen: Seen) -> Any:  # noqa: ANN401 - Running or None
    return None if isinstance(seen.running, NoAnswer) else named(model, seen.running)


def window(case: Case, model: str, seen: Seen) -> Finding:
    """The tokens of context that requests ask for, and those that the server has the model loaded with."""
    asked = _asked(case, seen.described)
    detail = f"{asked:,} tokens are asked for"
    if isinstance(seen.described, NoAnswer) or seen.described is None:
        detail += "; what the model can take is not known"
    elif seen.described.max_window:
        detail += f", of {seen.described.max_window:,} that the model can take"
    loaded: Running | None = _loaded(model, seen)
    if loaded is None or not loaded.window:
        served = "; it is not loaded now" if loaded is None else "; the server does not say what it serves"
        if asked < _SMALL_WINDOW:
            return _small(case, seen, f"{detail}{served}")
        return Finding("window", "ok", detail + served)
    detail += f"; {loaded.window:,} are served"
    if loaded.window < asked:
        why = f"{detail}: another program had it loaded so, and the next request loads it anew"
        return Finding("window", "warning", why, f"ollama stop {shlex.quote(model)}")
    return _small(case, seen, detail) if asked < _SMALL_WINDOW else Finding("window", "ok", detail)


def _small(case: Case, seen: Seen, detail: str) -> Finding:
    why = f"{detail}: a working session takes {_SMALL_WINDOW:,} and more"
    if isinstance(seen.described, Described) and 0 < seen.described.max_window <= case.provider.ollama.window_cap:
        return Finding("window", "warning", why, f"ollama pull {DEFAULT_MODEL}")
    return Finding("window", "warning", why, "export OLLAMA_CONTEXT_LENGTH=32768")


def memory(case: Case, model: str, seen: Seen, *, local: bool, meminfo: str = "/proc/meminfo") -> Finding:
    """Whether model and window fit. The RAM is ours to see where the server is on this machine; of GPUs it tells when loaded."""
    loaded: Running | None = _loaded(model, seen)
    if loaded is not None and loaded.size:
        return Finding("memory", "ok", f"it is loaded, and takes {size(loaded.size)}")
    found: Installed | None = None if isinstance(seen.installed, NoAnswer) else named(model, seen.installed)
    if found is None or found.remote or not found.size:
        why = (
            f"it runs at {found.remote}" if found and found.remote else "the server does not say how large the model is"
        )
        return Finding("memory", "not_checked", why)
    need, detail = _need(_asked(case, seen.described), found.size, seen.described)
    total, free = _ram(meminfo) if local else (0, 0)
    if not total:
        return Finding("memory", "not_checked", f"{detail}; what the server's machine has is not known")
    detail += f"; this machine has {size(total)}, {size(free)} of it free"
    room = total * _MEMORY_SHARE
    if need <= room:
        return Finding("memory", "ok", detail)
    shorter = _need(_SMALL_WINDOW, found.size, seen.described)[0] <= room
    remedy = f"export OLLAMA_CONTEXT_LENGTH={_SMALL_WINDOW}" if shorter else f"ollama pull {DEFAULT_MODEL}"
    return Finding("memory", "warning", f"{detail}: unless a GPU takes it, it does not fit", remedy)


def _need(tokens: int, weight: int, described: Described | NoAnswer | None) -> tuple[int, str]:
    """What a model of so many bytes takes with a window of so many tokens, in bytes and in words."""
    of_window = described.cache_bytes * tokens if isinstance(described, Described) else 0
    known = f", {tokens:,} tokens of window up to {size(of_window)}" if of_window else ", and its window"
    return weight + of_window, f"about {size(weight + of_window)}: the model {size(weight)}{known}"


def _ram(path: str) -> tuple[int, int]:
    """Total and available memory in bytes, as ``proc_meminfo(5)`` has them; zeros where it does not."""
    values = {}
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            for line in file:
                name, _, rest = line.partition(":")
                number = rest.split()[:1]
                values[name] = int(number[0]) * 1024 if number and number[0].isdigit() else 0
    except OSError:
        return 0, 0
    return values.get("MemTotal", 0), values.get("MemAvailable", 0)


def processor(model: str, seen: Seen, *, local: bool, gpus: tuple[str, ...] = _GPUS) -> Finding:
    """What computes: GPU, CPU, or both."""
    loaded: Running | None = _loaded(model, seen)
    if loaded is None or not loaded.size:
        return Finding("processor", "not_checked", "the model is not loaded: CPU or GPU is known after the first reply")
    share = min(100, round(100 * loaded.on_gpu / loaded.size))
    if share == 100:  # noqa: PLR2004 - all of it
        return Finding("processor", "ok", "all of it is on the GPU")
    if share:
        why = f"{share} % of it is on the GPU, the rest on the CPU: replies are slow"
        return Finding("processor", "warning", why, f"export OLLAMA_CONTEXT_LENGTH={_SMALL_WINDOW}")
    if local and any(map(os.path.exists, gpus)):
        why = "all of it is on the CPU, though there is a GPU"
        return Finding("processor", "warning", why, "journalctl -u ollama | grep -i -e cuda -e rocm -e gpu")
    return Finding("processor", "ok", "all of it is on the CPU: replies take their time")


def tool_calls(model: str, seen: Seen) -> Finding:
    """Whether the model calls tools by itself."""
    if not isinstance(seen.described, Described) or not seen.described.capabilities:
        return Finding("tool calls", "not_checked", "the server does not say what the model can do")
    if "tools" in seen.described.capabilities:
        return Finding("tool calls", "ok", f"{model} calls tools")
    if "completion" not in seen.described.capabilities:
        return Finding("tool calls", "fault", f"{model} does not chat", f"ollama pull {DEFAULT_MODEL}")
    why = f"{model} has no tool calling of its own: its calls are read from its text, which works less well"
    return Finding("tool calls", "warning", why, f"ollama pull {DEFAULT_MODEL}")
