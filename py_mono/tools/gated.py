"""A branch whose calls pass a gate first; comes below the registry, which knows a tool's name and checked its arguments."""

from collections.abc import Awaitable, Callable, Sequence

from msgspec.structs import replace

from py_mono.protocol.ports import Branch, Emit, Grant, Verdict
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec

Review = Callable[[ToolCall, ToolSpec, Emit], Awaitable[Verdict]]
"""See ``Gate.review_call``."""

Hint = Callable[[ToolCall, ToolResult, Grant], str]
"""A line for the model behind what a call came to with a grant; or empty."""


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
