"""A ToolSource made of ToolSources: one list, one check of the arguments, one dispatcher."""

from collections.abc import Callable, Collection, Sequence

from py_mono.protocol.ports import ToolSource
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec
from py_mono.tools.names import refusal, respelled
from py_mono.tools.profile import shown
from py_mono.tools.schema import check
from py_mono.utils.lazy import load

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

    def __init__(self, sources: Sequence[ToolSource], *, small: bool = False) -> None:
        """``small``: the list is for a small window, and shows less than can be called."""
        self._sources = tuple(sources)
        self._small = small
        self._owners: dict[str, tuple[ToolSpec, ToolSource]] | None = None

    async def specs(self) -> Sequence[ToolSpec]:
        """Every tool in the order of the sources, the dispatcher last; for a small window those it has to show.

        Without a source there is none, and nothing to dispatch to.
        """
        owners = await self._known()
        if not self._sources:
            return ()
        return shown((*(spec for spec, _ in owners.values()), DISPATCHER), small=self._small)

    async def call(self, call: ToolCall, on_output: Callable[[str], None]) -> ToolResult:
        """Check the arguments and hand the call to the tool's owner; see ``ports.ToolSource``.

        A name that differs from a tool's by its spelling alone is that tool's. Any other unknown name is refused.
        """
        owners = await self._known()
        name, arguments = _name(call.name, {*owners, DISPATCHER.name}), call.arguments
        if call.malformed:
            specs = {DISPATCHER.name: DISPATCHER, **{known: spec for known, (spec, _) in owners.items()}}
            return _refusal(call, load("py_mono.tools.malformed:explain")(call, specs.get(name), await self._seen()))
        if name == DISPATCHER.name:
            meant, wrong = check(DISPATCHER, arguments)
            if wrong:
                return _refusal(call, wrong)
            name, arguments = _name(meant["name"], owners), meant.get("arguments", {})
        if name not in owners:
            return _refusal(call, refusal(name, await self._seen()))
        spec, source = owners[name]
        meant, wrong = check(spec, arguments)
        if wrong:
            return _refusal(call, wrong)
        return await source.call(ToolCall(call.id, name, meant), on_output)

    async def _seen(self) -> list[str]:
        return [spec.name for spec in await self.specs() if spec.name != DISPATCHER.name]

    async def _known(self) -> dict[str, tuple[ToolSpec, ToolSource]]:
        if self._owners is None:
            owners: dict[str, tuple[ToolSpec, ToolSource]] = {}
            for source in self._sources:
                for spec in await source.specs():
                    owners.setdefault(spec.name, (spec, source))
            self._owners = owners
        return self._owners


def _name(name: str, known: Collection[str]) -> str:
    return name if name in known else respelled(name, known) or name


def _refusal(call: ToolCall, text: str) -> ToolResult:
    return ToolResult(call.id, call.name, text, is_error=True)
