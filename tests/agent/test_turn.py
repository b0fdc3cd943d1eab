"""A turn ends, its transaction is closed and its end is told, whatever fails on the way there."""

import asyncio

import pytest

from py_mono.llm.scripted.provider import ScriptedProvider
from py_mono.protocol.changes import ChangesStaged
from py_mono.protocol.errors import SandboxError
from py_mono.protocol.events import Event, ModelWaiting, Notice, TurnFinished
from py_mono.protocol.ports import Changes
from py_mono.protocol.tools import Change
from tests.agent.fakes import FakeBranch, Rig

FAILURES = [SandboxError("gone"), OSError(28, "No space left on device"), ValueError("odd"), asyncio.CancelledError()]
CHANGES = Changes((Change("a.py", "modified"),))


class BrokenBranch(FakeBranch):
    """Fails at one of its ends."""

    def __init__(self, inner: FakeBranch, where: str, failure: BaseException) -> None:
        super().__init__(inner.handlers, CHANGES)
        self._where, self._failure = where, failure

    async def changes(self) -> Changes:
        if self._where == "changes":
            raise self._failure
        return await super().changes()

    async def close(self) -> None:
        await super().close()
        if self._where == "close":
            raise self._failure


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
@pytest.mark.parametrize("where", ["changes", "close", "sync"])
async def test_a_failure_at_the_end_of_a_turn_is_a_notice(where: str, failure: BaseException) -> None:
    async def sync() -> None:
        if where == "sync":
            raise failure

    rig = Rig("call: act\n---\ntext: ok\n---\ntext: again", sync=sync)
    rig.sandbox.branch = BrokenBranch(rig.branch, where, failure)
    finished = await rig.agent.prompt("go")
    assert (finished.stop_reason, finished.error) == ("end", None)
    assert rig.of(TurnFinished) == [finished]
    assert rig.sandbox.branch.closed
    assert [event.text.endswith(str(failure) or "CancelledError") for event in rig.of(Notice)] == [True]
    assert rig.of(ChangesStaged) == ([] if where == "changes" else [ChangesStaged(CHANGES.changes)])
    assert not rig.agent.running
    assert (await rig.agent.prompt("again")).stop_reason == "end"


class Slow(ScriptedProvider):
    """Takes its time to get ready."""

    async def prepare(self) -> None:
        await asyncio.sleep(0.4)


async def test_a_provider_that_takes_long_to_get_ready_is_waited_for_in_words() -> None:
    for provider, waits in ((Slow("text: ok"), [ModelWaiting("connecting")]), (ScriptedProvider("text: ok"), [])):
        rig, seen = Rig(provider), list[Event]()
        rig.agent.subscribe(lambda envelope, seen=seen: seen.append(envelope.event))  # type: ignore[misc]  # a default
        assert (await rig.agent.prompt("go")).stop_reason == "end"
        assert [event for event in seen if isinstance(event, ModelWaiting)] == waits


async def test_a_session_that_goes_on_with_another_model_says_so_once() -> None:
    first = Rig(ScriptedProvider("text: one", model="small"))
    await first.agent.prompt("go")
    again = Rig(ScriptedProvider("text: two\n---\ntext: three", model="large"), past=first.journal)
    seen = list[str]()
    again.agent.subscribe(
        lambda envelope: seen.append(envelope.event.text) if isinstance(envelope.event, Notice) else None
    )
    await again.agent.prompt("on")
    await again.agent.prompt("and on")
    assert seen == ["from here on large (scripted) answers; before it was small (scripted)"]
