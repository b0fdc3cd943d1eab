"""Tools that come and go while a session runs: how they are told of, and the door to them."""

from collections.abc import Collection
from typing import Protocol

from py_mono.protocol.announcing import ToolsAnnounced
from py_mono.protocol.ports import ToolSource
from py_mono.protocol.tools import ToolCall

DISPATCHER = "call_tool"
"""The tool that calls those which are not in the list."""


class LateTools(ToolSource, Protocol):
    """Tools of somebody who may not be there yet, or not any more: a server, say.

    ``specs`` never waits: it gives what is known now, and its order and content may differ from one time to the next. A
    call of one that is known and whose owner is not there waits for it, within limits, and else comes to a result that
    says what is wrong. A call of one that is not among the ``specs`` when it is made comes to such a result, and is not
    run later either: nobody has judged it.
    """

    async def settle(self, timeout_s: float) -> None:
        """Wait for the tools of those who were never seen, so many seconds at most. Never raises but when cancelled.

        Who cannot be reached, or was seen before, is not waited for: what was seen is known.
        """


class ToolList(ToolSource, Protocol):
    """The tools of a session: those that stand at the front of its requests (``specs``), and those that came later."""

    async def late(self, told: Collection[str]) -> ToolsAnnounced | None:
        """What can be called now, is not in the list, and is not one of ``told``; None where there is nothing.

        Never waits. Asked before each request, so that a tool which comes up in a turn can be called in the same turn.
        """


def meant(call: ToolCall) -> ToolCall:
    """The call that a call of the dispatcher stands for, for a person to read; any other as it is."""
    name, arguments = call.arguments.get("name"), call.arguments.get("arguments", {})
    if call.name != DISPATCHER or not isinstance(name, str) or not isinstance(arguments, dict):
        return call
    return ToolCall(call.id, name, arguments)
