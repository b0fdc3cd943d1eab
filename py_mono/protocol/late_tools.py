"""Tools that come and go while a session runs: how they are told of, and the door to them."""

from collections.abc import Collection
from typing import Protocol

from py_mono.protocol.announcing import ToolsAnnounced
from py_mono.protocol.ports import ToolSource


class LateTools(ToolSource, Protocol):
    """Tools of somebody who may not be there yet, or not any more: a server, say.

    ``specs`` never waits: it gives what is known now, and its order and content may differ from one time to the next. A
    call of one that is not there waits for it, within limits, and else comes to a result that says what is wrong.
    """

    async def settle(self, timeout_s: float) -> None:
        """Wait until nothing is about to become known, so many seconds at most. Never raises but when cancelled."""


class ToolList(ToolSource, Protocol):
    """The tools of a session: those that stand at the front of its requests (``specs``), and those that came later."""

    def late(self, told: Collection[str]) -> ToolsAnnounced | None:
        """What can be called now, is not in the list, and is not one of ``told``; None where there is nothing.

        Never waits. Asked before each request, so that a tool which comes up in a turn can be called in the same turn.
        """
