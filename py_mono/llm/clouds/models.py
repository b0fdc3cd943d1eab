"""Model strings of LiteLLM (``groq/qwen/qwen3-32b``): whose model it is, which key opens it, and where it is asked."""

from collections.abc import Mapping

from msgspec import Struct, field

from py_mono.llm.http.endpoint import without_user
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

_COMMON = frozenset(
    (*_KEYS, "anthropic", "cerebras", "cohere", "deepseek", "groq", "mistral", "openai", "perplexity", "xai")
)
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
        key: What opens it; empty where LiteLLM looks for it itself.
        key_variable: The environment variable that holds it, or should.
        base_url: Where it is asked; empty is the provider's own address.
        secrets: What must never be shown.
    """

    name: str
    provider: str
    key: str = ""
    key_variable: str = ""
    base_url: str = ""
    secrets: tuple[str, ...] = field(default_factory=tuple)

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


def parse_model(name: str, environment: Mapping[str, str], *, ollama_url: str = "") -> Model:
    """Read a model string, and find its key and address in the environment.

    The address is ``PROVIDER_BASE_URL``, else ``PROVIDER_API_BASE``; that of Ollama comes from its own settings.

    Raises:
        ConfigError: There is none, it names no provider, or its key is missing.
    """
    whole = _whole_name(name.strip())
    provider = whole.partition("/")[0]
    prefix = provider.upper().replace("-", "_")
    if provider == "ollama_chat":
        return Model(whole, provider, base_url=ollama_url)
    url = environment.get(f"{prefix}_BASE_URL", "").strip() or environment.get(f"{prefix}_API_BASE", "").strip()
    if provider in OTHER_KEYS:
        return Model(whole, provider, base_url=url)
    variables = _KEYS.get(provider, (f"{prefix}_API_KEY",))
    key = next((value for variable in variables if (value := environment.get(variable, "").strip())), "")
    if not key and (provider in _WITHOUT_KEY or (provider == "openai" and url)):
        return Model(whole, provider, NO_KEY, variables[0], _address(provider, url))
    if not key:
        raise ConfigError(
            f"the model {whole} needs a key, and {' or '.join(variables)} is not set",
            remedy=f"set {variables[0]} in the environment, or in .env of the configuration folder (~/.config/py-mono)"
            + ("" if provider in _COMMON else f"; or is {provider!r} no cloud's name, as in groq/{whole}?"),
        )
    if not key.isascii() or not key.isprintable():
        raise ConfigError(
            f"{variables[0]} holds characters that no key has", remedy="copy the key again, without quotes or line ends"
        )
    return Model(whole, provider, key, variables[0], _address(provider, url), (key,))


def _whole_name(name: str) -> str:
    """The name with its provider; ``ollama/`` goes to the route that knows of tools."""
    if not name:
        raise ConfigError(
            "the provider litellm needs a model, and LITELLM_MODEL is not set",
            remedy="set it like LITELLM_MODEL=groq/qwen/qwen3-32b, or name one with --model",
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
