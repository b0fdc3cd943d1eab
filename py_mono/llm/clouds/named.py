"""Clouds with a name of their own: LiteLLM, with the cloud's name in front of the model, and a model to begin with."""

from collections.abc import Sequence

from msgspec.structs import replace

from py_mono.llm.clouds import provider
from py_mono.llm.readiness import Readiness
from py_mono.llm.settings import ProviderSettings

DEFAULT_MODELS = {
    "anthropic": "claude-haiku-4-5",
    "gemini": "gemini-flash-latest",
    "groq": "openai/gpt-oss-120b",
    "openai": "gpt-5-mini",
    "openrouter": "openai/gpt-oss-120b",
}
"""Each calls tools, is quick, and is not among its cloud's dearest."""


def create(settings: ProviderSettings) -> provider.LiteLLMProvider:
    """The provider for the cloud that ``settings`` name; its models may be written with the cloud's name or without.

    Raises:
        ConfigError: There is no key for it, or its address is none.
    """
    return provider.create(whole(settings))


def preload(settings: ProviderSettings) -> None:
    """See ``provider.preload``."""
    provider.preload(whole(settings))


async def models(settings: ProviderSettings) -> Sequence[str]:
    """See ``llm.readiness``."""
    return await provider.models(whole(settings))


async def ready(settings: ProviderSettings) -> Readiness:
    """See ``llm.readiness``."""
    return await provider.ready(whole(settings))


def whole(settings: ProviderSettings) -> ProviderSettings:
    """The settings with the model as LiteLLM takes it."""
    front = f"{settings.provider}/"
    model = settings.model.strip() or DEFAULT_MODELS[settings.provider]
    return replace(settings, model=model if model.startswith(front) else front + model)
