"""What a local server said of how it runs a model, and which servers are local. Nothing is asked here."""

from typing import Any

from msgspec import Struct

from py_mono.llm.window.truth import Advice, Shown
from py_mono.utils.lazy import load

_WINDOW_LIMIT = 1 << 30

_OURS = (".localhost", ".local", ".lan", ".internal", ".home.arpa")
"""Ends of names that no host of the internet has (RFC 6761, 6762, 8375; ``.internal`` is reserved by ICANN)."""

_AFRESH = "/clear starts afresh; or "
_LARGER = {
    "llama.cpp": "start llama-server with a larger --ctx-size, of which each of its --parallel slots has its part",
    "lm studio": "load the model with a larger context length in LM Studio",
    "ollama": "choose --provider ollama, which asks the server for the window it needs",
    "sglang": "start the server with a larger --context-length",
    "vllm": "start the server with a larger --max-model-len",
}
_COUNT_WHOLE = frozenset(("llama.cpp", "vllm"))
"""Whose ``prompt_tokens`` are all that reached the model, cached or not."""

_CHOOSE_BY_WORD = frozenset(("llama.cpp", "lm studio"))
"""Whose ``tool_choice`` is a word; llama.cpp takes a tool's name for ``auto``, without a word about it."""


class Served(Struct, frozen=True):
    """How a server said that it runs a model.

    Attributes:
        window: In tokens, of one conversation; 0 where it did not say.
        kind: What it is; empty where that is not known.
        refuses: Whether it is known to refuse what is too long.
    """

    window: int = 0
    kind: str = ""
    refuses: bool = False

    @property
    def may_tell_later(self) -> bool:
        """Whether it would tell once the model is loaded."""
        return bool(self.kind) and not self.window

    @property
    def chooses_by_name(self) -> bool:
        """Whether a reply can be held to one tool by its name."""
        return self.kind not in _CHOOSE_BY_WORD

    @property
    def shown(self) -> Shown:
        """The same for the judge of its counts."""
        refuses, whole = self.refuses or None, self.kind in _COUNT_WHOLE
        return Shown(self.window, binding=not refuses, refuses=refuses, whole=whole)

    @property
    def oversize_remedy(self) -> str:
        """What to do about a prompt that does not fit."""
        return _AFRESH + _LARGER.get(self.kind, "give the model a larger window where it is served")

    @property
    def advice(self) -> Advice:
        """What to do where part of a prompt was dropped."""
        return Advice(
            smaller=f"start py-mono again, which then keeps to the smaller window; or {self.oversize_remedy[len(_AFRESH) :]}",
            cut=self.oversize_remedy,
            origin="that it said before",
        )


def is_local(url: str) -> bool:
    """Whether ``url`` is of a server on this machine or a private network, and asked without TLS."""
    if not url.startswith("http://"):
        return False
    try:
        parts = load("urllib.parse:urlsplit")(url)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return False
    if not host:
        return False
    try:
        address = load("ipaddress:ip_address")(host)
    except ValueError:
        return host.endswith(_OURS) or ("." not in host and host[0].isalpha())  # a number is an address too
    return not bool((getattr(address, "ipv4_mapped", None) or address).is_global)


def window_in(value: Any) -> int:  # noqa: ANN401 - whatever JSON
    """A window in tokens, as a server's JSON has it; 0 for what is none."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 < value <= _WINDOW_LIMIT else 0
