"""``/approvals``: what was agreed to for this workspace, and to forget it."""

from collections.abc import Callable, Sequence
from functools import partial
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
    if not known:
        return _NOTHING
    if not words:
        width = len(str(len(known)))
        return "\n".join(f"{number:>{width}}  {said}" for number, (said, _) in enumerate(known, 1))
    number = words[1] if len(words) == 2 and words[0] == "forget" else ""  # noqa: PLR2004 - forget and its number
    if not (number.isascii() and number.isdecimal() and 0 < int(number[:6]) <= len(known)):
        return f"{_USAGE} There {'are' if len(known) > 1 else 'is'} 1 to {len(known)}."
    said, forget = known[int(number) - 1]
    forget()
    return f"Forgotten: {said}. You are asked again."


def choices(app: "App") -> Sequence[tuple[str, str]]:
    """What may stand after the command."""
    return [("forget", "ask me again about one")] if _known(app) else []


def _known(app: "App") -> list[tuple[str, Callable[[], None]]]:
    """What was said, each with what forgets it: rules, those of this session, and consents to a content."""
    rules, consents = app.gate.rules, app.gate.consents
    kept = [rule.key for rule in rules.rules]
    keys = [*((key, "") for key in kept), *((key, " (this session)") for key in rules.session if key not in kept)]
    found: list[tuple[str, Callable[[], None]]] = []
    found += [(one_line(spelled(key)) + till, partial(rules.forget, key)) for key, till in keys]
    for kind, name, yes in consents.known():
        what = f"the MCP server {name} is" if kind == "mcp" else f"{name} is"
        said = f"{what} {'' if yes else 'not '}{'used' if kind == 'mcp' else 'read'}, as it was when you were asked ({kind})"
        found.append((one_line(spelled(said)), partial(consents.forget, kind, name)))
    return found
