"""The way to the model's server: whose setting it is, whether its name is known, whether anything answers there."""

import asyncio
import os
import shutil
import socket
from collections.abc import Callable
from typing import Any

from py_mono.llm.http.endpoint import Endpoint, parse_endpoint, proxy_for, without_user
from py_mono.llm.ollama.address import VARIABLES, address_variable
from py_mono.protocol.errors import ConfigError
from py_mono.ui.doctor.findings import LIMIT_S, Case, Finding, in_thread

_GATEWAY = "host.docker.internal"
_UNITS = (
    "/etc/systemd/system/ollama.service",
    "/usr/lib/systemd/system/ollama.service",
    "/lib/systemd/system/ollama.service",
)
_INSTALL = "curl -fsSL https://ollama.com/install.sh | sh"
_SYSTEMD = "/run/systemd/system"

Which = Callable[[str], str | None]


def address(case: Case) -> tuple[Finding, Endpoint | None]:
    """Where Ollama is looked for, and which variable says so; None where that is no address."""
    environment = case.provider.environment
    said = {name: environment[name].strip() for name in VARIABLES if environment.get(name, "").strip()}
    origin = next(iter(said), "")
    source = f"{origin}{'' if origin in case.environ else ' of .env'}" if origin else "the default"
    if not origin and case.container:
        source = "the default in a container"
    try:
        endpoint = parse_endpoint(case.provider.base_url or "localhost")
    except ConfigError as error:
        command = f"export {address_variable(environment)}=http://localhost:11434"
        return Finding("address", "fault", f"{source}: {error}", command), None
    others = [f"{name}={without_user(value)}" for name, value in said.items() if _differs(value, endpoint)]
    detail = f"{endpoint.url} ({source})"
    if others:
        names = " ".join(name.partition("=")[0] for name in others)
        return Finding("address", "warning", f"{detail}; not used: {', '.join(others)}", f"unset {names}"), endpoint
    return Finding("address", "ok", detail), endpoint


def _differs(value: str, endpoint: Endpoint) -> bool:
    try:
        return parse_endpoint(value).url != endpoint.url
    except ConfigError:
        return True


def _is_this_machine(endpoint: Endpoint) -> bool:
    return endpoint.host in {"localhost", "::1"} or endpoint.host.startswith("127.")


async def route(
    case: Case, endpoint: Endpoint, *, ollama: bool = True, which: Which = shutil.which, limit_s: float = LIMIT_S
) -> Finding:
    """Whether the name is known and the port takes connections; nothing is sent there.

    Args:
        case: What is looked at.
        endpoint: Where to go.
        ollama: Whether Ollama should be there.
        which: Finds programs.
        limit_s: How long it may take, in seconds.
    """
    try:
        proxy = proxy_for(endpoint, case.provider.environment)
    except ConfigError as error:
        return Finding("route", "fault", str(error), f"export NO_PROXY={endpoint.host}")
    to = proxy or endpoint
    through = f" (the proxy {to.url})" if proxy else ""
    until = asyncio.get_running_loop().time() + limit_s
    where = f"{to.host}{through}"
    try:
        found = await in_thread(lambda: socket.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM), limit_s)
    except TimeoutError:
        why = f"the name server did not answer for {where} within {limit_s:g} s"
        return Finding("route", "fault", why, _unknown_name(case, to, ollama=ollama))
    except (OSError, UnicodeError) as error:
        why = f"the name {where} is not known: {getattr(error, 'strerror', None) or error}"
        return Finding("route", "fault", why, _unknown_name(case, to, ollama=ollama))
    failure = ""
    for family, _, _, _, to_address in found:
        failure = await _connect(family, to_address, until)
        if not failure:
            known = where if to_address[0] == to.host else f"{where} is {to_address[0]}"
            return Finding("route", "ok", f"{known}, port {to.port} takes connections")
    if proxy:
        return Finding("route", "fault", f"{where}: {failure}", f"export NO_PROXY={endpoint.host}")
    variable = address_variable(case.provider.environment)
    remedy = (
        listening_command(to, variable, container=case.container, which=which)
        if ollama
        else f"nc -vz {to.host} {to.port}"
    )
    if case.container and _is_this_machine(to):
        failure += " in this container, which is not the host"
    elif ollama and not _is_this_machine(to):
        failure += "; Ollama listens on its own machine's 127.0.0.1 alone unless it is started with OLLAMA_HOST=0.0.0.0"
    return Finding("route", "fault", f"{where}, port {to.port}: {failure}", remedy)


async def _connect(family: int, to: Any, until: float) -> str:  # noqa: ANN401 - an address of any family
    """Connect and close again; why that failed, or nothing."""
    try:
        own = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        return error.strerror or str(error)
    own.settimeout(0)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout_at(until):
            await loop.sock_connect(own, to)
    except TimeoutError:
        return "no connection in time"
    except ConnectionRefusedError:
        return "connection refused: nothing listens there"
    except OSError as error:
        return error.strerror or str(error)
    finally:
        own.close()
    return ""


def _unknown_name(case: Case, to: Endpoint, *, ollama: bool) -> str:
    if to.host == _GATEWAY:
        return f"docker run --add-host={_GATEWAY}:host-gateway …"
    if ollama:
        variable = address_variable(case.provider.environment)
        return f"export {variable}=http://{_GATEWAY if case.container else 'localhost'}:11434"
    return f"getent hosts {to.host}"


def listening_command(to: Endpoint, variable: str, *, container: bool, which: Which = shutil.which) -> str:
    """What makes Ollama answer: at ``to``, or where it probably is, named by ``variable``; ``container``: are we in one."""
    if to.host == _GATEWAY:
        return "OLLAMA_HOST=0.0.0.0 ollama serve"
    if not _is_this_machine(to):
        return f"export {variable}=http://localhost:11434"
    if container:
        return f"export {variable}=http://{_GATEWAY}:11434"
    return start_command(which)


def start_command(which: Which = shutil.which) -> str:
    """What starts Ollama on this machine, or installs it (which starts it, too)."""
    if which("ollama") is None:
        return _INSTALL
    if os.path.isdir(_SYSTEMD) and any(map(os.path.exists, _UNITS)):
        return "sudo systemctl start ollama"
    return "ollama serve"
