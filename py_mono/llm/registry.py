"""Name -> provider. A provider's module is imported when it is first chosen."""

from py_mono.llm.settings import ProviderSettings
from py_mono.protocol.errors import ConfigError
from py_mono.protocol.ports import Provider
from py_mono.utils.lazy import load

_FACTORIES = {
    "litellm": "py_mono.llm.clouds.provider:create",
    "ollama": "py_mono.llm.ollama.provider:create",
    "replay": "py_mono.llm.replay:create",
    "scripted": "py_mono.llm.scripted.provider:create",
}

_EXACT = {"replay"}
"""Whose replies are no model's text: they are taken as they are."""

_PRELOADS = {"litellm": "py_mono.llm.clouds.provider:preload"}
"""What a provider's first request needs and takes long to load."""


def names() -> tuple[str, ...]:
    """The providers there are, sorted."""
    return tuple(sorted(_FACTORIES))


def create(settings: ProviderSettings) -> Provider:
    """The provider that ``settings`` name, ready to be asked; nothing is sent yet.

    Raises:
        ConfigError: There is no such provider, or its own settings are wrong.
    """
    target = _FACTORIES.get(settings.provider)
    if target is None:
        raise ConfigError(
            f"there is no provider {settings.provider!r}; there are {', '.join(names())}",
            remedy="choose one of them with --provider NAME or LLM_PROVIDER; a cloud is part of the model's name: "
            "--provider litellm --model groq/qwen/qwen3-32b",
        )
    provider: Provider = load(target)(settings)
    if settings.provider in _EXACT:
        return provider
    wrapped: Provider = load("py_mono.llm.printed.calls:TextCalls")(provider)
    return wrapped


def preload(settings: ProviderSettings) -> None:
    """Begin to load, in the background, what the first request will need; returns at once and raises nothing."""
    target = _PRELOADS.get(settings.provider)
    if target is not None:
        load(target)(settings)
