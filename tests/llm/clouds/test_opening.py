"""The key of a model: which one, where it is from, and that it is seen nowhere."""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from py_mono.llm.clouds.keys import EnvironmentKeys
from py_mono.llm.clouds.loader import LOADER
from py_mono.llm.clouds.models import NO_KEY, parse_model
from py_mono.llm.clouds.opening import opened
from py_mono.llm.clouds.provider import LiteLLMProvider, create
from py_mono.llm.settings import LiteLLMSettings, ProviderSettings
from py_mono.protocol.errors import AccessDenied, ConfigError, ProviderError, ProviderUnavailable
from py_mono.protocol.events import Notice
from tests.llm.clouds.serving import KEY, Looked, StoredKeys, play
from tests.servers.certificates import make_certificate
from tests.servers.fake_openai import FakeOpenAI, refuse, say
from tests.servers.tls import tls_url


@pytest.fixture(autouse=True, scope="module")
def litellm() -> None:
    """Loaded before: an import that goes on behind a test's end would meet the next one's filters of warnings."""
    LOADER.start("openai").result(120)


def settings(keys: StoredKeys | None, model: str = "openai/m", **environment: str) -> ProviderSettings:
    return ProviderSettings(provider="litellm", model=model, environment=environment, keys=keys)


@pytest.mark.parametrize(
    ("environment", "key", "source"),
    [
        ({"GEMINI_API_KEY": " first ", "GOOGLE_API_KEY": "second"}, "first", "GEMINI_API_KEY"),
        ({"GEMINI_API_KEY": " ", "GOOGLE_API_KEY": "second"}, "second", "GOOGLE_API_KEY"),
    ],
)
def test_the_first_variable_that_holds_one_wins(environment: dict[str, str], key: str, source: str) -> None:
    model = opened(parse_model("gemini/m", environment), EnvironmentKeys(environment), environment)
    assert (model.key, model.key_source, model.secrets) == (key, source, (key,))
    assert model.key_named == f"the key in {source}"


def test_a_stored_key_is_called_that() -> None:
    keys = StoredKeys({"groq": KEY})
    model = opened(parse_model("groq/m", {}, keys=keys), keys, {})
    assert (model.key, model.key_named) == (KEY, "the stored key for groq")
    assert model.key_remedy == "/key groq in a session, or py-mono key set groq"


def test_a_model_does_not_show_its_key() -> None:
    keys = StoredKeys({"groq": KEY})
    model = opened(parse_model("groq/m", {}, keys=keys), keys, {})
    assert KEY not in f"{model} {model!r} {[model]}"


def test_no_key_anywhere_is_said_when_the_provider_is_made() -> None:
    with pytest.raises(ConfigError, match="GROQ_API_KEY is not set") as caught:
        create(settings(StoredKeys(), "groq/m"))
    assert caught.value.remedy == "/key groq in a session, or py-mono key set groq; or set GROQ_API_KEY"


def test_making_a_provider_looks_for_no_key() -> None:
    keys = StoredKeys({"openai": KEY})
    create(settings(keys))
    assert keys.found_in == []


async def test_the_key_is_looked_for_beside_the_loop_and_anew_for_each_provider() -> None:
    keys = StoredKeys({"groq": KEY})
    with FakeOpenAI([say("hello")], repeat=True) as server:
        for key in (KEY, "gsk-another-one-0123456789"):
            keys.stored["groq"] = key
            provider = LiteLLMProvider(settings(keys, "groq/m", GROQ_BASE_URL=server.url))
            await play(provider)
            await provider.close()
        sent = [request.headers["authorization"] for request in server.chats]
    assert sent == [f"Bearer {KEY}", "Bearer gsk-another-one-0123456789"]
    assert threading.main_thread().name not in keys.found_in


async def test_a_stored_key_that_is_not_accepted_is_called_so_and_not_shown() -> None:
    keys = StoredKeys({"groq": KEY})
    with FakeOpenAI([refuse(401, f"Invalid API Key {KEY}", code="invalid_api_key")]) as server:
        provider = LiteLLMProvider(settings(keys, "groq/m", GROQ_BASE_URL=server.url))
        with pytest.raises(AccessDenied, match="groq does not accept the stored key for groq") as caught:
            await play(provider)
        await provider.close()
    assert caught.value.remedy == "set one that is valid: /key groq in a session, or py-mono key set groq"
    assert KEY not in str(caught.value)


async def test_a_server_that_wants_a_key_and_was_given_none_is_said_to() -> None:
    with FakeOpenAI([refuse(401, "Unauthorized")]) as server:
        provider = LiteLLMProvider(settings(None, "openai/m", OPENAI_BASE_URL=server.url))
        with pytest.raises(AccessDenied, match="asks for a key, and there is none") as caught:
            await play(provider)
        await provider.close()
    assert caught.value.remedy == "/key openai in a session, or py-mono key set openai; or set OPENAI_API_KEY"


async def test_keys_that_cannot_be_opened_fail_the_request_and_not_the_start() -> None:
    provider = LiteLLMProvider(settings(StoredKeys(closed=True), "groq/m"))
    with pytest.raises(AccessDenied, match="cannot be opened") as caught:
        await provider.prepare()
    assert caught.value.remedy == "set LLM_MASTER_KEY"


async def test_a_key_that_is_gone_when_it_is_wanted_is_said() -> None:
    keys = StoredKeys({"groq": KEY})
    provider = LiteLLMProvider(settings(keys, "groq/m"))
    keys.stored.clear()
    with pytest.raises(AccessDenied, match="needs a key") as caught:
        await provider.prepare()
    assert "/key groq" in caught.value.remedy


def test_a_server_that_needs_no_key_is_not_closed_by_keys_that_cannot_be_opened() -> None:
    keys, environment = StoredKeys(closed=True), {"OPENAI_BASE_URL": "http://localhost:8000/v1"}
    assert opened(parse_model("openai/m", environment, keys=keys), keys, environment).key == NO_KEY
    assert opened(parse_model("lm_studio/m", {}, keys=keys), keys, {}).key == NO_KEY
    keys = StoredKeys({"lm_studio": KEY})
    assert opened(parse_model("lm_studio/m", {}, keys=keys), keys, {}).key == KEY


@pytest.mark.parametrize("key", ["a\nb-0123456789", "schlüssel-0123456789"])
def test_what_cannot_be_a_key_is_not_sent_and_not_shown(key: str) -> None:
    for keys, place in (
        (StoredKeys({"groq": key}), "the stored key"),
        (EnvironmentKeys({"GROQ_API_KEY": key}), "GROQ_API_KEY"),
    ):
        with pytest.raises(ConfigError, match="characters that no key has") as caught:
            opened(parse_model("groq/m", {}, keys=keys), keys, {})
        assert place in str(caught.value)
        assert key not in f"{caught.value} {caught.value.remedy}"


def test_secrets_of_those_with_more_than_one_key_are_known(tmp_path: Path) -> None:
    line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ"
    file = tmp_path / "account.json"
    file.write_text(json.dumps({"type": "service_account", "private_key": f"-----BEGIN-----\n{line}\n-----END-----\n"}))
    environment = {
        "AWS_ACCESS_KEY_ID": "AKIA0000", "AWS_SECRET_ACCESS_KEY": "aws-secret", "AWS_SESSION_TOKEN": "aws-token",
        "AZURE_API_KEY": "azure", "AZURE_AD_TOKEN": "ad", "WATSONX_APIKEY": "watson",
        "GOOGLE_APPLICATION_CREDENTIALS": str(file),
    }  # fmt: skip
    for name in ("azure/m", "bedrock/m", "vertex_ai/m", "watsonx/m"):
        model = opened(parse_model(name, environment), EnvironmentKeys(environment), environment)
        assert {"aws-secret", "aws-token", "azure", "ad", "watson", line} <= set(model.secrets)
        assert "AKIA0000" not in model.secrets
        assert str(file) not in model.secrets


@pytest.mark.parametrize("written", [b"", b"\xff\xfe", b"[1, 2]", b'{"private_key": 7}', b"[" * 100_000])
def test_a_key_file_that_is_none_is_left_to_litellm(tmp_path: Path, written: bytes) -> None:
    file = tmp_path / "account.json"
    file.write_bytes(written)
    for path in (str(file), str(tmp_path), str(tmp_path / "none"), "\0"):
        environment = {"GOOGLE_APPLICATION_CREDENTIALS": path}
        assert opened(parse_model("vertex_ai/m", {}), EnvironmentKeys({}), environment).secrets == ()


async def test_a_file_of_certificates_that_is_none_fails_the_request(tmp_path: Path) -> None:
    for name, content in (("none", None), ("text", "no certificate")):
        if content:
            (tmp_path / name).write_text(content)
        given = {"GROQ_API_KEY": KEY, "SSL_CERT_FILE": str(tmp_path / name)}
        provider = LiteLLMProvider(ProviderSettings(provider="litellm", model="groq/m", environment=given))
        with pytest.raises(ProviderError, match="no certificates can be read") as caught:
            await provider.prepare()
        assert caught.value.remedy == "set it to a file of certificates (PEM), or unset it"


@pytest.mark.parametrize(
    ("made", "trust", "words"),
    [
        ({}, False, "set SSL_CERT_FILE to a file (PEM)"),
        ({"days": -1}, True, "renew the certificate"),
        ({"name": "gpu.example"}, True, "set GROQ_BASE_URL to the name that the certificate is for"),
    ],
    ids=["untrusted", "expired", "other name"],
)
async def test_a_certificate_that_is_not_trusted_says_what_mends_it(
    tmp_path: Path, made: dict[str, Any], *, trust: bool, words: str
) -> None:
    certificate = make_certificate(tmp_path / "both.pem", **made)
    trusting = {"SSL_CERT_FILE": str(certificate)} if trust else {}
    async with tls_url(certificate) as url:
        given = {"GROQ_API_KEY": KEY, "GROQ_BASE_URL": url, **trusting}
        asked = ProviderSettings(
            provider="litellm", model="groq/m", environment=given, litellm=LiteLLMSettings(attempts=1)
        )
        provider = LiteLLMProvider(asked)
        with pytest.raises(ProviderUnavailable, match="cannot be reached") as caught:
            await play(provider)
        await provider.close()
    assert caught.value.remedy.startswith(words)


async def test_stored_keys_that_cannot_be_opened_are_told_of_once_where_another_key_helps_out() -> None:
    class Troubled(StoredKeys):
        def look(self, provider: str, variables: Sequence[str]) -> Looked:
            del provider, variables
            return Looked(KEY, "OPENAI_API_KEY", ConfigError("the stored keys cannot be opened"))

    with FakeOpenAI([say("one"), say("two")]) as server:
        provider = LiteLLMProvider(settings(Troubled({"openai": KEY}), OPENAI_BASE_URL=server.url))
        told = [[chunk.text for chunk in await play(provider) if isinstance(chunk, Notice)] for _ in range(2)]
        await provider.close()
    assert told == [["the stored keys cannot be opened; the key from OPENAI_API_KEY is used"], []]
