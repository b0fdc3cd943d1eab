"""How servers word that a prompt is longer than the model's window."""

import re

_TOO_LONG = re.compile(
    r"context[ _](?:length|size|window)|maximum context|longer than the context|exceeds? .{0,40}context"
    r"|prompt is too long|input token count .{0,60}exceeds|reduce the length of the messages|request too large"
    r"|too many (?:input )?tokens",
    re.IGNORECASE,
)


def says_too_long(text: str) -> bool:
    """Whether a server's refusal is about the prompt's length."""
    return _TOO_LONG.search(text) is not None
