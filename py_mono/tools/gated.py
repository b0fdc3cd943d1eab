"""Tools whose calls pass a gate first; comes below the registry, which knows a tool's name and checked its arguments."""

from collections.abc import Awaitable, Callable, Sequence

from msgspec.structs import replace

from py_mono.protocol.gate import Verdict
from py_mono.protocol.ports import Branch, Emit, Grant, ToolSource
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec

Review = Callable[[ToolCall, ToolSpec, Emit], Awaitable[Verdict]]
"""See ``Gate.review_call``."""

Hint = Callable[[ToolCall, ToolResult, Grant], str]
"""A line for the model behind what a call came to with a grant; or empty."""

_DRY = (
    "not run: this is a dry run on a copy of the workspace, and what a server does it does for real. "
    "Go on without it, and say in the answer what it would have done"
)


class GatedTools:
    """The tools of a branch. What is not approved is not run, and the model is told why."""

    def __init__(self, branch: Branch, review: Review, hint: Hint, emit: Emit) -> None:
        self._branch = branch
        self._review = review
        self._hint = hint
        self._emit = emit

    async def specs(self) -> Sequence[ToolSpec]:
        """See ``ToolSource``."""
        return await self._branch.specs()

    async def call(self, call: ToolCall, on_output: Callable[[str], None]) -> ToolResult:
        """See ``ToolSource``."""
        spec = next((spec for spec in await self._branch.specs() if spec.name == call.name), None)
        if spec is None or call.malformed:  # the branch refuses both
            return await self._branch.call(call, on_output)
        verdict = await self._review(call, spec, self._emit)
        if not verdict.allowed:
            return ToolResult(call.id, call.name, verdict.reason, is_error=True)
        result = await self._branch.call(call, on_output, verdict.grant)
        hint = self._hint(call, result, verdict.grant)
        return replace(result, content=f"{result.content}\n{hint}") if hint else result


class GatedServers:
    """Tools of somebody who acts outside the lock, such as a server: as ``GatedTools``, without grants.

    What is to change the workspace becomes part of the branch's transaction first, so that it can be undone with the rest.
    On a copy (a dry run) nothing but reading is done: what a server does, it does for real.
    """

    def __init__(self, source: ToolSource, review: Review, branch: Branch, emit: Emit) -> None:
        self._source = source
        self._review = review
        self._branch = branch
        self._emit = emit

    async def specs(self) -> Sequence[ToolSpec]:
        """See ``ToolSource``."""
        return await self._source.specs()

    async def call(self, call: ToolCall, on_output: Callable[[str], None]) -> ToolResult:
        """See ``ToolSource``."""
        spec = next((spec for spec in await self._source.specs() if spec.name == call.name), None)
        if spec is None or call.malformed:  # what is not known cannot be judged, so it is not called
            why = "its arguments are not a JSON object" if spec else "no server has it now"
            return ToolResult(call.id, call.name, f"{call.name} was not called: {why}", is_error=True)
        if spec.effect != "read" and self._branch.mode == "scratch":
            return ToolResult(call.id, call.name, _DRY, is_error=True)
        verdict = await self._review(call, spec, self._emit)
        if not verdict.allowed:
            return ToolResult(call.id, call.name, verdict.reason, is_error=True)
        if spec.effect == "write":
            await self._branch.touch()
        return await self._source.call(call, on_output)
