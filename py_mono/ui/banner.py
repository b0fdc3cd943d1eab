"""The first lines of a REPL: who is there, and which session goes on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from py_mono.protocol.events import Envelope, SessionStarted, TurnStarted
from py_mono.ui.terminal import clip, one_line

if TYPE_CHECKING:
    from py_mono.ui.app import App

_PROMPT_COLUMNS = 40


def banner(app: "App") -> str:
    """Two lines, or three where a session goes on; harmless."""
    model = one_line(f"{app.provider.name} {app.provider.model}")
    lines = (
        f"py-mono {app.version} · {model} · {one_line(app.workspace)}",
        _goes_on(app.past),
        "/help shows what there is",
    )
    return "\n".join(filter(None, lines))


def _goes_on(past: Sequence[Envelope]) -> str:
    """What is known of the session so far, in a line; empty for a new one."""
    if not past or not isinstance(past[0].event, SessionStarted):
        return ""
    start = past[0].event
    copy = f" (a copy of {one_line(start.parent)})" if start.parent else ""
    prompts = [envelope.event.message.text for envelope in past if isinstance(envelope.event, TurnStarted)]
    turns = f"{len(prompts)} turn{'' if len(prompts) == 1 else 's'}"
    began = f', "{clip(one_line(prompts[0]), _PROMPT_COLUMNS)}"' if prompts else ""
    return f"goes on with {one_line(start.session_id)}{copy}: {turns}{began}"
