"""The table of providers: what it makes, what it says of a name that it does not know, and what a row may leave out."""

from pathlib import Path

import pytest

from py_mono.llm import registry
from py_mono.llm.clouds.named import DEFAULT_MODELS
from py_mono.llm.clouds.provider import LiteLLMProvider
from py_mono.llm.ollama.provider import OllamaProvider
from py_mono.llm.readiness import Readiness
from py_mono.llm.registry import create, names, split
from py_mono.llm.settings import ProviderSettings
from py_mono.protocol.errors import ConfigError
from py_mono.protocol.ports import Provider
from py_mono.utils.lazy import load

KEYS = {f"{name.upper()}_API_KEY": "k" * 20 for name in DEFAULT_MODELS}


def innermost(provider: Provider) -> Provider:
    while hasattr(provider, "inner"):
        provider = provider.inner
    return provider


def made(provider: str, model: str = "") -> Provider:
    return create(ProviderSettings(provider=provider, model=model, environment=KEYS))


def test_the_names_that_people_know_stand_first() -> None:
    assert names() == (
        "ollama", "litellm", "groq", "openai", "anthropic", "gemini", "openrouter", "scripted", "replay",
    )  # fmt: skip


@pytest.mark.parametrize("name", DEFAULT_MODELS)
def test_a_cloud_has_a_name_of_its_own_and_a_model_to_begin_with(name: str) -> None:
    provider = made(name)
    assert isinstance(innermost(provider), LiteLLMProvider)
    assert (provider.name, provider.model) == (name, f"{name}/{DEFAULT_MODELS[name]}")


@pytest.mark.parametrize("model", ["qwen/qwen3-32b", "groq/qwen/qwen3-32b", " qwen/qwen3-32b "])
def test_a_clouds_model_may_be_written_with_its_name_or_without(model: str) -> None:
    assert made("groq", model).model == "groq/qwen/qwen3-32b"


def test_a_model_of_another_maker_keeps_its_maker() -> None:
    assert made("groq", "openai/gpt-oss-20b").model == "groq/openai/gpt-oss-20b"


def test_the_default_models_are_chat_models_that_call_tools_and_are_not_on_their_way_out() -> None:
    """As LiteLLM's own table says; OpenRouter's models are none of it."""
    path = Path(load("importlib.util:find_spec")("litellm").origin).parent
    table = load("json:loads")((path / "model_prices_and_context_window_backup.json").read_text(encoding="utf-8"))
    for name, model in DEFAULT_MODELS.items():
        if name == "openrouter":
            continue
        known = table.get(f"{name}/{model}") or table[model]
        assert known["mode"] == "chat"
        assert known["supports_function_calling"]
        assert "deprecation_date" not in known


def test_a_cloud_without_its_key_is_not_made() -> None:
    with pytest.raises(ConfigError, match="GROQ_API_KEY"):
        create(ProviderSettings(provider="groq"))


@pytest.mark.parametrize(("said", "near"), [("grok", "groq"), ("Ollama", "ollama"), ("anthropc", "anthropic")])
def test_an_unknown_name_is_answered_with_one_that_is_near(said: str, near: str) -> None:
    with pytest.raises(ConfigError, match=rf"there is no provider '{said}': did you mean {near}\? There are"):
        made(said)


def test_a_name_that_is_near_to_nothing_gets_the_list() -> None:
    with pytest.raises(ConfigError) as failed:
        made("xyzzy")
    assert "did you mean" not in str(failed.value)
    assert ", ".join(names()) in str(failed.value)


@pytest.mark.parametrize(
    ("text", "otherwise", "means"),
    [
        ("groq", "", ("groq", "")),
        ("groq/qwen/qwen3-32b", "", ("groq", "qwen/qwen3-32b")),
        ("litellm/mistral/mistral-large", "", ("litellm", "mistral/mistral-large")),
        ("qwen3:8b", "ollama", ("ollama", "qwen3:8b")),
        ("someone/model:7b", "ollama", ("ollama", "someone/model:7b")),
        ("groq/qwen/qwen3-32b", "ollama", ("groq", "qwen/qwen3-32b")),
        ("groq", "ollama", ("ollama", "groq")),
    ],
)
def test_what_a_name_with_a_model_means(text: str, otherwise: str, means: tuple[str, str]) -> None:
    assert split(text, otherwise) == means


@pytest.mark.parametrize("text", ["", "mistral", "mistral/large", "/x"])
def test_a_name_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="there is no provider"):
        split(text)


async def test_a_row_may_leave_out_all_but_create(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.PROVIDERS, "bare", "py_mono.utils.lazy")
    settings = ProviderSettings(provider="bare")
    assert await registry.ready(settings) == Readiness(ready=True, text="")
    assert await registry.models(settings) == ()
    registry.preload(settings)


def test_ollama_is_made_as_ever() -> None:
    provider = made("ollama", "qwen3:8b")
    assert isinstance(innermost(provider), OllamaProvider)
    assert (provider.name, provider.model) == ("ollama", "qwen3:8b")
