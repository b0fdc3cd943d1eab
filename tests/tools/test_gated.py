from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from py_mono.protocol.approvals import ApprovalDecided
from py_mono.protocol.gate import Verdict
from py_mono.protocol.ports import NOTHING, Branch, BranchMode, Changes, Committed, Emit, FileDiff, Grant
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec
from py_mono.tools.gated import GatedTools

if TYPE_CHECKING:
    from py_mono.protocol.events import Event

SPEC = ToolSpec("shell", "Run.", {}, "write")
CALL = ToolCall("c", "shell", {"command": "x"})
DECIDED = ApprovalDecided("c", "network", "x", "once")


class RecordingBranch:
    """Fails each call, and remembers with what grant it came."""

    def __init__(self) -> None:
        self.calls: list[tuple[ToolCall, Grant]] = []
        self.touched = 0
        self.mode: BranchMode = "direct"

    async def specs(self) -> Sequence[ToolSpec]:
        return (SPEC,)

    async def call(self, call: ToolCall, on_output: Callable[[str], None], grant: Grant = NOTHING) -> ToolResult:
        self.calls.append((call, grant))
        on_output("…")
        return ToolResult(call.id, call.name, "no network", is_error=True)

    async def changes(self) -> Changes:
        return Changes(())

    async def diff(self) -> Sequence[FileDiff]:
        return ()

    async def commit(self, keep: object = None) -> Committed | None:
        del keep
        return None

    async def discard(self) -> None:
        pass

    async def touch(self) -> None:
        self.touched += 1

    async def close(self) -> None:
        pass


class Gatekeeper:
    """Says what it is told to."""

    def __init__(self, verdict: Verdict, hint: str = "") -> None:
        self.branch = RecordingBranch()
        self.events: list[Event] = []
        self.output: list[str] = []
        self.seen: list[tuple[ToolCall, ToolSpec]] = []
        self._verdict = verdict
        self._hint = hint
        branch: Branch = self.branch
        self.tools = GatedTools(branch, self.review, lambda *_: self._hint, self.events.append)

    async def review(self, call: ToolCall, spec: ToolSpec, emit: Emit) -> Verdict:
        self.seen.append((call, spec))
        emit(DECIDED)
        return self._verdict

    async def call(self, call: ToolCall = CALL) -> ToolResult:
        return await self.tools.call(call, self.output.append)


async def test_what_is_allowed_runs_with_what_it_was_granted_and_nothing_more() -> None:
    grant = Grant(network=True, reads=("/a",))
    gate = Gatekeeper(Verdict(allowed=True, grant=grant))
    assert await gate.call() == ToolResult("c", "shell", "no network", is_error=True)
    assert gate.branch.calls == [(CALL, grant)]
    assert gate.seen == [(CALL, SPEC)]
    assert gate.events == [DECIDED]
    assert gate.output == ["…"]
    assert await gate.tools.specs() == (SPEC,)


async def test_what_is_denied_never_reaches_the_branch_and_the_model_reads_why() -> None:
    gate = Gatekeeper(Verdict(allowed=False, reason="not approved; the user said no"))
    assert await gate.call() == ToolResult("c", "shell", "not approved; the user said no", is_error=True)
    assert gate.branch.calls == []


async def test_a_hint_stands_behind_the_result() -> None:
    gate = Gatekeeper(Verdict(allowed=True), hint="[the network is off]")
    assert (await gate.call()).content == "no network\n[the network is off]"


async def test_what_the_branch_refuses_anyway_is_not_asked_about() -> None:
    gate = Gatekeeper(Verdict(allowed=True))
    for call in (ToolCall("c", "unknown", {}), ToolCall("c", "shell", {}, malformed="{")):
        await gate.call(call)
    assert gate.seen == []
    assert gate.branch.calls == [
        (ToolCall("c", "unknown", {}), NOTHING),
        (ToolCall("c", "shell", {}, malformed="{"), NOTHING),
    ]
