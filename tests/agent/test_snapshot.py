"""When a turn's checkpoints are taken, and what comes of one that cannot be."""

from py_mono.agent.snapshot import SnapshottedTools
from py_mono.protocol.changes import ChangesCommitted
from py_mono.protocol.errors import SandboxError
from py_mono.protocol.events import Event, Notice
from py_mono.protocol.ports import FileDiff, Restored, Taken
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec


class Workspace:
    """Tools and snapshots of one value."""

    def __init__(self, *, full: bool = False) -> None:
        self.value = 0
        self.full = full
        self.taken: list[int] = []

    async def specs(self) -> tuple[ToolSpec, ...]:
        return (ToolSpec("read", "r", {}, "read"), ToolSpec("shell", "s", {}, "write"))

    async def call(self, call: ToolCall, _: object) -> ToolResult:
        self.value += call.name != "read"
        return ToolResult(call.id, call.name, f"{self.value}")

    async def take(self) -> Taken:
        if self.full:
            raise SandboxError("the disk is full.", remedy="Make room.")
        self.taken.append(self.value)
        return Taken(f"checkpoint {self.value}", "")

    async def restore(self, target: str, *, since: str, confirmed: bool) -> Restored:
        raise NotImplementedError

    async def diff(self, before: str, after: str) -> list[FileDiff]:
        raise NotImplementedError


async def committed(workspace: Workspace, *names: str) -> tuple[ChangesCommitted | None, list[Event]]:
    said: list[Event] = []
    tools = SnapshottedTools(workspace, workspace, said.append)
    await tools.specs()
    for name in names:
        await tools.call(ToolCall("1", name, {}), print)
    return await tools.commit(4), said


async def test_the_workspace_is_kept_before_the_first_call_that_may_change_it_and_after_the_last() -> None:
    workspace = Workspace()
    assert await committed(workspace, "read", "shell", "shell") == (
        ChangesCommitted(4, "checkpoint 0", "checkpoint 2"),
        [],
    )
    assert workspace.taken == [0, 2]


async def test_a_turn_that_only_reads_keeps_nothing() -> None:
    workspace = Workspace()
    assert await committed(workspace, "read") == (None, [])
    assert workspace.taken == []


async def test_a_checkpoint_that_cannot_be_taken_is_said_and_the_turn_goes_on() -> None:
    workspace = Workspace(full=True)
    assert await committed(workspace, "shell", "shell") == (
        None,
        [Notice("this turn cannot be undone: the disk is full. Make room.")],
    )
    assert workspace.value == 2
