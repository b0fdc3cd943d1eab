"""A model that LiteLLM reaches: its key, and the way to its server. Nothing is sent to a cloud, and LiteLLM is not loaded."""

import re
import shlex

import msgspec

from py_mono.llm.clouds.keys import STORED, EnvironmentKeys
from py_mono.llm.clouds.models import ADDRESSES, NO_KEY, OTHER_KEYS, MissingKey, Model, parse_model
from py_mono.llm.clouds.named import DEFAULT_MODELS, whole
from py_mono.llm.clouds.opening import opened
from py_mono.llm.http.endpoint import Endpoint, parse_endpoint
from py_mono.llm.window.local import LocalServer
from py_mono.llm.window.served import is_local
from py_mono.protocol.errors import ConfigError
from py_mono.ui.doctor.findings import LIMIT_S, Case, Finding, command_in, in_thread, said
from py_mono.ui.doctor.ollama import NAMES, ollama
from py_mono.ui.doctor.route import route

_OLLAMA = "ollama_chat"


async def cloud(case: Case) -> list[Finding]:
    """All of ``ollama.NAMES``, in that order."""
    asked = _model(case)
    if isinstance(asked, Finding):
        return _complete([asked], "no model can be asked")
    model = asked
    if model.provider == _OLLAMA:
        there = msgspec.structs.replace(case.provider, model=model.name.partition("/")[2])
        return await ollama(msgspec.structs.replace(case, provider=there))
    if model.provider in OTHER_KEYS:
        why = f"what opens {model.provider} is read by LiteLLM itself"
        return _complete([Finding("model", "not_checked", f"{model.name}: {why}")], why)
    keyed, model = await in_thread(lambda: _key(case, model))
    found = [keyed]
    try:
        endpoint = _endpoint(model)
    except ConfigError as error:
        variable = f"{model.provider.upper()}_BASE_URL"
        return _complete(
            [*found, Finding("address", "fault", f"{variable}: {error}", f"unset {variable}")], "no address"
        )
    if endpoint is None:
        return _complete(found, f"where {model.provider} is asked is known to LiteLLM alone")
    found.append(Finding("address", "ok", f"{endpoint.url} ({'set' if model.base_url else 'the default'})"))
    way = await route(case, endpoint, ollama=False)
    unasked = "" if way.verdict == "fault" else "; it was not asked anything"
    found.append(msgspec.structs.replace(way, detail=way.detail + unasked))
    if way.verdict != "fault" and is_local(model.server_url):
        found += await _local(case, model)
    return _complete(found, "a cloud is not asked, for that may cost money")


def _model(case: Case) -> Model | Finding:
    """Which model; what is wrong where there is none, or surely no key."""
    asked = whole(case.provider) if case.provider.provider in DEFAULT_MODELS else case.provider
    try:
        return parse_model(asked.model, asked.environment, ollama_url=asked.base_url, keys=asked.keys)
    except MissingKey as error:
        provider = asked.model.partition("/")[0]
        return Finding("model", "fault", str(error), f"py-mono key set {shlex.quote(provider)}")
    except ConfigError as error:
        wrong = re.search(r"\w+_BASE_URL", error.remedy)
        command = f"unset {wrong[0]}" if wrong else "export LITELLM_MODEL=groq/qwen/qwen3-32b"
        return Finding("model", "fault", said(error), command)


def _complete(found: list[Finding], why: str) -> list[Finding]:
    by_name = {finding.name: finding for finding in found}
    return [by_name.get(name) or Finding(name, "not_checked", why) for name in NAMES]


def _key(case: Case, model: Model) -> tuple[Finding, Model]:
    """Whether there is a key, and where; the model with it. Takes as long as ``Keys.look``."""
    keys = case.provider.keys or EnvironmentKeys(case.provider.environment)
    try:
        found = opened(model, keys, case.provider.environment)
    except ConfigError as error:
        command = command_in(error.remedy) or f"py-mono key set {shlex.quote(model.provider)}"
        return Finding("model", "fault", f"{model.name}: {said(error)}", command), model
    if found.key == NO_KEY:
        return Finding("model", "ok", f"{model.name}: it needs no key"), found
    where = "its key is stored" if found.key_source == STORED else f"{found.key_source} is set"
    return Finding("model", "ok", f"{model.name}: {where}"), found


def _endpoint(model: Model) -> Endpoint | None:
    """Where it is asked; None where that is not known. Raises ConfigError."""
    url = model.base_url or model.server_url or ADDRESSES.get(model.provider)
    return parse_endpoint(url) if url else None


async def _local(case: Case, model: Model) -> list[Finding]:
    """What a server of this network says of how it runs the model."""
    name = model.name.partition("/")[2]
    key = "" if model.key == NO_KEY else model.key
    server = LocalServer(model.server_url, name, case.provider.environment, key=key, limit_s=LIMIT_S)
    served = await server.served()
    if not served.kind and not served.window:
        return [Finding(name, "not_checked", "the server does not say") for name in ("server", "window")]
    window = Finding("window", "not_checked", "the server tells once the model is loaded")
    if served.window:
        window = Finding("window", "ok", f"{served.window:,} tokens are served")
    return [Finding("server", "ok", served.kind or "speaks OpenAI's chat"), window]
