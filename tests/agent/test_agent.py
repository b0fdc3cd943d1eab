"""What can be asked of an agent beside a turn."""

import asyncio
from collections.abc import Sequence

import pytest

from py_mono.agent import agent
from py_mono.llm.scripted.provider import ScriptedProvider
from py_mono.protocol.errors import ProviderError, ProviderUnavailable, SandboxError
from py_mono.protocol.events import StepStarted
from py_mono.protocol.ports import Branch, BranchMode, Changes, Emit, OnCheckpoint, unheard
from py_mono.protocol.tools import ToolSpec
from py_mono.tools.registry import DISPATCHER, ToolRegistry
from tests.agent.fakes import READ, WRITE, FakeBranch, FakeSandbox, Rig, hang, say_ok


class OneAtATime(FakeSandbox):
    """Refuses a second transaction, as the real one does; counts them."""

    def __init__(self, branch: FakeBranch, *, broken: bool = False) -> None:
        super().__init__(branch)
        self.opened = 0
        self._broken = broken

    async def open(self, mode: BranchMode, on_checkpoint: OnCheckpoint = unheard) -> FakeBranch:
        del on_checkpoint
        assert mode == "direct"
        if self._broken:
            raise SandboxError("no lock")
        if self.opened and not self.branch.closed:
            raise SandboxError("a transaction is open already")
        self.opened += 1
        self.branch.closed = False
        await asyncio.sleep(0)
        return self.branch


class Preparing(ScriptedProvider):
    """Knows its window once it is prepared; with a failure, or for ever on its way, never."""

    def __init__(self, failure: ProviderError | None = None, *, endless: bool = False) -> None:
        super().__init__("text: ok")
        self._failure = failure
        self._endless = endless
        self._known = False

    @property
    def window(self) -> int:
        return 4096 if self._known else 0

    async def prepare(self) -> None:
        if self._failure is not None:
            raise self._failure
        await asyncio.sleep(60 if self._endless else 0)
        self._known = True


def without_act(
    branch: Branch, window: int, emit: Emit, *, frozen: Sequence[ToolSpec] = (), own: bool = False
) -> ToolRegistry:
    """One tool less for a small window."""
    del emit, frozen, own
    return ToolRegistry([FakeBranch({"look": say_ok}, Changes(())) if window else branch])


async def test_the_tools_can_be_listed_before_the_first_turn() -> None:
    rig = Rig("text: ok")
    assert await rig.agent.list_tools() == (READ, WRITE, DISPATCHER)
    assert rig.branch.closed
    assert rig.journal == []


async def test_the_list_before_the_first_turn_is_the_one_that_this_turn_freezes() -> None:
    rig = Rig(Preparing(), compose=without_act)
    assert await rig.agent.list_tools() == (READ, DISPATCHER)


@pytest.mark.parametrize("provider", [Preparing(ProviderUnavailable("not running")), Preparing(endless=True)])
async def test_where_the_window_is_not_found_the_tools_for_an_unknown_one_are_listed(
    provider: Preparing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "PREPARE_S", 0.01)
    rig = Rig(provider, compose=without_act)
    assert await rig.agent.list_tools() == (READ, WRITE, DISPATCHER)
    assert rig.branch.closed


async def test_after_the_first_turn_the_frozen_list_is_told_without_a_transaction() -> None:
    sandbox = OneAtATime(FakeBranch({}, Changes(())))
    rig = Rig("text: ok", sandbox=sandbox)
    await rig.agent.prompt("go")
    assert await rig.agent.list_tools() == (DISPATCHER,)
    assert sandbox.opened == 1


async def test_a_turn_that_starts_while_the_tools_are_listed_waits_for_its_transaction() -> None:
    sandbox = OneAtATime(Rig("text: x").branch)
    rig = Rig("text: ok", sandbox=sandbox)
    listed, finished = await asyncio.gather(rig.agent.list_tools(), rig.agent.prompt("go"))
    assert listed == (READ, WRITE, DISPATCHER)
    assert finished.stop_reason == "end"
    assert sandbox.opened == 2


async def test_a_turn_that_is_interrupted_while_it_waits_for_its_transaction_asks_nothing() -> None:
    rig = Rig("text: never", sandbox=OneAtATime(Rig("text: x").branch))
    listing = asyncio.ensure_future(rig.agent.list_tools())
    turn = asyncio.ensure_future(rig.agent.prompt("go"))
    await asyncio.sleep(0)
    rig.agent.interrupt()
    assert (await turn).stop_reason == "cancelled"
    assert rig.of(StepStarted) == []
    assert await listing == (READ, WRITE, DISPATCHER)


async def test_a_sandbox_that_cannot_be_had_says_so_when_the_tools_are_listed() -> None:
    rig = Rig("text: ok", sandbox=OneAtATime(Rig("text: x").branch, broken=True))
    with pytest.raises(SandboxError, match="no lock"):
        await rig.agent.list_tools()


async def test_while_a_turn_runs_the_conversation_cannot_be_cleared_and_the_frozen_tools_are_told() -> None:
    rig = Rig("call: look", handlers={"look": hang})
    turn = asyncio.ensure_future(rig.agent.prompt("go"))
    await asyncio.sleep(0)
    assert await rig.agent.list_tools() == ()
    while not rig.branch.log:
        await asyncio.sleep(0)
    assert await rig.agent.list_tools() == (READ, DISPATCHER)
    with pytest.raises(RuntimeError, match="a turn is running"):
        await rig.agent.clear()
    rig.agent.interrupt()
    await turn
    await rig.agent.clear()
    assert rig.agent.history.messages == []
