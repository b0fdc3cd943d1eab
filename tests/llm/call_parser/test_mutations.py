"""One character of a printed call is changed: what is called is as it was, visibly that change, or nothing."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from py_mono.llm.call_parser.parse import parse
from py_mono.protocol.tools import ToolCall
from tests.llm.call_parser.samples import SAMPLES, TOOLS, Sample

KNOWN = {tool.name: tool.parameters for tool in TOOLS}
TYPES = {"string": str, "boolean": bool, "integer": int, "array": list, "object": dict, "number": float}
ESCAPE = len("\\ud83e\\udd8a")
"""Characters that one changed character can change: those of an emoji in JSON's escapes, or what they stand for."""
CHANGES = st.one_of(
    st.just(""),
    st.sampled_from("{}[]()<>\"'\\,:;=/|`#*-_ \n\tax01.u“”&$%!"),
    st.characters(codec="utf-8"),
)


def accepted(call: ToolCall) -> bool:
    """Whether the check before every call lets it pass: the tool is known, and its schema takes the arguments."""
    schema = KNOWN.get(call.name)
    if schema is None:
        return False
    shapes = schema["properties"]
    return set(schema["required"]) <= call.arguments.keys() <= shapes.keys() and all(
        isinstance(value, TYPES[shapes[key]["type"]]) for key, value in call.arguments.items()
    )


def shown(call: ToolCall) -> str:
    return f"{call.name} {json.dumps(call.arguments, ensure_ascii=False)}"


def differing(one: str, other: str) -> int:
    """How many characters stand between what two texts begin with and what they end with, both."""
    short = min(len(one), len(other))
    begin = next((at for at in range(short) if one[at] != other[at]), short)
    end = next((at for at in range(short - begin) if one[-1 - at] != other[-1 - at]), short - begin)
    return max(len(one), len(other)) - begin - end


@settings(max_examples=1_500, deadline=None)
@given(
    st.sampled_from([sample for sample in SAMPLES if sample.calls]),
    st.floats(0, 1, exclude_max=True),
    st.integers(0, 1),
    CHANGES,
)
def test_one_wrong_character_never_changes_more_than_a_reader_would_say(
    sample: Sample, place: float, width: int, put: str
) -> None:
    at = int(place * len(sample.printed))
    printed = sample.printed[:at] + put + sample.printed[at + width :]
    for call in parse(printed, TOOLS).calls:
        if not call.malformed and accepted(call):
            near = min(differing(shown(call), shown(meant)) for meant in sample.calls if meant.name == call.name)
            assert near <= ESCAPE, printed
