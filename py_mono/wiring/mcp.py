"""The MCP servers of a session: which there are, which the person agreed to, and what starts them."""

import os
from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING

from py_mono.protocol.errors import SandboxError
from py_mono.ui.mcp import Mcp, Trust
from py_mono.utils.lazy import load
from py_mono.utils.version import VERSION
from py_mono.wiring.choices import OWN_SERVERS, PROJECT_SERVERS

if TYPE_CHECKING:
    from py_mono.config import Settings
    from py_mono.mcp_integration.entries import Lookup
    from py_mono.mcp_integration.hub import McpServers
    from py_mono.mcp_integration.server import Origin, Server
    from py_mono.mcp_integration.servers import Configured
    from py_mono.security.redact import Redactor

_MASTER = "LLM_MASTER_KEY"


def configured(settings: "Settings", trust: Trust) -> "Configured":
    """What the command line, the environment, the workspace and the configuration say.

    Raises:
        ConfigError: What the command line names cannot be read.
    """
    source = load("py_mono.mcp_integration.servers:Source")
    sources = [source(settings.mcp_config, "flag")] if settings.mcp_config else []
    if settings.workspace:
        sources.append(source(os.path.join(settings.workspace, PROJECT_SERVERS), "project"))
    sources.append(source(os.path.join(settings.folders.config, OWN_SERVERS), "user"))
    found: Configured = load("py_mono.mcp_integration.servers:read_servers")(
        sources,
        partial(_lookup, settings),
        trusted=trust,
        datetime_url=settings.environment.get("DATETIME_MCP_URL", ""),
    )
    return found


def make_mcp(settings: "Settings", redact: "Redactor", notice: Callable[[str], None], *, at_terminal: bool) -> Mcp:
    """The servers of a session. ``at_terminal``: a person can log in to one with a browser.

    Raises:
        ConfigError: What the command line names cannot be read.
    """
    trust = Trust(settings.folders.state, settings.workspace)
    found = configured(settings, trust)
    programs, program = load("py_mono.wiring.programs:make_programs")(settings)

    def started(server: "Server") -> tuple[list[str], dict[str, str]]:
        if not trust(server):  # what it starts with may be another since it was agreed to
            raise SandboxError("nobody agreed to what it would start now", remedy=f"see it: /mcp trust {server.name}")
        made: tuple[list[str], dict[str, str]] = program(server)
        return made

    hub: McpServers = load("py_mono.mcp_integration.hub:McpServers")(
        found.servers,
        workspace=settings.workspace,
        store=os.path.join(settings.folders.state, "mcp"),
        trusted=trust,
        program=started,
        notice=notice,
        redact=redact,
        version=VERSION,
        browser=at_terminal,
    )
    for problem in found.problems:
        notice(problem)
    made = Mcp(hub, found, trust, programs)
    if waiting := made.untrusted():
        names = ", ".join(server.name for server in waiting)
        how = "/mcp trust" if at_terminal else "py-mono mcp trust"
        notice(
            f"{PROJECT_SERVERS} of this workspace names MCP servers that nobody agreed to ({names}): {how} shows them"
        )
    return made


def _lookup(settings: "Settings", origin: "Origin") -> "Lookup":
    """What fills the variables of an entry. A repository's is given no key of a provider, and no master key."""
    keys = cache(partial(_key_variables, settings))

    def value(name: str) -> str | None:
        if origin == "project" and (name.startswith(_MASTER) or name in keys()):
            return None
        return settings.environment.get(name)

    return value


def _key_variables(settings: "Settings") -> frozenset[str]:
    """What may hold a key of a provider: of those that people know by name, and of any other that is named here."""
    models = (settings.model, settings.environment.get("LITELLM_MODEL", ""), *settings.fallback)
    named = {part.strip() for model in models for part in model.split("/")[:-1]}
    variables = load("py_mono.llm.clouds.models:key_variables")
    providers = named.union(load("py_mono.llm.clouds.models:with_keys")())
    others = (load(f"py_mono.llm.clouds.opening:{names}") for names in ("OTHER_SECRETS", "KEY_FILES"))
    return frozenset().union(*others, *(variables(provider) for provider in providers))
