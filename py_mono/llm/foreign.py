"""A conversation as a server takes it that is asked next: what other models' replies hold that it would refuse."""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from py_mono.protocol.messages import AssistantMessage, Message, ToolMessage
from py_mono.protocol.tools import ToolCall


def is_own(message: AssistantMessage, model: str) -> bool:
    """Whether a model made a reply itself, so that its thinking and signatures in it are its own.

    The same name is the same model: names of the clouds begin with whose they are. Anthropic's signatures hold wherever the
    model runs; those of another model, an older one of the same family included, are refused.
    """
    return message.model == model


def each_call_once(messages: Sequence[Message]) -> Iterator[Message]:
    """The conversation with calls that a reply makes twice made once, all their results in the first one's.

    For who tells calls apart by name and arguments alone.
    """
    first: dict[str, str] = {}
    for at, message in enumerate(messages):
        if isinstance(message, AssistantMessage):
            first = _first_of_each(message.tool_calls)
            kept = tuple(call for call in message.tool_calls if first[call.id] == call.id)
            yield message if len(kept) == len(message.tool_calls) else replace(message, tool_calls=kept)
        elif not isinstance(message, ToolMessage):
            yield message
        elif first.get(message.result.call_id, message.result.call_id) == message.result.call_id:
            yield _with_the_others(message, first, messages[at + 1 : at + len(first)])


def _first_of_each(calls: Sequence[ToolCall]) -> dict[str, str]:
    """The id of each call, and that of the first that asks for the same."""
    found: list[tuple[str, dict[str, Any], str]] = []
    first = {}
    for call in calls:
        same = next(
            (id_ for name, arguments, id_ in found if (name, arguments) == (call.name, call.arguments)), call.id
        )
        first[call.id] = same
        if same == call.id:
            found.append((call.name, call.arguments, call.id))
    return first


def _with_the_others(message: ToolMessage, first: dict[str, str], following: Sequence[Message]) -> ToolMessage:
    own = message.result.call_id
    others = [
        one.result.content
        for one in following
        if isinstance(one, ToolMessage) and one.result.call_id != own and first.get(one.result.call_id) == own
    ]
    if not others:
        return message
    return ToolMessage(replace(message.result, content="\n".join([message.result.content, *others])))
