from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from py_mono.protocol.approvals import ApprovalDecided
from py_mono.protocol.gate import Verdict
from py_mono.protocol.ports import NOTHING, Branch, BranchMode, Changes, Committed, Emit, FileDiff, Grant
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec
from py_mono.tools.gated import GatedServers, GatedTools

if TYPE_CHECKING:
    from py_mono.protocol.events import Event

SPEC = ToolSpec("shell", "Run.", {}, "write")
CALL = ToolCall("c", "shell", {"command": "x"})
ALLOWED = Verdict(allowed=True)
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


LIGHT = ToolSpec("home__light", "Switch.", {}, "external", "mcp:home")
SAVE = ToolSpec("home__save", "Save.", {}, "write", "mcp:home")
STATE = ToolSpec("home__state", "Look.", {}, "read", "mcp:home")


class Servers:
    """Tools of a server's, and in what order what was done."""

    def __init__(self, verdict: Verdict = ALLOWED) -> None:
        self.log: list[str] = []
        self.branch = RecordingBranch()
        self._verdict = verdict
        branch: Branch = self.branch
        self.tools = GatedServers(self, self.review, branch, lambda _: None)

    async def specs(self) -> Sequence[ToolSpec]:
        return (LIGHT, SAVE, STATE)

    async def call(self, call: ToolCall, on_output: Callable[[str], None]) -> ToolResult:
        on_output("…")
        self.log.append(f"{call.name}, touched {self.branch.touched}")
        return ToolResult(call.id, call.name, "done")

    async def review(self, call: ToolCall, spec: ToolSpec, emit: Emit) -> Verdict:
        del spec, emit
        self.log.append(f"asked about {call.name}, touched {self.branch.touched}")
        return self._verdict

    async def said(self, spec: ToolSpec) -> tuple[str, bool]:
        result = await self.tools.call(ToolCall("c", spec.name, {}), lambda _: None)
        return result.content, result.is_error


async def test_a_servers_call_is_asked_about_and_then_made() -> None:
    servers = Servers()
    assert await servers.tools.specs() == (LIGHT, SAVE, STATE)
    assert await servers.said(LIGHT) == ("done", False)
    assert servers.log == ["asked about home__light, touched 0", "home__light, touched 0"]
    denied = Servers(Verdict(allowed=False, reason="not approved"))
    assert await denied.said(SAVE) == ("not approved", True)
    assert denied.log == ["asked about home__save, touched 0"]
    assert denied.branch.touched == 0


async def test_what_changes_files_becomes_part_of_the_turn_between_the_question_and_the_call() -> None:
    servers = Servers()
    assert await servers.said(SAVE) == ("done", False)
    assert servers.log == ["asked about home__save, touched 0", "home__save, touched 1"]
    assert servers.branch.calls == []


async def test_on_a_copy_a_server_only_reads_and_nobody_is_asked_about_the_rest() -> None:
    servers = Servers()
    servers.branch.mode = "scratch"
    for spec in (LIGHT, SAVE):
        content, is_error = await servers.said(spec)
        assert content.startswith("not run: this is a dry run on a copy of the workspace")
        assert is_error
    assert servers.log == []
    assert await servers.said(STATE) == ("done", False)


async def test_what_cannot_be_judged_is_not_called() -> None:
    servers = Servers()
    for call, why in (
        (ToolCall("c", "home__gone", {}), "no server has it now"),
        (ToolCall("c", "home__light", {}, malformed="{"), "its arguments are not a JSON object"),
    ):
        result = await servers.tools.call(call, lambda _: None)
        assert result == ToolResult("c", call.name, f"{call.name} was not called: {why}", is_error=True)
    assert servers.log == []
