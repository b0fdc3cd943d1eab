"""Model strings of LiteLLM (``groq/qwen/qwen3-32b``): whose model it is, which key would open it, and where it is asked."""

from collections.abc import Mapping

from msgspec import Struct

from py_mono.llm.clouds.keys import STORED, EnvironmentKeys
from py_mono.llm.http.endpoint import without_user
from py_mono.llm.settings import Keys
from py_mono.protocol.errors import ConfigError

_KEYS = {
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "openrouter": ("OPENROUTER_API_KEY", "OR_API_KEY"),
    "together_ai": ("TOGETHERAI_API_KEY", "TOGETHER_API_KEY"),
    "fireworks_ai": ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY"),
    "huggingface": ("HF_TOKEN", "HUGGINGFACE_API_KEY"),
    "dashscope": ("DASHSCOPE_API_KEY",),
}
"""Where the variable is not ``PROVIDER_API_KEY``; the first is the one that an error names."""

ADDRESSES = {
    "anthropic": "https://api.anthropic.com",
    "cerebras": "https://api.cerebras.ai/v1",
    "cohere": "https://api.cohere.com",
    "deepseek": "https://api.deepseek.com",
    "fireworks_ai": "https://api.fireworks.ai/inference/v1",
    "gemini": "https://generativelanguage.googleapis.com/v1beta",
    "groq": "https://api.groq.com/openai/v1",
    "mistral": "https://api.mistral.ai/v1",
    "openai": "https://api.openai.com/v1",
    "openrouter": "https://openrouter.ai/api/v1",
    "perplexity": "https://api.perplexity.ai",
    "together_ai": "https://api.together.xyz/v1",
    "xai": "https://api.x.ai/v1",
}
"""The base URLs where LiteLLM asks, if nothing else is said."""

_COMMON = frozenset((*_KEYS, *ADDRESSES))
"""Who surely has keys; any other name may be a part of the model's."""

_WITHOUT_KEY = frozenset(("hosted_vllm", "lm_studio", "llamafile", "ollama_chat", "xinference"))
OTHER_KEYS = frozenset(("azure", "azure_ai", "bedrock", "sagemaker", "sagemaker_chat", "vertex_ai", "watsonx"))
"""Those that are opened by more than one key; LiteLLM reads what they need from the environment."""

_FAMILIES = {"gpt-": "openai", "chatgpt-": "openai", "o1": "openai", "o3": "openai", "o4": "openai"}
_FAMILIES |= {"claude-": "anthropic", "gemini-": "gemini"}

_LOCAL_DEFAULTS = {"hosted_vllm": "", "llamafile": "http://127.0.0.1:8080/v1", "lm_studio": "", "openai": ""}
"""Whose servers may be local, all of them with OpenAI's chat; and where LiteLLM asks them if nothing else is said."""

NO_KEY = "none"
"""Sent to servers that ask for no key: some clients refuse to send nothing."""


class Model(Struct, frozen=True):
    """A model and how it is reached.

    Attributes:
        name: As LiteLLM takes it, the provider in front.
        provider: LiteLLM's name for whose it is.
        key: What opens it; empty before it was looked for, and where LiteLLM looks for it itself.
        key_variables: The environment variables that may hold it; the first is the one that an error names.
        key_source: Where it was found, as ``FoundKey.origin`` says it.
        key_trouble: Why the stored keys could not be looked at, so that it was found elsewhere; else empty.
        needs_key: Whether it cannot be asked without one.
        base_url: Where it is asked; empty is the provider's own address.
        secrets: What must never be shown.
    """

    name: str
    provider: str
    key: str = ""
    key_variables: tuple[str, ...] = ()
    key_source: str = ""
    key_trouble: str = ""
    needs_key: bool = False
    base_url: str = ""
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Without the key: what is put into an error or a log by mistake."""
        return f"Model({self.name!r})"

    @property
    def key_variable(self) -> str:
        """The environment variable that should hold the key; empty where there is none such."""
        return self.key_variables[0] if self.key_variables else ""

    @property
    def key_named(self) -> str:
        """Which key was used, for a person."""
        if self.key_source == STORED:
            return f"the stored key for {self.provider}"
        return f"the key in {self.key_source or self.key_variable}"

    @property
    def key_remedy(self) -> str:
        """What sets another one."""
        stored = f"/key {self.provider} in a session, or py-mono key set {self.provider}"
        return stored if self.key_source == STORED else f"{stored}; or set {self.key_variable}"

    @property
    def place(self) -> str:
        """Where it is asked, as it may be shown: never with a password."""
        return without_user(self.base_url) or self.provider

    @property
    def caches_by_mark(self) -> bool:
        """Whether the prompt's parts to be cached have to be marked (Anthropic's models, wherever they run)."""
        return self.provider == "anthropic" or self.name.startswith("openrouter/anthropic/")

    @property
    def server_url(self) -> str:
        """The base URL of a server that speaks OpenAI's chat and may be local; empty where there is none."""
        return (self.base_url or _LOCAL_DEFAULTS[self.provider]) if self.provider in _LOCAL_DEFAULTS else ""


def with_keys() -> tuple[str, ...]:
    """The providers that surely have a key, sorted: those that people know by name."""
    return tuple(sorted(_COMMON))


def key_variables(provider: str) -> tuple[str, ...]:
    """The variables that may hold a provider's key, first the one that an error names; none where one key is not enough."""
    if provider in OTHER_KEYS or provider == "ollama_chat":
        return ()
    return _KEYS.get(provider, (f"{_prefix(provider)}_API_KEY",))


def _prefix(provider: str) -> str:
    """How the names of a provider's variables begin."""
    return provider.upper().replace("-", "_")


def parse_model(name: str, environment: Mapping[str, str], *, ollama_url: str = "", keys: Keys | None = None) -> Model:
    """Read a model string, and find its address in the environment; its key is looked for later (``keys.opened``).

    The address is ``PROVIDER_BASE_URL``, else ``PROVIDER_API_BASE``; that of Ollama comes from its own settings.

    Args:
        name: The model string.
        environment: Holds addresses, and keys too.
        ollama_url: Where Ollama is.
        keys: Where keys are found; None looks into ``environment`` alone.

    Raises:
        ConfigError: There is none, it names no provider, or there is no key for it anywhere.
    """
    whole = _whole_name(name.strip())
    provider = whole.partition("/")[0]
    prefix = _prefix(provider)
    if provider == "ollama_chat":
        return Model(whole, provider, base_url=ollama_url)
    url = environment.get(f"{prefix}_BASE_URL", "").strip() or environment.get(f"{prefix}_API_BASE", "").strip()
    if provider in OTHER_KEYS:
        return Model(whole, provider, base_url=url)
    model = Model(
        whole,
        provider,
        key_variables=key_variables(provider),
        needs_key=not (provider in _WITHOUT_KEY or (provider == "openai" and url)),
        base_url=_address(provider, url),
    )
    if model.needs_key and not (keys or EnvironmentKeys(environment)).may_have(provider, model.key_variables):
        raise no_key(model)
    return model


class MissingKey(ConfigError):
    """There is no key for ``provider``, wherever one is looked for."""

    def __init__(self, message: str, *, remedy: str, provider: str) -> None:
        super().__init__(message, remedy=remedy)
        self.provider = provider


def no_key(model: Model) -> MissingKey:
    """There is no key for it."""
    return MissingKey(
        f"the model {model.name} needs a key: none is stored, and {' or '.join(model.key_variables)} is not set",
        remedy=model.key_remedy
        + (
            "" if model.provider in _COMMON else f"; or is {model.provider!r} no cloud's name, as in groq/{model.name}?"
        ),
        provider=model.provider,
    )


def _whole_name(name: str) -> str:
    """The name with its provider; ``ollama/`` goes to the route that knows of tools."""
    if not name:
        raise ConfigError(
            "the provider litellm needs a model, and LITELLM_MODEL is not set",
            remedy="set it like LITELLM_MODEL=groq/qwen/qwen3-32b, or name one with --model; in a session: "
            "/provider litellm groq/qwen/qwen3-32b",
        )
    provider, slash, rest = name.partition("/")
    if slash and provider and rest:
        return f"ollama_chat/{rest}" if provider == "ollama" else name
    family = next((found for start, found in _FAMILIES.items() if name.startswith(start)), "")
    if slash or not family:
        raise ConfigError(
            f"the model {name!r} does not say whose it is",
            remedy="write PROVIDER/MODEL, like openai/gpt-4o or anthropic/claude-3-5-haiku-20241022",
        )
    return f"{family}/{name}"


def _address(provider: str, url: str) -> str:
    """The base URL as LiteLLM wants it for this provider, from what people write."""
    url = url.rstrip("/")
    if url and "://" not in url:
        raise ConfigError(
            f"{without_user(url)!r} is not the address of a server",
            remedy=f"write it like https://host/v1 ({provider.upper()}_BASE_URL)",
        )
    if provider == "anthropic":
        return url.removesuffix("/v1")
    if provider == "gemini" and url and not url.partition("://")[2].partition("/")[2]:
        return f"{url}/v1beta"
    return url
