"""What a provider is told when it is made; main's configuration fills it in. Times are in seconds."""

from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct, field

from py_mono.protocol.errors import ConfigError
from py_mono.protocol.messages import AssistantMessage

Think = Literal["auto", "on", "off"]
"""Whether a model is asked to think: *auto* leaves it to the model, *on* and *off* say so where it can think at all."""


class FoundKey(Protocol):
    """What a look for a key came to."""

    @property
    def key(self) -> str:
        """Empty where there is none."""

    @property
    def origin(self) -> str:
        """Where it stands: ``stored``, the name of a variable, or the path of a secret file; empty where there is none."""

    @property
    def trouble(self) -> ConfigError | None:
        """Why the stored keys could not be looked at, where another place helps out."""


class Keys(Protocol):
    """Where a provider finds its key: the stored one, then the environment, then a secret file; never asked for at the start."""

    def may_have(self, provider: str, variables: Sequence[str]) -> bool:
        """Whether there may be one: quick, opens nothing, and never wrongly no."""

    def look(self, provider: str, variables: Sequence[str]) -> FoundKey:
        """The key of a provider; ``variables`` may hold it. May take a tenth of a second: not for the event loop.

        Raises:
            ConfigError: There are stored keys that cannot be opened, and no other place has one.
        """


class OllamaSettings(Struct, frozen=True, kw_only=True):
    """How the Ollama provider behaves.

    Attributes:
        window_cap: The most tokens of context asked for, whatever the model could take: memory grows with it.
            32,768 holds a working session and fits a 7B model on an 8 GB card; the vendor's own default (4,096 on
            such cards) loses the front of any agent's prompt.
        keep_alive: How long the server keeps the model loaded after a request, in its notation (``30m``, ``-1``).
        think: See ``Think``.
        connect_s: Until the connection stands.
        show_s: For the whole answer to ``/api/show``; a server that is slower is used without it.
        load_s: Until the first byte of a reply while the model may still be loading (the first request).
        first_token_s: Until the first byte of a reply of a model that has answered before. Prompts are evaluated
            before it, and a long one on a CPU takes minutes.
        idle_s: Between two pieces of a reply.
        notice_s: A wait for the first byte that lasts longer is shown as ``ModelWaiting``.
        attempts: How often a request is sent at most when it fails in a way that may pass.
        backoff_s: The wait before the second attempt; doubled for each further one.
        max_line_bytes: The longest line a reply may have; a whole reply may be four times as long.
    """

    window_cap: int = 32_768
    keep_alive: str = "30m"
    think: Think = "auto"
    connect_s: float = 5.0
    show_s: float = 2.0
    load_s: float = 600.0
    first_token_s: float = 300.0
    idle_s: float = 120.0
    notice_s: float = 1.0
    attempts: int = 3
    backoff_s: float = 0.5
    max_line_bytes: int = 16 * 1024 * 1024


class LiteLLMSettings(Struct, frozen=True, kw_only=True):
    """How the LiteLLM provider behaves; the members mean what they mean in ``OllamaSettings``.

    Attributes:
        output_tokens: The longest reply to ask for where the provider demands a number and LiteLLM's table has none.
        connect_s: Longer than for a server on this machine: names are looked up, and keys exchanged.
        show_s: For all questions to a server on this machine or network about its window, unknown after that; 0 asks none.
        first_token_s: Models that think may send nothing for minutes.
        idle_s: See ``OllamaSettings``.
        notice_s: See ``OllamaSettings``.
        attempts: See ``OllamaSettings``.
        backoff_s: See ``OllamaSettings``.
    """

    output_tokens: int = 8_192
    connect_s: float = 15.0
    show_s: float = 2.0
    first_token_s: float = 300.0
    idle_s: float = 120.0
    notice_s: float = 1.0
    attempts: int = 3
    backoff_s: float = 1.0


class ProviderSettings(Struct, frozen=True, kw_only=True):
    """Everything a factory may need; each takes what it knows.

    Attributes:
        provider: A name of the registry.
        model: The model to bind to; empty leaves it to the provider.
        base_url: Of the server; empty is the provider's default.
        environment: ``HTTP_PROXY`` and the like are looked up here, keys and base URLs of clouds too.
        ollama: For the provider ``ollama``, and for LiteLLM's way to it.
        litellm: For the provider ``litellm``.
        keys: Where the keys of clouds are found; None looks into ``environment`` alone.
        script: Path of the script, for ``scripted``.
        replies: The recorded replies, oldest first, for ``replay``.
    """

    provider: str = "ollama"
    model: str = ""
    base_url: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    ollama: OllamaSettings = OllamaSettings()
    litellm: LiteLLMSettings = LiteLLMSettings()
    keys: Keys | None = None
    script: str = ""
    replies: tuple[AssistantMessage, ...] = ()

    def __repr__(self) -> str:
        """Without the environment, which holds keys."""
        return f"ProviderSettings({self.provider!r}, {self.model!r})"
