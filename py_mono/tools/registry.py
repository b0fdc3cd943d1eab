"""A ToolSource made of ToolSources: one list, one check of the arguments, one dispatcher."""

from collections.abc import Callable, Sequence
from typing import Any

from py_mono.protocol.ports import ToolSource
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec
from py_mono.tools.schema import check

DISPATCHER = ToolSpec(
    name="call_tool",
    description="Call a tool that was announced later and is not in this list.",
    parameters={
        "type": "object",
        "properties": {"name": {"type": "string"}, "arguments": {"type": "object"}},
        "required": ["name"],
    },
    effect="write",
    source="control",
)
"""Stands in the list from the first day, so that a tool which arrives later needs no change at the front of a request.

Its effect is *write*: what it reaches is not known beforehand, so its calls are never run side by side.
"""


class ToolRegistry:
    """The tools of several sources under one roof; a name belongs to the source that had it first."""

    def __init__(self, sources: Sequence[ToolSource]) -> None:
        self._sources = tuple(sources)
        self._owners: dict[str, tuple[ToolSpec, ToolSource]] | None = None

    async def specs(self) -> Sequence[ToolSpec]:
        """Every tool in the order of the sources, the dispatcher last."""
        owners = await self._known()
        return (*(spec for spec, _ in owners.values()), DISPATCHER)

    async def call(self, call: ToolCall, on_output: Callable[[str], None]) -> ToolResult:
        """Check the arguments and hand the call to the tool's owner; see ``ports.ToolSource``."""
        if call.malformed:
            return _refusal(call, _malformed(call))
        name, arguments = call.name, call.arguments
        if name == DISPATCHER.name:
            meant, wrong = check(DISPATCHER, arguments)
            if wrong:
                return _refusal(call, wrong)
            name, arguments = meant["name"], meant.get("arguments", {})
        owners = await self._known()
        if name not in owners:
            return _refusal(call, f"there is no tool {name!r}. The tools are: {', '.join(owners)}")
        spec, source = owners[name]
        meant, wrong = check(spec, arguments)
        if wrong:
            return _refusal(call, wrong)
        return await source.call(ToolCall(call.id, name, meant), on_output)

    async def _known(self) -> dict[str, tuple[ToolSpec, ToolSource]]:
        if self._owners is None:
            owners: dict[str, tuple[ToolSpec, ToolSource]] = {}
            for source in self._sources:
                for spec in await source.specs():
                    owners.setdefault(spec.name, (spec, source))
            self._owners = owners
        return self._owners


def _refusal(call: ToolCall, text: str) -> ToolResult:
    return ToolResult(call.id, call.name, text, is_error=True)


def _malformed(call: ToolCall) -> str:
    shown: Any = call.malformed if len(call.malformed) <= 200 else call.malformed[:200] + "…"  # noqa: PLR2004 - a glance
    return f"the arguments of {call.name} are not a JSON object, so nothing was run: {shown}"
