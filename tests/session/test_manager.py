"""The session manager: one provider out, another in, and nobody waits for connections."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest

from py_mono.llm.readiness import Readiness
from py_mono.protocol.errors import ConfigError, ProviderUnavailable
from py_mono.protocol.messages import AssistantMessage
from py_mono.protocol.ports import ModelChunk, ModelRequest, Provider
from py_mono.session.manager import SessionManager, kind_of


class Voice:
    """A provider that counts how often it was closed; ``hangs`` and ``fails`` say how that goes."""

    window = 0

    def __init__(self, name: str, model: str = "", *, inner: Provider | None = None) -> None:
        self.name = name
        self.model = model
        self.closed = 0
        if inner is not None:
            self.inner = inner

    async def prepare(self) -> None:
        pass

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        yield AssistantMessage(str(request))

    async def close(self) -> None:
        self.closed += 1
        if self.name == "hangs":
            await asyncio.Event().wait()
        if self.name == "fails":
            raise OSError("the connection is broken")


class Voices:
    def __init__(self) -> None:
        self.preloaded: list[str] = []
        self.asked = 0
        self.gone = False
        self.forgiven = 0
        self.release = asyncio.Event()
        self.release.set()

    def names(self) -> Sequence[str]:
        return ("near", "far", "locked")

    def create(self, name: str, model: str) -> Provider:
        if name == "locked":
            raise ConfigError("there is no key for locked")
        return Voice(name, model or "usual")

    def clouds(self, name: str, model: str) -> frozenset[str]:
        del model
        return frozenset((name,))

    def forgive(self) -> None:
        self.forgiven += 1

    def preload(self, name: str, model: str) -> None:
        self.preloaded.append(f"{name} {model}")

    def asked_freely(self, name: str) -> bool:
        return name == "near"

    async def ready(self, name: str, model: str) -> Readiness:
        return Readiness(ready=True, text=f"{name} {model}")

    async def models(self, name: str) -> Sequence[str]:
        self.asked += 1
        await self.release.wait()
        if self.gone:
            raise ProviderUnavailable("it is gone")
        return (f"{name}-1", f"{name}-2")


class Bound:
    def __init__(self) -> None:
        self.provider: Provider | None = None
        self.running = False

    def __call__(self, provider: Provider) -> None:
        if self.running:
            raise RuntimeError("a turn is running")
        self.provider = provider


def managed(first: Voice) -> tuple[SessionManager, Voices, Bound]:
    voices, bound = Voices(), Bound()
    return SessionManager(first, voices, bound), voices, bound


async def test_a_switch_binds_a_new_one_closes_the_old_one_and_begins_to_load() -> None:
    first = Voice("near", "m")
    manager, voices, bound = managed(first)
    made = manager.switch("far", "n")
    assert manager.active is made is bound.provider
    assert (made.name, made.model) == ("far", "n")
    assert voices.preloaded == ["far n"]
    await manager.close()
    assert first.closed == 1


@pytest.mark.parametrize("name", ["hangs", "fails"])
async def test_connections_that_cannot_be_closed_hold_up_nothing(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("py_mono.session.manager._LAST_S", 0.01)
    first = Voice(name)
    manager, _, _ = managed(first)
    manager.switch("far")
    await manager.close()
    await asyncio.sleep(0)
    assert first.closed == 1
    assert len(asyncio.all_tasks()) == 1
    assert not caplog.records


async def test_what_cannot_be_had_changes_nothing() -> None:
    first = Voice("near")
    manager, voices, bound = managed(first)
    once = manager.create_once("far")
    manager.bind_once(once)
    with pytest.raises(ConfigError):
        manager.switch("locked")
    assert (manager.active, manager.once, bound.provider) == (first, once, None)
    assert voices.preloaded == ["far "]
    assert first.closed == 0


async def test_who_is_chosen_by_hand_is_asked_at_once_and_one_message_forgives_nobody() -> None:
    manager, voices, _ = managed(Voice("near"))
    manager.bind_once(manager.create_once("far"))
    assert voices.forgiven == 0
    manager.switch("far")
    manager.renew()
    assert voices.forgiven == 2


async def test_nothing_is_switched_under_a_turn() -> None:
    first = Voice("near")
    manager, _, bound = managed(first)
    bound.running = True
    with pytest.raises(RuntimeError):
        manager.switch("far")
    assert manager.active is first
    assert first.closed == 0


async def test_who_answers_one_message_is_taken_once_and_forgotten_by_a_switch() -> None:
    manager, _, _ = managed(Voice("near"))
    first, second, third = (Voice("far", str(number)) for number in range(3))
    manager.bind_once(first)
    manager.bind_once(second)
    assert manager.take_once() is second
    assert manager.take_once() is None
    manager.bind_once(third)
    manager.switch("far")
    assert manager.once is None
    await manager.close()
    assert (first.closed, second.closed, third.closed) == (1, 0, 1)


async def test_models_are_listed_in_the_background_where_that_may_be_asked_and_once() -> None:
    manager, voices, _ = managed(Voice("near"))
    voices.release.clear()
    assert manager.known_models("near") == manager.known_models("near") == ()
    assert manager.known_models("far") == ()
    listed = asyncio.ensure_future(manager.listed("near", 30.0))
    await asyncio.sleep(0)
    voices.release.set()
    await listed
    assert manager.known_models("near") == ("near-1", "near-2")
    assert voices.asked == 1
    assert await manager.list_models("far") == ("far-1", "far-2")
    assert manager.known_models("far") == manager.last_listed("far") == ("far-1", "far-2")


async def test_a_list_that_does_not_come_is_not_asked_for_at_every_key() -> None:
    manager, voices, _ = managed(Voice("near"))
    voices.gone = True
    for _ in range(3):
        await manager.listed("near", 30.0)
    assert voices.asked == 1
    with pytest.raises(ProviderUnavailable):
        await manager.list_models("near")


async def test_the_wait_for_a_list_has_an_end_and_so_has_the_list() -> None:
    manager, voices, _ = managed(Voice("near"))
    voices.release.clear()
    await manager.listed("near", 0.01)
    await manager.close()
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1


def test_a_provider_is_called_what_it_is_beneath_its_wrappers() -> None:
    class Wrapper(Voice):
        pass

    assert kind_of(Wrapper("a", inner=Wrapper("b", inner=Voice("c")))) == "Voice"
