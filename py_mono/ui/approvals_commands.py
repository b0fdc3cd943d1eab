"""``/approvals``: what was agreed to for this workspace, and to forget it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from py_mono.ui.rendering.exact import spelled
from py_mono.ui.terminal import one_line

if TYPE_CHECKING:
    from py_mono.ui.app import App

_USAGE = "/approvals lists what you agreed to, /approvals forget N takes one back."
_NOTHING = "You agreed to nothing beforehand: you are asked before anything that cannot be undone."


async def approvals(app: "App", arguments: str) -> str:
    """What ``/approvals`` says."""
    known = _known(app)
    words = arguments.split()
    if not words:
        if not known:
            return _NOTHING
        width = len(str(len(known)))
        return "\n".join(f"{n:>{width}}  {_said(key)}{till}" for n, (key, till) in enumerate(known, 1))
    number = words[1] if len(words) == 2 and words[0] == "forget" else ""  # noqa: PLR2004 - forget and its number
    if not (number.isascii() and number.isdecimal() and 0 < int(number[:6]) <= len(known)):
        return f"{_USAGE} There {'are' if len(known) > 1 else 'is'} 1 to {len(known)}." if known else _NOTHING
    key, _ = known[int(number) - 1]
    app.gate.rules.forget(key)
    return f"You are asked about {_said(key)} again."


def choices(app: "App") -> Sequence[tuple[str, str]]:
    """What may stand after the command."""
    return [("forget", "no longer agree to one")] if _known(app) else []


def _known(app: "App") -> list[tuple[str, str]]:
    """Each name, with until when it holds where that is not for ever."""
    rules = app.gate.rules
    kept = [rule.key for rule in rules.rules]
    return [*((key, "") for key in kept), *((key, "  (this session)") for key in rules.session if key not in kept)]


def _said(key: str) -> str:
    return one_line(spelled(key))
