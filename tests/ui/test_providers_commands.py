"""``/providers``, ``/provider`` and ``/model``: what they say, and what they leave as it is."""

import asyncio

import pytest

from py_mono.ui.commands import choices, run_command
from py_mono.ui.providers_commands import awaited
from tests.ui.repl_program import FakeProviders, fake_app


async def test_the_list_says_who_is_active_and_who_is_ready() -> None:
    app, _ = fake_app()
    assert await run_command(app, "/providers") == (
        "Active provider: FakeProvider\n"
        "Active model: none\n"
        "Available providers: fake, other, locked\n"
        "\n"
        "* fake    ready      pretended none\n"
        "  other   ready      pretended\n"
        "  locked  not ready  pretended"
    )


async def test_one_that_does_not_say_whether_it_is_ready_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_: FakeProviders, __: str, ___: str) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("py_mono.ui.providers_commands._READY_S", 0.01)
    monkeypatch.setattr(FakeProviders, "ready", never)
    assert "  locked  not ready  no answer within 0.01 s" in await run_command(fake_app()[0], "/providers")


async def test_switching_and_what_is_said_of_it() -> None:
    app, _ = fake_app()
    said = await run_command(app, "/provider other quick:8b")
    assert said == "Switched provider to FakeProvider (other) using model 'quick:8b'."
    assert (app.provider.name, app.provider.model) == ("other", "quick:8b")
    assert await run_command(app, "/model slow:70b") == (
        "Switched provider to FakeProvider (other) using model 'slow:70b'."
    )
    assert await run_command(app, "/model") == "Active model: slow:70b\n  quick:8b\n  quiet:1b\n* slow:70b"
    assert await run_command(app, "/model quik:8b") == (
        "Switched provider to FakeProvider (other) using model 'quik:8b'.\n"
        "Its server does not list that model; is it quick:8b?"
    )
    await app.providers.close()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/provider locked", "there is no key for locked\n/key locked\nNothing was changed: none (fake) answers."),
        ("/provider other a b", "/provider takes a name"),
        ("/providers x", "/providers takes nothing"),
        ("/model a b", "/model takes the name of one model"),
        (
            "/model sk-abcdefghijklmnopqrstuvwxyz0123456789abcdefghijkl",
            "What stands there for a model looks like a key",
        ),
    ],
)
async def test_what_is_refused_changes_nothing(line: str, said: str) -> None:
    app, _ = fake_app()
    assert (await run_command(app, line)).startswith(said)
    assert app.provider.name == "fake"


@pytest.mark.parametrize("line", ["/provider other", "/model x"])
async def test_nothing_is_switched_while_a_turn_runs(line: str) -> None:
    app, agent = fake_app()
    agent.running = True
    assert await run_command(app, line) == f"A turn is running: press Esc first, then {line.split(maxsplit=1)[0]}."
    assert app.provider.name == "fake"


async def test_names_complete_and_models_once_they_are_listed() -> None:
    app, _ = fake_app()
    assert choices(app, "/provider") == [("fake", "active"), ("other", ""), ("locked", "")]
    assert choices(app, "/provider other") == []
    await awaited(app, "/provider other")
    assert choices(app, "/provider other") == [("quick:8b", ""), ("quiet:1b", ""), ("slow:70b", "")]
    assert choices(app, "/provider nobody") == []
    assert choices(app, "/model") == []
    await run_command(app, "/model")
    assert choices(app, "/model") == [("none", "active")]
    await app.providers.close()
