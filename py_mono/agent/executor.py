"""Run the calls of one reply: reads side by side, everything else in its turn, results in the order of the calls."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from py_mono.protocol.errors import SandboxError
from py_mono.protocol.events import ToolFinished, ToolOutput, ToolStarted
from py_mono.protocol.ports import Emit, ToolSource
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec

CANCELLED = "cancelled by the user; what it had done by then stays"
NOT_RUN = "not run: the turn ended before"
LOST = "lost: the sandbox ended during the call; check what it did"
FAULT = "lost: py-mono itself failed during the call; check what it did"


class ToolExecutor:
    """One reply's calls, each of which gets exactly one ``ToolStarted`` and one ``ToolFinished``, whatever happens."""

    def __init__(self, tools: ToolSource, specs: Sequence[ToolSpec], emit: Emit, clock: Callable[[], float]) -> None:
        """``clock`` gives monotonic seconds."""
        self._tools = tools
        self._reads = frozenset(spec.name for spec in specs if spec.effect == "read")
        self._emit = emit
        self._clock = clock

    async def run(self, calls: Sequence[ToolCall]) -> tuple[ToolResult, ...]:
        """Run them all. Whatever it raises, every call has its result by then.

        Raises:
            SandboxError: Nothing more can be called; the open calls were closed as lost.
            CancelledError: The turn was cancelled; a call that was running has the result it came to, if any.
        """
        results: list[ToolResult] = []
        try:
            for group in self._groups(calls):
                await self._run_group(group, results)
        finally:
            for call in calls[len(results) :]:
                self._emit(ToolStarted(call))
                self._finish(ToolFinished(_error(call, NOT_RUN), 0), results)
        return tuple(results)

    def _groups(self, calls: Sequence[ToolCall]) -> Iterator[list[ToolCall]]:
        """Neighbouring reads together, every other call alone."""
        for is_read, neighbours in groupby(calls, lambda call: call.name in self._reads):
            if is_read:
                yield list(neighbours)
            else:
                yield from ([call] for call in neighbours)

    async def _run_group(self, group: list[ToolCall], results: list[ToolResult]) -> None:
        if len(group) == 1:  # mostly so, and a task of its own would cost three rounds of the event loop
            await self._run_alone(group[0], results)
        else:
            await self._run_side_by_side(group, results)

    async def _run_alone(self, call: ToolCall, results: list[ToolResult]) -> None:
        began, task = self._clock(), asyncio.current_task()
        self._emit(ToolStarted(call))
        finished, otherwise = None, FAULT
        try:
            finished = await self._run_one(call, began)
        except asyncio.CancelledError:
            otherwise = CANCELLED
            raise
        except SandboxError:
            otherwise = LOST
            raise
        finally:
            self._finish(finished or self._finished(_error(call, otherwise), began), results)
        if task and task.cancelling():  # the call ended with a result although it was cancelled
            raise asyncio.CancelledError

    async def _run_side_by_side(self, group: list[ToolCall], results: list[ToolResult]) -> None:
        began, before = self._clock(), len(results)
        for call in group:
            self._emit(ToolStarted(call))
        tasks = [asyncio.ensure_future(self._run_one(call, began)) for call in group]
        otherwise = FAULT
        try:
            for task in tasks:
                await asyncio.wait({task})  # not the task itself: it may end with a result although it was cancelled
                self._finish(task.result(), results)
        except asyncio.CancelledError:
            otherwise = CANCELLED
            raise
        except SandboxError:
            otherwise = LOST
            raise
        finally:
            await _end(tasks)
            done = len(results) - before
            for call, task in zip(group[done:], tasks[done:], strict=True):
                known = not task.cancelled() and task.exception() is None
                self._finish(task.result() if known else self._finished(_error(call, otherwise), began), results)

    async def _run_one(self, call: ToolCall, began: float) -> ToolFinished:
        def on_output(text: str) -> None:
            self._emit(ToolOutput(call.id, text))

        try:
            result = await self._tools.call(call, on_output)
        except asyncio.CancelledError as cancelled:
            if not (cancelled.args and isinstance(cancelled.args[0], ToolResult)):
                raise
            result = cancelled.args[0]
        return self._finished(result, began)

    def _finished(self, result: ToolResult, began: float) -> ToolFinished:
        return ToolFinished(result, round((self._clock() - began) * 1000))

    def _finish(self, finished: ToolFinished, results: list[ToolResult]) -> None:
        results.append(finished.result)
        self._emit(finished)


async def _end(tasks: Sequence["asyncio.Future[ToolFinished]"]) -> None:
    """Cancel what still runs and wait until it has ended; another cancellation meanwhile only hurries it."""
    running = [
        task for task in tasks if not task.done()
    ]  # where none does nothing is awaited, so no cancellation is lost
    for task in running:
        task.cancel()
    try:
        await asyncio.gather(*running, return_exceptions=True)
    except asyncio.CancelledError:  # came a second time, and was handed on to the calls; the first goes on
        return


def _error(call: ToolCall, text: str) -> ToolResult:
    return ToolResult(call.id, call.name, text, is_error=True)
