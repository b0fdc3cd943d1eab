"""Ids for tool calls: unique in a session, and the same again when the session is replayed."""

from collections.abc import Sequence

from py_mono.protocol.messages import AssistantMessage, Message
from py_mono.protocol.tools import ToolCall


def with_unique_ids(calls: Sequence[ToolCall], messages: Sequence[Message]) -> tuple[ToolCall, ...]:
    """The calls, each with an id that no call before it has.

    A server's own id is kept where it is new; a missing or repeated one becomes ``call_N``, N counting the session's
    calls from 1. Nothing but the conversation goes into it, so equal conversations give equal ids. A call that comes
    twice under one id of the server's is one call that was sent twice, and is kept once.
    """
    if not calls:
        return ()
    calls = [call for index, call in enumerate(calls) if not sent_twice(call, calls[:index])]
    taken = {call.id for message in messages if isinstance(message, AssistantMessage) for call in message.tool_calls}
    number = sum(len(message.tool_calls) for message in messages if isinstance(message, AssistantMessage))
    own = {call.id for call in calls}
    result = []
    for call in calls:
        number += 1
        name = call.id
        if not name or name in taken:
            name = f"call_{number}"
            extra = number
            while name in taken or name in own:
                extra += 1
                name = f"call_{extra}"
        taken.add(name)
        result.append(ToolCall(name, call.name, call.arguments, call.malformed))
    return tuple(result)


def sent_twice(call: ToolCall, before: Sequence[ToolCall]) -> bool:
    """Whether a call, its id the server's or empty, is one of those before it once more."""
    return bool(call.id) and call in before
