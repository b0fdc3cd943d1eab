"""Run the calls of one reply: reads side by side, everything else in its turn, results in the order of the calls."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from py_mono.protocol.errors import SandboxError
from py_mono.protocol.events import ToolFinished, ToolOutput, ToolStarted
from py_mono.protocol.ports import Emit, ToolSource
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec

CANCELLED = "cancelled by the user; what it had done by then stays"
NOT_RUN = "not run: the turn was cancelled before"
LOST = "lost: the sandbox ended during the call; check what it did"


class Acting:
    """One reply's calls, each of which gets exactly one ``ToolStarted`` and one ``ToolFinished``, whatever happens."""

    def __init__(self, tools: ToolSource, specs: Sequence[ToolSpec], emit: Emit, clock: Callable[[], float]) -> None:
        """``clock`` gives monotonic seconds."""
        self._tools = tools
        self._reads = frozenset(spec.name for spec in specs if spec.effect == "read")
        self._emit = emit
        self._clock = clock

    async def run(self, calls: Sequence[ToolCall]) -> tuple[ToolResult, ...]:
        """Run them all.

        Raises:
            SandboxError: Nothing more can be called; the open calls were closed as lost.
            CancelledError: The turn was cancelled; the open calls were closed as cancelled.
        """
        results: list[ToolResult] = []
        started = 0
        try:
            for group in self._groups(calls):
                started += len(group)
                await self._run_group(group, results)
        except (asyncio.CancelledError, SandboxError) as error:
            text = CANCELLED if isinstance(error, asyncio.CancelledError) else LOST
            self._close(calls, started, results, text)
            raise
        return tuple(results)

    def _groups(self, calls: Sequence[ToolCall]) -> Iterator[list[ToolCall]]:
        """Neighbouring reads together, every other call alone."""
        for is_read, neighbours in groupby(calls, lambda call: call.name in self._reads):
            if is_read:
                yield list(neighbours)
            else:
                yield from ([call] for call in neighbours)

    async def _run_group(self, group: list[ToolCall], results: list[ToolResult]) -> None:
        began = self._clock()
        for call in group:
            self._emit(ToolStarted(call))
        tasks = [asyncio.ensure_future(self._run_one(call, began)) for call in group]
        try:
            for task in tasks:
                finished = await task
                results.append(finished.result)
                self._emit(finished)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _run_one(self, call: ToolCall, began: float) -> ToolFinished:
        def on_output(text: str) -> None:
            self._emit(ToolOutput(call.id, text))

        result = await self._tools.call(call, on_output)
        return ToolFinished(result, round((self._clock() - began) * 1000))

    def _close(self, calls: Sequence[ToolCall], started: int, results: list[ToolResult], text: str) -> None:
        for index, call in enumerate(calls[len(results) :], start=len(results)):
            if index >= started:
                self._emit(ToolStarted(call))
            content = text if index < started else NOT_RUN
            self._emit(ToolFinished(ToolResult(call.id, call.name, content, is_error=True), 0))
