"""The registry with everything that this program makes a provider from: settings, keys, fallbacks."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from py_mono.config import Settings, model_named
from py_mono.llm import registry
from py_mono.llm.settings import ProviderSettings
from py_mono.protocol.errors import ConfigError
from py_mono.protocol.events import Envelope, ModelBound
from py_mono.protocol.messages import AssistantMessage
from py_mono.protocol.ports import Provider
from py_mono.security.keys.manager import KeyManager
from py_mono.utils.lazy import load
from py_mono.wiring.choices import provider_settings

if TYPE_CHECKING:
    from py_mono.llm.breaker import Breakers
    from py_mono.llm.readiness import Readiness

_OWN_SERVERS = ("ollama",)
_PLAYED = ("scripted", "replay")
"""Providers that play what somebody wrote down, from its beginning."""


class MadeProviders:
    """It is ``session.manager.Providers``."""

    def __init__(self, settings: Settings, keys: KeyManager | None, replies: tuple[AssistantMessage, ...] = ()) -> None:
        """``replies`` are for a provider that replays.

        Raises:
            ConfigError: A fallback is no provider's name.
        """
        self._settings = settings
        self._keys = keys
        self._replies = replies
        self._breakers: Breakers | None = None
        for spec in settings.fallback:
            try:
                registry.split(spec)
            except ConfigError as error:
                where = (
                    "LLM_FALLBACK" if "LLM_FALLBACK" in settings.environment else "chain of [fallback] in config.toml"
                )
                raise ConfigError(f"{where}: {error}", remedy=f"write NAME or NAME/MODEL; {error.remedy}") from error

    def names(self) -> Sequence[str]:
        """See ``Providers``."""
        return registry.names()

    def create(self, name: str, model: str) -> Provider:
        """See ``Providers``; with the fallbacks behind it, if there are any."""
        settings = self.settings_of(name, model)
        made = registry.create(settings)
        specs = [spec for spec in self._settings.fallback if not self._is(spec, made, settings.model)]
        if not specs or name in registry.EXACT:
            return made
        if self._breakers is None:
            self._breakers = load("py_mono.llm.breaker:Breakers")()
        chain: Provider = load("py_mono.llm.chain:chained")(
            made, [(spec, partial(self._fallback, spec)) for spec in specs], self._breakers
        )
        return chain

    def clouds(self, name: str, model: str) -> frozenset[str]:
        """See ``Providers``."""
        asked = [(name, model), *map(registry.split, self._settings.fallback)]
        return frozenset(model.partition("/")[0] if name == "litellm" else name for name, model in asked)

    def forgive(self) -> None:
        """See ``Providers``."""
        if self._breakers is not None:
            self._breakers.forget()

    def preload(self, name: str, model: str) -> None:
        """See ``Providers``."""
        registry.preload(self.settings_of(name, model))

    def asked_freely(self, name: str) -> bool:
        """See ``Providers``."""
        return name in _OWN_SERVERS

    async def ready(self, name: str, model: str) -> "Readiness":
        """See ``Providers``."""
        return await registry.ready(self.settings_of(name, model))

    async def models(self, name: str) -> Sequence[str]:
        """See ``Providers``."""
        return await registry.models(self.settings_of(name, ""))

    def settings_of(self, name: str, model: str = "") -> ProviderSettings:
        """What a provider is made from; an empty model is the configured one of that provider.

        Raises:
            ConfigError: There is no such provider, or a setting of it is wrong.
        """
        registry.module_of(name)
        return provider_settings(bound(self._settings, name, model), self._replies, self._keys)

    def _fallback(self, spec: str) -> Provider:
        return registry.create(self.settings_of(*registry.split(spec)))

    def _is(self, spec: str, made: Provider, asked: str) -> bool:
        """Whether a fallback is the provider itself, which was made for the model ``asked``."""
        name, model = registry.split(spec)
        model = model or bound(self._settings, name).model
        return name == made.name and model in {asked, made.model, made.model.removeprefix(f"{name}/")}


def bound(settings: Settings, name: str, model: str = "") -> Settings:
    """The settings as if this provider had been configured; an empty model is the configured one of that provider."""
    other = Settings()
    for slot in Settings.__slots__:
        setattr(other, slot, getattr(settings, slot))
    if not model and name != settings.provider:
        model = model_named(name, settings.environment)
    other.provider, other.model = name, model or (settings.model if name == settings.provider else "")
    return other


def first_provider(
    providers: MadeProviders,
    settings: Settings,
    past: Sequence[Envelope],
    *,
    said: bool,
    notice: Callable[[str], None],
) -> Provider:
    """Who answers when a session begins or goes on; ``notice`` gets what the person should know of that.

    A session that goes on does so with what it was bound to, unless flags ``said`` something else, or it cannot be had.

    Raises:
        ConfigError: The configured one cannot be had.
    """
    before = next(
        (fact.event for fact in reversed(past) if isinstance(fact.event, ModelBound) and not fact.event.once), None
    )
    if said or before is None or {before.provider, settings.provider} & {*_PLAYED}:
        return providers.create(settings.provider, settings.model)
    try:
        return providers.create(before.provider, before.model)
    except ConfigError as error:
        made = providers.create(settings.provider, settings.model)
        notice(f"{before.model} ({before.provider}), to which this session was bound, cannot be had: {error}")
        return made
