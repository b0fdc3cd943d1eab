"""What ``/key`` and ``py-mono key`` have in common: whose key it is, which keys there are, and what is said of them."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Protocol

from py_mono.llm.clouds.models import OTHER_KEYS, key_variables, with_keys
from py_mono.llm.registry import names
from py_mono.llm.settings import FoundKey
from py_mono.protocol.errors import ConfigError
from py_mono.security.keys.places import KEYS_FILE

_STORED = "stored"
_CALLED = {"chatgpt": "openai", "claude": "anthropic", "google": "gemini", "gpt": "openai", "grok": "xai"}
_LONGEST_NAME = 24
_NEAR = 0.74  # three of four letters
_GUIDE = "docs/HOW-TO-SETUP-KEYS.md"


class StoredKeys(Protocol):
    """Where keys are kept and found: see ``security.keys.manager.KeyManager``."""

    def exists(self) -> bool:
        """Whether there is a file of stored keys."""

    def stored(self) -> tuple[str, ...]:
        """Whose keys are stored."""

    def look(self, provider: str, variables: Sequence[str]) -> FoundKey:
        """A key, and where it stands."""

    def check(self) -> None:
        """Nothing where one could be stored, as far as the master key goes."""

    def set(self, provider: str, key: str) -> None:
        """Store one."""

    def remove(self, provider: str) -> bool:
        """Forget one."""

    def rotate(self) -> int:
        """Seal them anew."""


def looks_like_a_name(word: str) -> bool:
    """Whether a word may be shown as a provider's name: what is too long or too odd for one may be a key."""
    return len(word) <= _LONGEST_NAME and word.isascii() and word.replace("_", "").isalpha()


def provider_named(word: str) -> str:
    """The provider that a person means.

    Raises:
        ConfigError: It is none that has a key. A word that may itself be a key is not repeated.
    """
    name = word.lower()
    if name in with_keys():
        return name
    if name in OTHER_KEYS:
        raise ConfigError(
            f"{name} is opened by more than one key, which LiteLLM reads from the environment",
            remedy=f"see https://docs.litellm.ai/docs/providers/{name.partition('_')[0]} for their names",
        )
    if name == "litellm":
        raise ConfigError("litellm is the way to all clouds; name the cloud whose key it is", remedy="such as groq")
    if name in names() or name == "ollama_chat":
        raise ConfigError(f"{name} takes no key", remedy="a model on a server of its own needs none")
    if not looks_like_a_name(word) and not key_like_a_name(name):
        raise ConfigError(
            "that is not the name of a provider; it is not repeated here, for it may be a key",
            remedy="name whose key it is, and then the key: groq, openai, anthropic, gemini, openrouter, …",
        )
    near = _CALLED.get(name) or next(iter(get_close_matches(name, with_keys(), 1, _NEAR)), "")
    if near:
        raise ConfigError(f"there is no provider {name}; is it {near}?", remedy=f"write {near}")
    return name


def key_like_a_name(name: str) -> bool:
    """Whether a name with digits is short enough to be no key (``ai21``)."""
    return len(name) <= len("fireworks_ai") and name.replace("_", "").isalnum() and name[:1].isalpha()


def listing(keys: StoredKeys, environment: Mapping[str, str]) -> tuple[str, ConfigError | None]:
    """Whose keys there are, where each comes from and which is used, never a character of one; and why that is not all."""
    stored: tuple[str, ...] = ()
    trouble = None
    try:
        stored = keys.stored()
    except ConfigError as error:
        trouble = error
    rows = [(name, text) for name in sorted({*with_keys(), *stored}) if (text := _places(keys, name, environment))]
    width = max((len(name) for name, _ in rows), default=0)
    lines = [f"{name:{width}}  {text}" for name, text in rows]
    if not lines and trouble is None:
        lines = ["There is no key: none is stored, and none is in the environment.", f"How to set one: {_GUIDE}"]
    return "\n".join(lines), trouble


def _places(keys: StoredKeys, name: str, environment: Mapping[str, str]) -> str:
    variables = key_variables(name)
    try:
        used = keys.look(name, variables).origin
    except ConfigError as error:
        return "" if keys.exists() else str(error)  # what is wrong with the stored ones is said once for all
    if not used:
        return ""
    shadowed = [variable for variable in variables if environment.get(variable, "").strip() and variable != used]
    text = _place(used)
    return f"{text}; not used: {', '.join(map(_place, shadowed))}" if shadowed else text


def _place(origin: str) -> str:
    if origin == _STORED:
        return f"stored in {KEYS_FILE}"
    return f"secret file {origin}" if "/" in origin else f"environment variable {origin}"


def stored_text(provider: str, environment: Mapping[str, str]) -> str:
    """What is said once a key is stored."""
    lines = [f"The key for {provider} is stored in {KEYS_FILE}, encrypted."]
    shadowed = [variable for variable in key_variables(provider) if environment.get(variable, "").strip()]
    if shadowed:
        lines.append(f"It is used in place of the one in {shadowed[0]}.")
    if provider not in with_keys():
        lines.append(f"It is for models called {provider}/…, if LiteLLM knows that provider.")
    return " ".join(lines)


def removed_text(keys: StoredKeys, provider: str, *, removed: bool) -> str:
    """What is said once a key was to be removed."""
    used = keys.look(provider, key_variables(provider)).origin
    if removed:
        return f"The stored key for {provider} is removed." + (f" The one in {used} is used now." if used else "")
    if used:
        return f"No key for {provider} is stored: the one that is used comes from {used}; take it out there."
    return f"No key for {provider} is stored."


def rotated_text(count: int) -> str:
    """What is said once the keys are sealed anew."""
    if not count:
        return "No key is stored, so there is nothing to encrypt anew."
    keys = "The stored key is" if count == 1 else f"All {count} stored keys are"
    return f"{keys} encrypted anew, with LLM_MASTER_KEY as it is now. LLM_MASTER_KEY_OLD is no longer needed."
