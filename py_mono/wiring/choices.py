"""From settings to the session, the provider and what must stay secret."""

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from py_mono.config import printable, window_cap
from py_mono.llm.settings import OllamaSettings, ProviderSettings
from py_mono.protocol.errors import ConfigError
from py_mono.protocol.events import MessageFinished
from py_mono.protocol.messages import AssistantMessage
from py_mono.security.credentials import secrets_in_files
from py_mono.security.keys.manager import KeyManager
from py_mono.security.known import secrets_in
from py_mono.security.redact import Redactor
from py_mono.session.store import Session, Sessions
from py_mono.utils.lazy import load
from py_mono.utils.stderr import GuardedText

if TYPE_CHECKING:
    from py_mono.config import Settings
    from py_mono.ui.arguments import Arguments
    from py_mono.ui.mcp import Mcp

PROJECT_SERVERS = ".mcp.json"
OWN_SERVERS = "mcp.json"
"""The files that name MCP servers: in the workspace, and in the configuration folder."""
_DEFAULTS = OllamaSettings()


def choose_session(arguments: "Arguments", settings: "Settings", store: Sessions) -> Session:
    """The session that the command line asks for. Raises SessionError where there is none such."""
    keep = not arguments.no_session
    if settings.provider == "replay":
        return store.new(printable(settings.workspace), keep=keep)
    if arguments.fork:
        return store.fork(arguments.fork)
    if arguments.resume:
        return store.resume(arguments.resume)
    if arguments.continue_ or arguments.resume is not None:
        return store.latest(printable(settings.workspace))
    return store.new(printable(settings.workspace), keep=keep)


def recorded_replies(arguments: "Arguments", settings: "Settings", store: Sessions) -> tuple[AssistantMessage, ...]:
    """What the recorded model said, for ``--provider replay -r ID``; nothing for any other provider."""
    if settings.provider != "replay":
        return ()
    if not arguments.resume:
        raise ConfigError("the provider replay plays a session, and none is named", remedy="name it with -r ID")
    facts = (envelope.event for envelope in store.read(arguments.resume))
    return tuple(fact.message for fact in facts if isinstance(fact, MessageFinished))


def provider_settings(
    settings: "Settings", replies: tuple[AssistantMessage, ...] = (), keys: KeyManager | None = None
) -> ProviderSettings:
    """What the registry makes the provider from; ``replies`` are for one that replays."""
    cap = window_cap(settings.environment) if settings.provider == "ollama" else None
    return ProviderSettings(
        provider=settings.provider,
        model=settings.model,
        base_url=settings.base_url,
        environment=settings.environment,
        ollama=OllamaSettings(
            window_cap=cap or _DEFAULTS.window_cap,
            keep_alive=settings.environment.get("OLLAMA_KEEP_ALIVE") or _DEFAULTS.keep_alive,
        ),
        keys=keys,
        script=settings.script,
        replies=replies,
    )


def servers_of(
    settings: "Settings", redact: Redactor, notice: Callable[[str], None], *, at_terminal: bool
) -> "Mcp | None":
    """See ``wiring.mcp.make_mcp``, which is loaded where a server may be named: two looks at the disk say so."""
    own = os.path.join(settings.folders.config, OWN_SERVERS)
    project = os.path.join(settings.workspace, PROJECT_SERVERS)
    named = settings.mcp_config or settings.environment.get("DATETIME_MCP_URL")
    if not (named or os.path.lexists(own) or os.path.lexists(project)):
        return None
    made: Mcp = load("py_mono.wiring.mcp:make_mcp")(settings, redact, notice, at_terminal=at_terminal)
    return made


def key_manager(settings: "Settings", redact: Redactor) -> KeyManager:
    """Where the keys of providers are; nothing is opened yet."""
    return KeyManager(settings.workspace, settings.folders.state, settings.environment, learned=redact.add)


def redactor(settings: "Settings") -> Redactor:
    """What keeps the environment's secrets out of everything that is kept or shown, on stderr too, whoever writes there."""
    redact = Redactor(secrets_in(settings.environment))
    for secret in secrets_in_files(settings.environment):
        redact.add(secret)
    if isinstance(sys.stderr, GuardedText):
        sys.stderr.redact = redact
    return redact


class Notices:
    """Sentences for the person that come before there is an agent to say them."""

    def __init__(self) -> None:
        self._say: Callable[[str], None] | None = None
        self._waiting: list[str] = []

    def __call__(self, text: str) -> None:
        """Say it, now or once there is an agent."""
        if self._say is None:
            self._waiting.append(text)
        else:
            self._say(text)

    def to(self, say: Callable[[str], None]) -> None:
        """From here on say things this way; first those that waited."""
        self._say = say
        for text in self._waiting:
            say(text)
