"""A ToolSource made of ToolSources: one list, one check of the arguments, one dispatcher."""

from collections.abc import Callable, Collection, Sequence

from msgspec.structs import replace

from py_mono.protocol import late_tools
from py_mono.protocol.announcing import ToolsAnnounced
from py_mono.protocol.codec import encode
from py_mono.protocol.ports import ToolSource
from py_mono.protocol.tools import FROM_SERVER, ToolCall, ToolResult, ToolSpec
from py_mono.tools.late import Late
from py_mono.tools.names import refusal, respelled
from py_mono.tools.profile import shown
from py_mono.tools.schema import check
from py_mono.utils.lazy import load

DISPATCHER = ToolSpec(
    name=late_tools.DISPATCHER,
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
_SCHEMA = 2_000
"""Characters of a late tool's parameters that a refusal shows."""

_Owned = tuple[ToolSpec, ToolSource]


class ToolRegistry:
    """The tools of several sources under one roof; a name belongs to the source that had it first. See ``ToolList``."""

    def __init__(
        self,
        sources: Sequence[ToolSource],
        *,
        small: bool = False,
        late: Late | None = None,
        frozen: Sequence[ToolSpec] = (),
    ) -> None:
        """Args say what is in the list.

        Args:
            sources: What is there from the first.
            small: The list is for a small window, and shows less than can be called.
            late: What may not be there yet.
            frozen: The list so far: where the sources' part of it is the same, the late part stays as it is.
        """
        self._sources = tuple(sources)
        self._small = small
        self._late = late
        self._frozen = tuple(frozen)
        self._owners: dict[str, _Owned] | None = None
        self._listed: tuple[ToolSpec, ...] | None = None
        self._told: set[str] = set()

    async def specs(self) -> Sequence[ToolSpec]:
        """Every tool in the order of the sources, late ones, the dispatcher last; for a small window those it has to show.

        It stays the same for as long as this lives. Without a source there is none, and nothing to dispatch to.
        """
        if not self._sources:
            return ()
        own = await self._known()
        *first, dispatcher = shown((*(spec for spec, _ in own.values()), DISPATCHER), small=self._small)
        if self._listed is None:
            end = len(first)
            if self._frozen[:end] == tuple(first) and self._frozen[end:][-1:] == (dispatcher,):
                self._listed = self._frozen[end:-1]
            else:
                self._listed = await self._late.fitting((*first, dispatcher), own) if self._late else ()
        return (*first, *self._listed, dispatcher)

    async def late(self, told: Collection[str]) -> ToolsAnnounced | None:
        """See ``ToolList``."""
        self._told.update(told)
        if self._late is None or not self._sources:
            return None
        known = {*await self._known(), *(spec.name for spec in await self.specs()), *told}
        new = [spec for spec in await self._late.source.specs() if spec.name not in known]
        if not new:
            return None
        self._told.update(spec.name for spec in new)
        announced: ToolsAnnounced = load("py_mono.tools.announcing:announcement")(new, self._late.longest)
        return announced

    async def call(self, call: ToolCall, on_output: Callable[[str], None]) -> ToolResult:
        """Check the arguments and hand the call to the tool's owner; see ``ports.ToolSource``.

        A name that differs from a tool's by its spelling alone is that tool's. Any other unknown name is refused.
        """
        owners = await self._owned()
        name, arguments = _name(call.name, {**owners, DISPATCHER.name: (DISPATCHER, self)}), call.arguments
        if call.malformed:
            spec = DISPATCHER if name == DISPATCHER.name else owners[name][0] if name in owners else None
            return _refusal(call, load("py_mono.tools.malformed:explain")(call, spec, await self._seen()))
        if name == DISPATCHER.name:
            meant, wrong = check(DISPATCHER, arguments)
            if wrong:
                return _refusal(call, wrong)
            name, arguments = _name(meant["name"], owners), meant.get("arguments", {})
        if name not in owners and self._late is not None:
            owners = await self._settled(self._late)
            name = _name(name, owners)
        if name not in owners:
            return await self._refused(replace(call, name=name, arguments=arguments), owners, on_output)
        spec, source = owners[name]
        meant, wrong = check(spec, arguments)
        if wrong:
            return _refusal(call, wrong + self._parameters(spec))
        return await source.call(ToolCall(call.id, name, meant), on_output)

    def _parameters(self, spec: ToolSpec) -> str:
        """What a late tool takes, in full: the model may have seen its name alone."""
        if self._owners is None or spec.name in self._owners:
            return ""
        schema = encode(spec.parameters).decode()
        return f". Its parameters: {schema}" if len(schema) <= _SCHEMA else ""

    async def _refused(self, call: ToolCall, owners: dict[str, _Owned], on_output: Callable[[str], None]) -> ToolResult:
        """The answer to a call of what cannot be called: whoever had it says why it is gone."""
        gone = {spec.name: spec for spec in self._listed or ()}
        if call.name in gone or call.name in self._told:
            if self._late is not None:
                return await self._late.source.call(call, on_output)
            origin = f" of {gone[call.name].source}" if call.name in gone else ""
            return _refusal(call, f"the tool {call.name!r}{origin} is gone: its server is not configured any more")
        seen = await self._seen()
        late = [name for name in owners if name not in {*seen, *(self._owners or ())}]
        return _refusal(call, refusal(call.name, seen, late))

    async def _seen(self) -> list[str]:
        return [spec.name for spec in await self.specs() if spec.name != DISPATCHER.name]

    async def _settled(self, late: Late) -> dict[str, _Owned]:
        """All owners, once nothing is about to be there that may have the name that is called."""
        await late.settle()
        return await self._owned()

    async def _owned(self) -> dict[str, _Owned]:
        """All that can be called now."""
        owners = dict(await self._known())
        if self._late is not None and self._sources:
            for spec in await self._late.source.specs():
                owners.setdefault(spec.name, (spec, self._late.source))
        return owners

    async def _known(self) -> dict[str, _Owned]:
        if self._owners is None:
            owners: dict[str, _Owned] = {}
            for source in self._sources:
                for spec in await source.specs():
                    owners.setdefault(spec.name, (spec, source))
            self._owners = owners
        return self._owners


def _name(name: str, owners: dict[str, _Owned]) -> str:
    """The name of the tool that is meant: this one, one of a server without the server's, or another spelling of one."""
    if name in owners:
        return name
    server, _, tool = name.partition("__")
    if tool in owners and owners[tool][0].source == f"{FROM_SERVER}{server}":
        return tool
    return respelled(name, owners) or name


def _refusal(call: ToolCall, text: str) -> ToolResult:
    return ToolResult(call.id, call.name, text, is_error=True)
