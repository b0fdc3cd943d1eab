"""What the size of the context window decides: which tools are shown, in how many words, and how long a result may be."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from py_mono.protocol.codec import encode
from py_mono.protocol.tools import ToolSpec

SMALL_WINDOW = 8_192
"""Tokens. Up to here the front of a request is kept small, beyond it the full one is used.

The full front takes 820 tokens: a fifth of a window of 4,096 and a tenth of one of 8,192, which has to hold a file, a
test run and the reply beside it. The next size that models come in is 16,384, where it is 5 %.
"""

_TOKEN = 4
"""Bytes of English or code to a token, near enough for a limit."""
_RESULT_SHARE = 6
"""A result takes a sixth of the window at most: a file read, a failed edit, a second read and a test run still fit."""
_LEAST_RESULT = 1_024
_CONTEXT_SHARE = 8
_MOST_CONTEXT = 12_000
_LEFT_OUT = frozenset({"list_files", "grep"})
"""What the shell does as well (``ls``, ``grep -rn``). The other four have no equal in it: a shell has no exact edit, it
shows no page of a file with how to go on, and text that goes through its quoting arrives changed."""
_SHORTER = {
    "read_file": "Read a text file; offset and limit count lines.",
    "edit_file": "Replace old_content, copied exactly and unique in the file.",
    "shell": "Run a bash command in the workspace.",
    "call_tool": "Call a tool announced later.",
}
FRONT, SMALL_FRONT = 4_800, 2_800
"""Bytes of system prompt and list of tools, the project's notes aside: 1,200 tokens, and 700 for a small window.

Tools that are not ours fill what ours leave of it: 380 tokens, for a small window 200.
"""
_ANNOUNCED, _SMALL_ANNOUNCED = 3_000, 1_000
_NEEDED = frozenset({"type", "properties", "required"})
"""What a model needs of a schema of ours to write a call; the rest is checked all the same."""


class Profile(Struct, frozen=True):
    """What a window allows.

    Attributes:
        small: Whether the front of a request is kept small.
        result_bytes: The longest result of a call, as UTF-8; 0 is no limit but the tools' own.
        context_chars: The most that is shown of the project's notes for agents.
        front_bytes: The most that system prompt and list of tools may have, as UTF-8, those notes aside.
        announced_chars: The most that is told at a time of tools that are not in the list.
    """

    small: bool = False
    result_bytes: int = 0
    context_chars: int = _MOST_CONTEXT
    front_bytes: int = FRONT
    announced_chars: int = _ANNOUNCED


def profile_of(window: int) -> Profile:
    """The profile of a window of so many tokens; where that is unknown (0), the full one."""
    if window <= 0:
        return Profile()
    size, small = window * _TOKEN, window <= SMALL_WINDOW
    return Profile(
        small=small,
        result_bytes=max(size // _RESULT_SHARE, _LEAST_RESULT),
        context_chars=min(size // _CONTEXT_SHARE, _MOST_CONTEXT),
        front_bytes=SMALL_FRONT if small else FRONT,
        announced_chars=_SMALL_ANNOUNCED if small else _ANNOUNCED,
    )


def wire_bytes(spec: ToolSpec) -> int:
    """How long a tool is in the list of a request, in bytes; the list has two more."""
    function = {"name": spec.name, "description": spec.description, "parameters": spec.parameters}
    return len(encode({"type": "function", "function": function})) + 1


def shown(specs: Sequence[ToolSpec], *, small: bool) -> tuple[ToolSpec, ...]:
    """The tools as a model sees them: all, or for a small window the indispensable ones, in fewer words.

    A tool that is not ours keeps its words, since nobody here knows which of them it can do without. One that is left
    out can be called all the same: a model that knows its name gets its answer.
    """
    if not small:
        return tuple(specs)
    has_shell = any(spec.name == "shell" for spec in specs)
    return tuple(_terse(spec) for spec in specs if not (has_shell and _ours(spec) and spec.name in _LEFT_OUT))


def _ours(spec: ToolSpec) -> bool:
    return spec.source in {"builtin", "control"}


def _terse(spec: ToolSpec) -> ToolSpec:
    if not _ours(spec):
        return spec
    return replace(
        spec, description=_SHORTER.get(spec.name, spec.description), parameters=_without_words(spec.parameters)
    )


def _without_words(schema: dict[str, Any]) -> dict[str, Any]:
    needed = {key: value for key, value in schema.items() if key in _NEEDED}
    if "properties" in needed:
        needed["properties"] = {name: _without_words(value) for name, value in needed["properties"].items()}
    return needed
