"""A reply that the output limit cut in the middle of a tool call, whoever finds it out."""

from py_mono.protocol.errors import BadResponse


def call_cut(remedy: str = "", *, who: str = "") -> BadResponse:
    """The error; ``remedy`` is what else would mend it, ``who`` whose reply it was, where that is worth saying."""
    what = "the reply was cut by the output limit in the middle of a tool call; the call was not run"
    smaller = "ask for the change in smaller pieces"
    return BadResponse(f"{who}: {what}" if who else what, remedy=f"{smaller}, or {remedy}" if remedy else smaller)
