"""SessionManager: which provider a session is bound to, and how it comes to another one. ``docs/adr/006-registry-sessions-keys.md``."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from py_mono.protocol.errors import ConfigError, ProviderError
from py_mono.protocol.ports import Provider

_CLOSE_S = 5.0
"""Nobody waits for connections to close, and they do not try for ever."""

_LAST_S = 0.5
"""At the end of the program they are given so long."""

_FRESH_S = 20.0
"""A list of models that is older is asked for again."""


class Ready(Protocol):
    """Whether a provider could answer now: ``llm.readiness.Readiness``."""

    @property
    def ready(self) -> bool:
        """Whether."""

    @property
    def text(self) -> str:
        """Why, or why not."""


class Providers(Protocol):
    """What can be bound: the registry with everything that a provider is made from."""

    def names(self) -> Sequence[str]:
        """Those there are."""

    def create(self, name: str, model: str) -> Provider:
        """Make one; an empty model leaves it to the settings. Raises ConfigError where it cannot be had."""

    def clouds(self, name: str, model: str) -> frozenset[str]:
        """Whose keys open a provider bound to this model, and those that stand in for it."""

    def forgive(self) -> None:
        """Have those asked again at once who were left alone because they kept failing."""

    def preload(self, name: str, model: str) -> None:
        """Begin to load what its first request needs; returns at once."""

    def asked_freely(self, name: str) -> bool:
        """Whether its server is the operator's own, which may be asked before anybody says so."""

    async def ready(self, name: str, model: str) -> Ready:
        """Whether it could answer, with this model (empty: as ``create``)."""

    async def models(self, name: str) -> Sequence[str]:
        """What its server has. Raises ConfigError or ProviderError where that cannot be known."""


class SessionManager:
    """The binding of one session. A model is bound to the instance: another model is another instance.

    Attributes:
        active: Who answers.
        once: Who answers the next message alone; None where that is ``active``.
        providers: What can be bound.
    """

    def __init__(self, active: Provider, providers: Providers, bind: Callable[[Provider], None]) -> None:
        """``bind`` makes the agent ask another provider from its next turn on; raises RuntimeError while one runs."""
        self.active = active
        self.once: Provider | None = None
        self.providers = providers
        self._bind = bind
        self._closing = set[asyncio.Task[None]]()
        self._listed: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._listing: dict[str, asyncio.Task[None]] = {}

    def switch(self, name: str, model: str = "") -> Provider:
        """Bind the session to another provider, or to another model; sends nothing, and waits for nothing.

        The connections of the old one are closed in the background. What was to answer the next message alone is
        forgotten.

        Raises:
            ConfigError: It cannot be had; the old one stays.
            RuntimeError: A turn runs.
        """
        made = self.providers.create(name, model)
        self._bind(made)
        self.providers.forgive()  # whoever chooses by hand wants to see what comes of it
        old, self.active = self.active, made
        self.release(old)
        self.bind_once(None)
        self.providers.preload(name, model)
        return made

    def renew(self) -> None:
        """Make the active provider anew, with the keys as they are now; sends nothing, and waits for nothing.

        Raises:
            ConfigError: It cannot be had any longer; the old one stays.
            RuntimeError: A turn runs.
        """
        made = self.providers.create(self.active.name, self.active.model)
        self._bind(made)
        self.providers.forgive()
        old, self.active = self.active, made
        self.release(old)

    def bind_once(self, provider: Provider | None) -> None:
        """Have ``provider`` answer the next message alone; None takes that back."""
        old, self.once = self.once, provider
        if old is not None:
            self.release(old)

    def create_once(self, name: str, model: str = "") -> Provider:
        """A provider to answer one message alone: see ``bind_once``. Raises ConfigError where it cannot be had."""
        made = self.providers.create(name, model)
        self.providers.preload(name, model)
        return made

    def take_once(self) -> Provider | None:
        """Who answers the message that is sent now, if it is not ``active``; whoever takes it releases it."""
        once, self.once = self.once, None
        return once

    def release(self, provider: Provider) -> None:
        """Close connections in the background; that this fails or hangs is nobody's trouble."""
        closing = asyncio.ensure_future(provider.close())
        self._closing.add(closing)
        closing.add_done_callback(self._released)
        asyncio.get_running_loop().call_later(_CLOSE_S, closing.cancel)

    async def list_models(self, name: str) -> tuple[str, ...]:
        """What the provider's server has, asked for now.

        Raises:
            ConfigError: The provider cannot be had.
            ProviderError: Its server cannot be asked.
        """
        found = tuple(await self.providers.models(name))
        self._listed[name] = (time.monotonic(), found)
        return found

    def known_models(self, name: str) -> tuple[str, ...]:
        """What is known of that now; where it may be asked for freely and is not fresh, that is done in the background."""
        asked, found = self._listed.get(name, (None, ()))
        stale = asked is None or time.monotonic() - asked > _FRESH_S
        if stale and name not in self._listing and self.providers.asked_freely(name):
            listing = self._listing[name] = asyncio.ensure_future(self._list(name))
            listing.add_done_callback(lambda _: self._listing.pop(name, None))
        return found

    def last_listed(self, name: str) -> tuple[str, ...]:
        """What was known when somebody listed them last; asks nobody."""
        return self._listed.get(name, (0.0, ()))[1]

    async def listed(self, name: str, limit_s: float) -> None:
        """Have the models listed as ``known_models`` does, and wait for that, but no longer than so many seconds."""
        self.known_models(name)
        if (listing := self._listing.get(name)) is not None:
            await asyncio.wait({listing}, timeout=limit_s)

    async def close(self) -> None:
        """Close what is left but the active one, which is the agent's to close; waits half a second at most."""
        self.bind_once(None)
        for listing in list(self._listing.values()):
            listing.cancel()
        if self._closing:
            await asyncio.wait(self._closing, timeout=_LAST_S)
        for closing in list(self._closing):
            closing.cancel()

    async def _list(self, name: str) -> None:
        self._listed[name] = (time.monotonic(), self._listed.get(name, (0.0, ()))[1])  # not again at once if it fails
        with suppress(ConfigError, ProviderError):
            await self.list_models(name)

    def _released(self, closing: asyncio.Task[None]) -> None:
        self._closing.discard(closing)
        if not closing.cancelled():
            closing.exception()


def kind_of(provider: Provider) -> str:
    """The name of the class that speaks to the server, beneath whatever is wrapped round it."""
    while (inner := getattr(provider, "inner", None)) is not None:
        provider = inner
    return type(provider).__name__
