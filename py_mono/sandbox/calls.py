"""HOST. Calls on the workers of one transaction: those that change something one at a time, cancelled ones to their end."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

from py_mono.protocol.errors import SandboxError, WorkerDied
from py_mono.protocol.ports import NOTHING, Grant
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec
from py_mono.sandbox.keys import KeyFile
from py_mono.sandbox.link import Link
from py_mono.sandbox.wire import WireError
from py_mono.sandbox.workers import Worker, Workers, identity

_CANCEL_GRACE_S = 3.0
_REPLACED = "was removed or replaced while this turn ran, so nothing can be done in it; the next turn looks again"


class Calls:
    """What runs the calls of one transaction.

    Attributes:
        acted: Whether one ran that may have changed something.
    """

    def __init__(self, workers: Workers, narrow: Worker, before: Callable[[], Awaitable[object]]) -> None:
        """``before`` is waited for before each call that may change something."""
        self._workers = workers
        self._narrow = narrow
        self._before = before
        self._folder = identity(workers.folder)
        self._writing = asyncio.Lock()
        self._specs: dict[str, ToolSpec] = {}
        self._count = 0
        self.acted = False

    async def specs(self) -> Sequence[ToolSpec]:
        """The tools the worker said it has. Raises SandboxError where it could not confine itself, or is not ready in time."""
        if not self._specs:
            frame = await self._narrow.hello()
            self._specs = {spec.name: spec for spec in map(_spec, frame["tools"])}
        return tuple(self._specs.values())

    async def call(self, call: ToolCall, on_output: Callable[[str], None], grant: Grant = NOTHING) -> ToolResult:
        """Run one call; see ``Branch``. Raises SandboxError where nothing more can be called."""
        await self.specs()
        spec = self._specs.get(call.name)
        if spec is None:
            known = ", ".join(self._specs)
            return _refused(call, f"there is no tool {call.name!r}; there are {known}")
        if call.malformed:
            return _refused(call, "the arguments are not a JSON object")
        if identity(self._workers.folder) != self._folder:  # the worker's mount still shows the old one
            return _refused(call, f"{self._workers.folder} {_REPLACED}")
        if grant == NOTHING:
            return await self._call(self._narrow, spec, call, on_output)
        async with AsyncExitStack() as lent:
            try:
                worker = await lent.enter_async_context(self._workers.lent(grant))
            except SandboxError as error:  # the narrow one works still
                return _refused(call, f"not run: the wider lock for it cannot be had: {error} {error.remedy}".rstrip())
            return await self._call(worker, spec, call, on_output)

    async def touch(self) -> None:
        """Have somebody else's change take the place of a call's; see ``Branch``."""
        async with self._writing:
            await self._before()
            self.acted = True

    async def _call(
        self, worker: Worker, spec: ToolSpec, call: ToolCall, on_output: Callable[[str], None]
    ) -> ToolResult:
        if spec.effect == "read":
            return await self._run(worker.link, call, on_output)
        try:
            async with self._writing:
                await self._before()
                return await self._change(worker, call, on_output)
        except asyncio.CancelledError as cancelled:
            raise cancelled if cancelled.args else asyncio.CancelledError(_not_run(call)) from None

    async def _change(self, worker: Worker, call: ToolCall, on_output: Callable[[str], None]) -> ToolResult:
        """Run a call that may write, and take away what it planted; also where it is cancelled."""
        self.acted = True
        keys = self._workers.key_file
        try:
            result = await self._run(worker.link, call, on_output)
        except asyncio.CancelledError as cancelled:
            known: ToolResult = cancelled.args[0]
            raise asyncio.CancelledError(_without_planted(keys, known)) from None
        return _without_planted(keys, result)

    async def _run(self, link: Link, call: ToolCall, on_output: Callable[[str], None]) -> ToolResult:
        self._count += 1
        identifier = f"{self._count}"
        try:
            future = link.call(identifier, call.name, call.arguments, on_output)
        except WireError as error:
            return _refused(call, f"the call cannot be sent: {error}")
        try:
            frame = await future
        except asyncio.CancelledError:
            known = await _cancel(link, identifier, future)
            raise asyncio.CancelledError(_result(call, known) if known else _lost(call)) from None
        return _result(call, frame)


def _without_planted(keys: KeyFile, result: ToolResult) -> ToolResult:
    """Take away a key file that a call made: it would be taken for the operator's."""
    note = keys.clear()
    if not note:
        return result
    text = f"{result.content}\n{note}".lstrip()
    return ToolResult(result.call_id, result.name, text, result.is_error, result.details)


async def _cancel(link: Link, identifier: str, future: "asyncio.Future[Any]") -> dict[str, Any] | None:
    """Have a call end; what it came to, or None where it did not end in time or nobody waits: then the worker ends."""
    waiting = link.cancel(identifier) if future.cancelled() else future
    if waiting is None:
        return None
    try:
        frame: dict[str, Any] = await asyncio.wait_for(waiting, _CANCEL_GRACE_S)
    except WorkerDied:
        return None
    except (TimeoutError, asyncio.CancelledError):
        with suppress(asyncio.CancelledError):  # one more changes nothing: the end goes on
            await link.end()
        return None
    return frame


def _result(call: ToolCall, frame: dict[str, Any]) -> ToolResult:
    return ToolResult(call.id, call.name, frame["content"], frame["is_error"], frame["details"])


def _refused(call: ToolCall, why: str) -> ToolResult:
    return ToolResult(call.id, call.name, why, is_error=True)


def _not_run(call: ToolCall) -> ToolResult:
    return _refused(call, "not run: cancelled by the user before it began")


def _lost(call: ToolCall) -> ToolResult:
    return _refused(call, "cancelled by the user; what it had done by then stays")


def _spec(said: dict[str, Any]) -> ToolSpec:
    return ToolSpec(said["name"], said["description"], said["parameters"], said["effect"])
