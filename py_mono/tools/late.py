"""Where late tools come from, and which of them stand in a list."""

from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from py_mono.protocol.ports import ToolSource
from py_mono.protocol.tools import ToolSpec
from py_mono.tools.profile import wire_bytes

_FIRST = "get_current_datetime"
"""What a model can find out in no other way that it can trust, and small models call by its name."""


class Late(Struct, frozen=True):
    """The late tools of one turn.

    Attributes:
        source: Lists and calls them, its calls gated and held to the window.
        settle: Waits, within limits, for what is about to be there.
        room: Bytes that a list may have in a request, the tools that are no late ones included.
        longest: Characters of an announcement.
    """

    source: ToolSource
    settle: Callable[[], Awaitable[None]]
    room: int
    longest: int

    async def fitting(self, others: Sequence[ToolSpec], taken: Collection[str]) -> tuple[ToolSpec, ...]:
        """As many as fit beside ``others``, that which every model asks for first; none of a name that is ``taken``."""
        late = [_shown(spec) for spec in await self.source.specs() if spec.name not in taken]
        late.sort(key=lambda spec: spec.name != _FIRST)
        return tuple(_within(late, self.room - sum(map(wire_bytes, others))))


def _shown(spec: ToolSpec) -> ToolSpec:
    """Without what only whoever checks the arguments needs: which JSON Schema it is written in."""
    return replace(spec, parameters={name: value for name, value in spec.parameters.items() if name != "$schema"})


def _within(specs: Sequence[ToolSpec], room: int) -> Iterator[ToolSpec]:
    for spec in specs:
        size = wire_bytes(spec)
        if size <= room:
            room -= size
            yield spec
