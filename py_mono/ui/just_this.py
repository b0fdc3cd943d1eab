"""``use groq just for this task: …``: a message that says who is to answer it alone."""

import re
from typing import TYPE_CHECKING, NamedTuple

from py_mono.protocol.errors import ConfigError
from py_mono.ui.terminal import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from py_mono.ui.app import App

_ONE = r"this(?:\s+(?:one|single))?\s+(?:task|request|message|question|prompt|turn)"
_ALONE = rf"(?:(?:just|only)\s+for\s+{_ONE}|for\s+(?:just|only)\s+{_ONE}|for\s+{_ONE}\s+(?:only|alone|just))"
_MODEL = r"(?:with\s+)?(?P<model>(?=\S*[\d/:.-])[^\s,;]*[^\s,;:.!-])"
_USE = rf"use\s+(?:the\s+)?(?P<name>[a-z]+)(?:/(?P<slashed>\S+?))?(?:\s+provider)?(?:\s+{_MODEL})?"
_USE_LAST = _USE.replace("?P<", "?P<last_")
_PLEASE = r"\s*(?:please[,\s]\s*)?"
_END = r"(?:\s*$|\s*[:;,.!\u2013\u2014-]+(?=\s|$)\s*|\s*\n\s*)"
_BEFORE = rf"{_PLEASE}(?:{_USE}\s+{_ALONE}(?:\s*:|{_END})|{_ALONE}[,:]?\s+{_USE_LAST}{_END})"
_AFTER = rf"(?:(?<=[.!?;,\n\u2013\u2014])|^){_PLEASE}{_USE}\s+{_ALONE}\s*[.!]?\s*$"
_NEEDED = "this"
"""Without that there is nothing to be found; the others take milliseconds to compile, and are with the first use."""

_LONGEST = 200
"""Characters of a message in which the words are looked for, at its beginning and at its end."""


class JustThis(NamedTuple):
    """What such a message says: who is to answer, with which model (empty: the usual one), and the message without it."""

    name: str
    model: str
    task: str


class Heard(NamedTuple):
    """What becomes of a message: what goes to the model (empty: nothing), what is said, and whether that is a failure."""

    task: str
    said: str = ""
    failed: bool = False


def understood(text: str, names: "Sequence[str]") -> JustThis | None:
    """What a message says of who is to answer it alone; None where it says nothing of the kind.

    The words stand at its beginning or at its end, and only the name of a provider makes them mean that: else a message is
    the model's to understand.
    """
    if _NEEDED not in text.lower():
        return None
    first = re.match(_BEFORE, text[:_LONGEST], re.IGNORECASE)
    if first is not None and (first.end() < _LONGEST or len(text) == _LONGEST):
        found, task = first.groupdict(), text[first.end() :]
    else:
        last = re.compile(_AFTER, re.IGNORECASE).search(text, max(len(text) - _LONGEST, 0))
        if last is None:
            return None
        found, task = last.groupdict(), text[: last.start()].rstrip(" ,;\n\u2013\u2014")
    said = {key.removeprefix("last_"): value for key, value in found.items() if value}
    name = said.get("name", "").lower()
    if name not in names:
        return None
    return JustThis(name, said.get("slashed") or said.get("model", ""), task.strip())


def hear(app: "App", text: str) -> Heard:
    """Have a message answered by whom it says; where that cannot be had, nothing is sent.

    Where it says nothing but that, the next message is answered so.
    """
    manager = app.providers
    found = understood(text, manager.providers.names())
    if found is None:
        return Heard(text)
    if app.redact(found.model) != found.model:
        return Heard("", f"What stands there for a model looks like a key: /key {found.name} stores one.", failed=True)
    try:
        made = manager.create_once(found.name, found.model)
    except ConfigError as error:
        return Heard("", f"{error.told}\nNothing was sent.", failed=True)
    manager.bind_once(made)
    if found.task:
        return Heard(found.task)
    active = manager.active
    return Heard(
        "",
        f"{one_line(made.model)} ({made.name}) answers your next message; then {one_line(active.model)} ({active.name}) again.",
    )
