"""The lock in words: which of its layers hold, which do not and why, and what that leaves open."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from py_mono.protocol.errors import SandboxError
from py_mono.ui.terminal import one_line

_NAMES = {"landlock": "Landlock"}

Report = Callable[[], Awaitable[Mapping[str, Any]]]
"""Asks the worker: ``layers`` (name to ``on…`` or ``off: why``) and ``open`` (sentences)."""


class Lock(NamedTuple):
    """What to say of it.

    Attributes:
        summary: One line.
        gaps: What is left open, a line each; empty where no layer is missing.
    """

    summary: str
    gaps: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join((self.summary, *self.gaps))


async def describe(report: Report, *, network: bool) -> Lock:
    """Wait until the worker is in its lock, and put that in words; what failed there is its own gap. Never raises."""
    try:
        said = await report()
    except SandboxError as error:
        return Lock(f"NO TOOLS: {one_line(str(error))}", (one_line(error.remedy),) if error.remedy else ())
    layers: Mapping[str, str] = said["layers"]
    off = {name: state for name, state in layers.items() if not state.startswith("on")}
    gaps = tuple(one_line(sentence) for sentence in said["open"])
    if len(off) == len(layers):
        return Lock("NO LOCK: --sandbox off", gaps)
    on = ", ".join(f"{_NAMES.get(name, name)}{_lacking(layers[name])}" for name in layers if name not in off)
    reach = "the network is on" if network else "no network"
    if not off:
        return Lock(f"lock: {on}; {reach}", ())
    missing = ", ".join(
        f"{_NAMES.get(name, name)} ({one_line(state.removeprefix('off: '))})" for name, state in off.items()
    )
    return Lock(f"lock: WITHOUT {missing}; with {on}; {reach}", gaps)


def _lacking(state: str) -> str:
    """What a layer that is on does without: ``on without pids (why)``."""
    lacking = one_line(state.removeprefix("on").partition(" (")[0])
    return f" {lacking}" if lacking else ""
