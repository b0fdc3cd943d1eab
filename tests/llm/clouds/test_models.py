"""Model strings: whose model, which key, which address."""

import pytest

from py_mono.llm.clouds.models import Model, parse_model
from py_mono.protocol.errors import ConfigError

KEYS = {
    "OPENAI_API_KEY": "sk-o",
    "ANTHROPIC_API_KEY": "sk-a",
    "GROQ_API_KEY": "gsk",
    "GEMINI_API_KEY": "AI",
    "OPENROUTER_API_KEY": "sk-or",
}


def asked(name: str, *variables: str, needs_key: bool = True) -> Model:
    return Model(name, name.partition("/")[0], key_variables=variables, needs_key=needs_key)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("groq/qwen/qwen3-32b", asked("groq/qwen/qwen3-32b", "GROQ_API_KEY")),
        ("openai/gpt-4o", asked("openai/gpt-4o", "OPENAI_API_KEY")),
        ("gpt-4o", asked("openai/gpt-4o", "OPENAI_API_KEY")),
        ("claude-3-5-haiku-20241022", asked("anthropic/claude-3-5-haiku-20241022", "ANTHROPIC_API_KEY")),
        ("gemini/gemini-2.5-flash", asked("gemini/gemini-2.5-flash", "GEMINI_API_KEY", "GOOGLE_API_KEY")),
        ("openrouter/x/y:free", asked("openrouter/x/y:free", "OPENROUTER_API_KEY", "OR_API_KEY")),
        ("ollama/llama3:8b", Model("ollama_chat/llama3:8b", "ollama_chat", base_url="http://o")),
        ("ollama_chat/llama3", Model("ollama_chat/llama3", "ollama_chat", base_url="http://o")),
        ("hosted_vllm/q", asked("hosted_vllm/q", "HOSTED_VLLM_API_KEY", needs_key=False)),
        ("bedrock/x", Model("bedrock/x", "bedrock")),
    ],
)
def test_a_model_string_names_provider_and_key(name: str, model: Model) -> None:
    assert parse_model(name, KEYS, ollama_url="http://o") == model


@pytest.mark.parametrize(
    ("name", "environment", "url"),
    [
        ("openai/m", {"OPENAI_BASE_URL": "http://localhost:8000/v1/"}, "http://localhost:8000/v1"),
        ("openai/m", {"OPENAI_API_BASE": "http://old/v1", "OPENAI_API_KEY": "k"}, "http://old/v1"),
        ("openai/m", {"OPENAI_BASE_URL": "http://new/v1", "OPENAI_API_BASE": "http://old/v1"}, "http://new/v1"),
        ("anthropic/m", {"ANTHROPIC_BASE_URL": "http://a/v1", "ANTHROPIC_API_KEY": "k"}, "http://a"),
        ("gemini/m", {"GEMINI_BASE_URL": "http://g", "GOOGLE_API_KEY": "k"}, "http://g/v1beta"),
        ("gemini/m", {"GEMINI_BASE_URL": "http://g/v1", "GEMINI_API_KEY": "k"}, "http://g/v1"),
    ],
)
def test_the_address_comes_from_the_environment(name: str, environment: dict[str, str], url: str) -> None:
    assert parse_model(name, environment).base_url == url


@pytest.mark.parametrize(
    ("name", "environment", "words"),
    [
        ("", {}, "LITELLM_MODEL"),
        ("  ", {}, "LITELLM_MODEL"),
        ("qwen3-32b", {}, "whose"),
        ("/x", {}, "whose"),
        ("groq/", {}, "whose"),
        ("groq/qwen/qwen3-32b", {}, "GROQ_API_KEY"),
        ("groq/qwen/qwen3-32b", {"GROQ_API_KEY": "  "}, "GROQ_API_KEY"),
        ("openai/gpt-4o", {"ANTHROPIC_API_KEY": "zzz"}, "OPENAI_API_KEY"),
        ("gemini/m", {}, "GEMINI_API_KEY"),
        ("new-cloud/m", {}, "NEW_CLOUD_API_KEY"),
        ("openai/m", {"OPENAI_BASE_URL": "localhost:8000"}, "OPENAI_BASE_URL"),
    ],
)
def test_what_is_missing_is_named(name: str, environment: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_model(name, environment)
    assert words in f"{caught.value} {caught.value.remedy}"
    assert caught.value.remedy
    assert not any(value.strip() and value in str(caught.value) for name, value in environment.items() if "KEY" in name)


def test_a_model_without_its_cloud_is_not_taken_for_a_cloud_whose_key_is_missing() -> None:
    remedies = {}
    for name in ("qwen/qwen3-32b", "groq/qwen/qwen3-32b", "gemini/m"):
        with pytest.raises(ConfigError) as caught:
            parse_model(name, {})
        remedies[name] = "groq/qwen/qwen3-32b?" in caught.value.remedy
    assert remedies == {"qwen/qwen3-32b": True, "groq/qwen/qwen3-32b": False, "gemini/m": False}


def test_a_password_in_an_address_is_not_shown() -> None:
    model = parse_model("openai/m", {"OPENAI_BASE_URL": "https://me:pw@gpu.example/v1"})
    assert (model.base_url, model.place) == ("https://me:pw@gpu.example/v1", "https://…@gpu.example/v1")
    with pytest.raises(ConfigError, match=r"'…@gpu\.example'"):
        parse_model("openai/m", {"OPENAI_BASE_URL": "me:pw@gpu.example"})
