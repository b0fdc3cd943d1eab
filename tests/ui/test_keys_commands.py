"""What ``/key`` says, and what it does before it says so."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from py_mono.protocol.errors import ConfigError, SandboxError
from py_mono.security.keys.manager import KeyManager
from py_mono.security.redact import Redactor
from py_mono.ui.app import App
from py_mono.ui.commands import run_command
from py_mono.ui.keys import provider_named
from tests.ui.repl_program import FakeAgent, fake_app

KEY = "gsk_Zk3vQ9xW7hT2mB5nC8pL4rY6"
ODD = "correct-horse-7"
MASTER = "correct horse battery"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    monkeypatch.chdir(tmp_path)
    app, _ = fake_app()
    redact = Redactor()
    app.redact, app.learn = redact, redact.add
    app.environment = {"LLM_MASTER_KEY": MASTER, "OPENAI_API_KEY": "sk-x"}
    app.keys = KeyManager(
        str(tmp_path), str(tmp_path / "state"), app.environment, learned=redact.add, secrets_folder="/nowhere"
    )
    return app


def running(app: App) -> None:
    cast("FakeAgent", app.agent).running = True


async def test_keys_come_and_go(app: App) -> None:
    assert await run_command(app, "/key list") == "openai  environment variable OPENAI_API_KEY"
    assert await run_command(app, f"/key groq {KEY}") == "The key for groq is stored in .keys.enc, encrypted."
    assert await run_command(app, f"/key set openai {ODD}") == (
        "The key for openai is stored in .keys.enc, encrypted. It is used in place of the one in OPENAI_API_KEY."
    )
    assert await run_command(app, "/key\tlist") == (
        "groq    stored in .keys.enc\nopenai  stored in .keys.enc; not used: environment variable OPENAI_API_KEY"
    )
    assert (await run_command(app, "/key rotate")).startswith("All 2 stored keys are encrypted anew")
    assert await run_command(app, "/key remove openai") == (
        "The stored key for openai is removed. The one in OPENAI_API_KEY is used now."
    )
    assert await run_command(app, "/key remove openai") == (
        "No key for openai is stored: the one that is used comes from OPENAI_API_KEY; take it out there."
    )
    assert await run_command(app, "/key remove groq") == "The stored key for groq is removed."
    assert await run_command(app, "/key remove groq") == "No key for groq is stored."


@pytest.mark.parametrize("line", ["/key", "/key help"])
async def test_help_says_all_of_it(app: App, line: str) -> None:
    text = await run_command(app, line)
    for name in ("/key PROVIDER KEY", "/key list", "/key remove", "/key rotate", "HOW-TO-SETUP-KEYS.md"):
        assert name in text


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/key list all", "/key list takes nothing more; nothing was done."),
        ("/key remove", "/key remove takes the name of one provider: /key remove groq"),
        ("/key set", "/key takes the name of a provider, and the key: /key groq KEY"),
        (f"/key groq {ODD} more", "A key has no blanks in it; nothing was stored. Write /key groq KEY."),
        (f"/key {ODD}", "it is not repeated here, for it may be a key"),
        (f"/key grok {ODD}", "there is no provider grok; is it xai?"),
        (f"/key ollama {ODD}", "ollama takes no key"),
        (f"/key litellm {ODD}", "name the cloud whose key it is"),
        (f"/key vertex_ai {ODD}", "opened by more than one key"),
        (f'/key groq "{ODD}"', "between quotes"),
        ("/key groq gsk_ü", "a character that no key has"),
        ("/key groq", "there is no terminal at which the key for groq could be asked for"),
        (f"/keys groq {ODD}", "That line looks like /key, spelled otherwise."),
        ("/keys", "There is no /keys: /key help shows what there is."),
        (f" /key groq {ODD}", "That line looks like /key, spelled otherwise."),
    ],
)
async def test_what_is_wrong_is_said_without_the_key_and_nothing_stored(app: App, line: str, said: str) -> None:
    text = await run_command(app, line)
    assert said in text
    assert ODD not in text
    assert not app.keys.exists()
    if ODD in line:
        assert ODD not in app.redact(f"later: {ODD}")


async def test_no_key_is_asked_for_that_could_not_be_stored(app: App) -> None:
    async def ask(_: str) -> str:
        raise AssertionError

    app.ask_key = ask
    app.environment = {}
    app.keys = KeyManager("/nowhere", "/nowhere", {}, learned=app.learn, secrets_folder="/nowhere")
    assert "there is no master key" in await run_command(app, "/key groq")


async def test_a_cloud_that_only_litellm_knows_can_have_a_key(app: App) -> None:
    assert await run_command(app, f"/key deepinfra {ODD}") == (
        "The key for deepinfra is stored in .keys.enc, encrypted. "
        "It is for models called deepinfra/…, if LiteLLM knows that provider."
    )


async def test_the_first_key_is_made_while_no_tool_runs_and_others_beside_them(app: App) -> None:
    times: list[bool] = []

    @asynccontextmanager
    async def uncovered() -> AsyncGenerator[None, None]:
        times.append(app.keys.exists())
        yield
        times.append(app.keys.exists())

    app.uncovered = uncovered
    await run_command(app, f"/key groq {KEY}")
    assert times == [False, True]
    running(app)
    await run_command(app, f"/key openai {ODD}")
    assert times == [False, True]
    assert app.keys.stored() == ("groq", "openai")


async def test_the_first_key_is_refused_beside_a_turn_or_a_command(app: App) -> None:
    @asynccontextmanager
    async def refuses() -> AsyncGenerator[None, None]:
        raise SandboxError("background commands run", remedy="End them first.")
        yield

    app.uncovered = refuses
    assert await run_command(app, f"/key groq {KEY}") == "background commands run\nEnd them first."
    running(app)
    assert (await run_command(app, f"/key groq {KEY}")).endswith("press Esc first, then /key groq")
    assert not app.keys.exists()


async def test_a_wrong_master_key_is_said_and_the_environment_listed(app: App) -> None:
    await run_command(app, f"/key groq {KEY}")
    cast("dict[str, str]", app.environment)["LLM_MASTER_KEY"] = "another passphrase"
    assert "LLM_MASTER_KEY" in await run_command(app, f"/key groq {ODD}")
    text = await run_command(app, "/key list")
    assert text.startswith("openai  environment variable OPENAI_API_KEY\n")
    assert "LLM_MASTER_KEY" in text


@pytest.mark.parametrize("name", ["groq", "GROQ", "together_ai", "ai21", "deepinfra"])
def test_names_of_providers(name: str) -> None:
    assert provider_named(name) == name.lower()


@pytest.mark.parametrize(
    "name", [KEY, "sk-abc", "", "a b", "groq/", "x" * 30, "claude", "mistrl", "ollama", "scripted"]
)
def test_what_is_no_providers_name(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        provider_named(name)
    assert KEY not in f"{caught.value}{caught.value.remedy}"
