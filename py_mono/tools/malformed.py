"""What a model is told of a call that could not be read: what was wrong, where, and what would be right."""

import json
from collections.abc import Sequence

from py_mono.protocol.tools import ToolCall, ToolSpec
from py_mono.tools.schema import shape

_NEAR = 24
_SHOWN = 200


def explain(call: ToolCall, spec: ToolSpec | None, tools: Sequence[str]) -> str:
    """The refusal of a malformed call; ``spec`` is of the tool it names, if it names one of ``tools``."""
    fault = _fault(call.malformed)
    if spec is None:
        return f"the call of {call.name!r} could not be read, so nothing was run: {fault}. The tools are: {', '.join(tools)}"
    return (
        f"the arguments of {call.name} are not a JSON object, so nothing was run: {fault}. Send {shape(spec)} as one JSON "
        'object: names and texts in double quotes, inside a text \\n for a new line and \\" for a quote. What is long '
        "can be written in several smaller calls."
    )


def _fault(raw: str) -> str:
    start = raw.find("{")
    try:
        json.JSONDecoder().raw_decode(raw, max(start, 0))
    except json.JSONDecodeError as error:
        if start >= 0:
            near = raw[max(error.pos - _NEAR, 0) : error.pos + _NEAR]
            wrong = error.msg.lower().removesuffix(" starting at")
            return f"{wrong} at character {error.pos - start + 1}, near {near!r}"
    except (ValueError, RecursionError):
        pass  # numbers too long, lists too deep: the text itself says it
    return raw if len(raw) <= _SHOWN else raw[:_SHOWN] + "…"
