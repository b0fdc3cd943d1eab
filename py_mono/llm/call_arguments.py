"""A call's arguments as servers hand them on: an object, or a text that holds one."""

import msgspec

from py_mono.protocol.tools import ToolCall

_TIMES_ENCODED = 2
"""Text that holds the text of an object is what some models make of arguments."""


def call_with(arguments: object, *, name: str, id_: str = "") -> ToolCall:
    """The call; nothing at all is no arguments, and what is no object makes it a malformed one.

    Args:
        arguments: Decoded JSON, or text.
        name: The tool's, as the model wrote it.
        id_: The server's, or empty.
    """
    value = None if isinstance(arguments, str) and not arguments.strip() else arguments
    for _ in range(_TIMES_ENCODED):
        if isinstance(value, str):
            try:
                value = msgspec.json.decode(value)
            except (ValueError, RecursionError):
                break
    if isinstance(value, dict | None):
        return ToolCall(id_, name, value or {})
    raw = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
    return ToolCall(id_, name, {}, raw)
