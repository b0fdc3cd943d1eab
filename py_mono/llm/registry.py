"""Name -> provider. A provider's module is imported when it is first chosen; a new one is one file and one row here."""

from collections.abc import Sequence

from py_mono.llm.settings import ProviderSettings
from py_mono.protocol.errors import ConfigError
from py_mono.protocol.ports import Provider
from py_mono.utils.lazy import load

TYPE_CHECKING = False  # spelled out: typing is not free
if TYPE_CHECKING:
    from typing import Any

    from py_mono.llm.readiness import Readiness

PROVIDERS = {
    "ollama": "py_mono.llm.ollama.provider",
    "litellm": "py_mono.llm.clouds.provider",
    "groq": "py_mono.llm.clouds.named",
    "openai": "py_mono.llm.clouds.named",
    "anthropic": "py_mono.llm.clouds.named",
    "gemini": "py_mono.llm.clouds.named",
    "openrouter": "py_mono.llm.clouds.named",
    "scripted": "py_mono.llm.scripted.provider",
    "replay": "py_mono.llm.replay",
}
"""The modules. Each has ``create(settings) -> Provider``, and may have ``preload(settings)``, which begins to load what
the first request needs, and what ``llm/readiness.py`` tells of."""

EXACT = ("replay",)
"""Whose replies are no model's text: they are taken as they are."""


def names() -> tuple[str, ...]:
    """The providers there are, in the order in which they are shown."""
    return tuple(PROVIDERS)


def create(settings: ProviderSettings) -> Provider:
    """The provider that ``settings`` name, ready to be asked; nothing is sent yet.

    Raises:
        ConfigError: There is no such provider, or its own settings are wrong.
    """
    provider: Provider = load(f"{module_of(settings.provider)}:create")(settings)
    if settings.provider in EXACT:
        return provider
    wrapped: Provider = load("py_mono.llm.printed.calls:TextCalls")(provider)
    return wrapped


def preload(settings: ProviderSettings) -> None:
    """Begin to load, in the background, what the first request will need; returns at once and raises nothing."""
    begin = _part(settings.provider, "preload")
    if begin is not None:
        begin(settings)


async def ready(settings: ProviderSettings) -> "Readiness":
    """Whether the provider could answer now; see ``llm/readiness.py``. Raises ConfigError where there is no such one."""
    ask = _part(settings.provider, "ready")
    readiness: Readiness = await ask(settings) if ask else load("py_mono.llm.readiness:Readiness")(ready=True, text="")
    return readiness


async def models(settings: ProviderSettings) -> Sequence[str]:
    """The models there are to choose from, as far as they can be known; see ``llm/readiness.py``.

    Raises:
        ConfigError: There is no such provider, or its settings are wrong.
        ProviderError: Its server cannot be asked.
    """
    ask = _part(settings.provider, "models")
    found: Sequence[str] = await ask(settings) if ask else ()
    return found


def split(text: str, otherwise: str = "") -> tuple[str, str]:
    """The provider and the model that ``NAME`` or ``NAME/MODEL`` means; an empty model leaves it to the provider.

    Args:
        text: What a person wrote.
        otherwise: The provider whose model the whole of it is, where it does not begin with a provider's name.

    Raises:
        ConfigError: It begins with no provider's name, and there is no other.
    """
    name, _, model = text.partition("/")
    if name in PROVIDERS and (model or not otherwise):
        return name, model
    if otherwise:
        return otherwise, text
    raise _unknown(name)


def module_of(name: str) -> str:
    """The module of a provider. Raises ConfigError where there is no such provider."""
    if name not in PROVIDERS:
        raise _unknown(name)
    return PROVIDERS[name]


def _unknown(name: str) -> ConfigError:
    near = load("difflib:get_close_matches")(name.lower(), PROVIDERS, 1)
    guess = f"did you mean {near[0]}? There" if near else "there"
    return ConfigError(
        f"there is no provider {name!r}: {guess} are {', '.join(PROVIDERS)}",
        remedy="choose one of them with /provider NAME, --provider NAME or LLM_PROVIDER; any other cloud is part of the "
        "model's name: --provider litellm --model mistral/mistral-large-latest",
    )


def _part(name: str, part: str) -> "Any":  # noqa: ANN401 - what a name leads to is known to the caller alone
    """A function that a provider's module may have; None where it has none."""
    try:
        return load(f"{module_of(name)}:{part}")
    except AttributeError:
        return None
