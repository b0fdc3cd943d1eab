"""A command of the person's own: a transaction as a turn is, without a model."""

import asyncio
from collections.abc import Callable, Sequence

from py_mono.agent.keeping import record, stage, tell
from py_mono.agent.turn import TurnPorts
from py_mono.protocol.changes import CheckpointTaken
from py_mono.protocol.commands import CommandRun
from py_mono.protocol.errors import PyMonoError
from py_mono.protocol.events import Notice
from py_mono.protocol.messages import UserMessage
from py_mono.protocol.ports import Branch, FileDiff
from py_mono.protocol.tools import ToolCall, ToolResult

_TOOL = "shell"
_TIMEOUT_S = 86_400.0
"""They see it run, and end it when they like."""

_ENDED = "[ended by the person who ran it]"


class OwnCommand:
    """Runs one command; made anew for each.

    Attributes:
        diff: What it would have done, where nothing is to stay.
    """

    def __init__(self, ports: TurnPorts, command: str, *, told: bool, on_output: Callable[[str], None]) -> None:
        """Args are those of ``Agent.run_command``."""
        self.diff: Sequence[FileDiff] = ()
        self._ports = ports
        self._command = command
        self._told = told
        self._on_output = on_output
        self._calling: asyncio.Future[ToolResult] | None = None
        self._interrupted = False

    def interrupt(self) -> None:
        """End the command."""
        self._interrupted = True
        if self._calling is not None:
            self._calling.cancel()

    async def run(self) -> ToolResult:
        """Run it to its end, and record it with what it changed.

        Raises:
            SandboxError: There is no sandbox to run it in, or it broke.
        """
        ports = self._ports
        branch = await ports.sandbox.open(
            ports.mode, lambda checkpoint: ports.emit(CheckpointTaken(ports.history.turns + 1, checkpoint))
        )
        try:
            began = self._ports.clock()
            result = await self._call(branch)
            self._record(result, self._ports.clock() - began)
            try:
                await self._settle(branch)
            except PyMonoError as error:
                self._ports.emit(Notice(f"this command cannot be undone: {error}"))
        finally:
            await branch.close()
        await self._ports.sync()
        return result

    async def _call(self, branch: Branch) -> ToolResult:
        call = ToolCall("own", _TOOL, {"command": self._command, "timeout": _TIMEOUT_S})
        tools = self._ports.compose(branch, self._ports.provider.window, self._ports.emit, own=True)
        self._calling = asyncio.ensure_future(tools.call(call, self._on_output))
        if self._interrupted:
            self._calling.cancel()
        await asyncio.wait({self._calling})
        try:
            return self._calling.result()
        except asyncio.CancelledError as cancelled:
            known = cancelled.args[0] if cancelled.args else None
            text = f"{known.content}\n{_ENDED}" if isinstance(known, ToolResult) else _ENDED
            return ToolResult(call.id, call.name, text, is_error=True)

    def _record(self, result: ToolResult, seconds: float) -> None:
        text = f"I ran this command myself:\n$ {self._command}\n{result.content}"
        message = UserMessage(text) if self._told else None
        turn = self._ports.history.turns + 1
        self._ports.emit(CommandRun(turn, self._command, result.is_error, round(seconds * 1000), message))

    async def _settle(self, branch: Branch) -> None:
        emit, turn = self._ports.emit, self._ports.history.turns
        found = await stage(branch, emit)
        if self._ports.mode == "scratch":
            self.diff = await tell(branch, found, turn, emit)
        else:
            record(await branch.commit(), turn, emit, what="command")
