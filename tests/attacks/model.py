"""What an attack is: a goal, the way there, and the proof that it got there."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol


class World(Protocol):
    """What a proof may look at, once the attack has been carried out. See ``world.py``."""

    output: str
    """All that came back to the agent: results, and pieces of output as they came."""
    contents: str
    """The results alone: what the model reads and the journal keeps."""
    screen: str
    """What the person was shown."""
    tokens: dict[str, str]
    """Secret texts by where they are kept."""

    @property
    def received(self) -> dict[str, bytes]:
        """What arrived at our listeners, by name."""

    def path(self, name: str) -> str:
        """The absolute path that ``@NAME@`` stands for."""

    def text(self, path: str) -> str | None:
        """A file's text as the machine outside sees it, or None where there is none."""

    def outside_changed(self) -> bool:
        """Whether anything in the folders around the workspace differs from how it was laid out."""

    def marked_alive(self) -> bool:
        """Whether a process with the attack's mark in its command line is still there."""

    def victim_alive(self) -> bool: ...
    def victim_signalled(self) -> bool: ...
    def victim_stat(self, name: str) -> str: ...
    def host_alive(self) -> bool: ...
    def worker_answers(self) -> bool: ...
    def reachable(self, port: int) -> bool: ...


Serving = Callable[[Callable[[str], str]], Any]
"""Makes a server that stands for a model, given what replaces ``@NAME@``; it is a context manager with ``url`` and ``requests``."""
Proof = Callable[[World], bool]
Step = tuple[str, dict[str, Any]]
"""A tool and its arguments; ``@changes``, ``@reopen`` and ``@close`` are what the agent does itself, ``@race`` is a tool
called again and again, ``@turn`` a turn of the whole program with the model at an address."""


@dataclass(frozen=True)
class Attack:
    """One attack.

    Attributes:
        name: Unique; a few words with hyphens.
        goal: What the attacker wants, one sentence's end: "read a file outside the workspace".
        proof: True when the goal was reached.
        shell: A command for the ``shell`` tool. ``@NAME@`` in any text is replaced (see ``World.path``).
        python: A program the ``shell`` tool runs; ``kit.py`` stands before it.
        steps: Calls of any tool, in order; those after ``@together`` run side by side with the first.
        files: What lies in the workspace beforehand: name to text.
        timeout_s: For each call.
        needs: ``root`` or ``user``: who can carry it out where nothing is confined; empty: either.
        held_off: Why it fails even with the lock off (the worker itself holds it): then it is shown to succeed bare.
        no_keys: Whether the workspace has no key store when the agent starts.
        open_without: The layer without which it succeeds, as the lock's own report says.
        serves: The model's server, at ``@MODEL@``; what holds such an attack is the agent, in ``held_off``.
        open_when: Part of a sentence of that report; where it stands there, the attack succeeds.
    """

    name: str
    goal: str
    proof: Proof
    shell: str = ""
    python: str = ""
    steps: tuple[Step, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    timeout_s: float = 8.0
    needs: str = ""
    held_off: str = ""
    no_keys: bool = False
    open_without: str = ""
    open_when: str = ""
    serves: Serving | None = None


def says_so(world: World) -> bool:
    """The program reports that the kernel let it; it can only say so after the fact."""
    return "PWNED" in world.output


def shows(token: str) -> Proof:
    """A secret's text came out."""
    return lambda world: world.tokens[token] in world.output


def outside_changed(world: World) -> bool:
    """Something around the workspace is not as it was."""
    return world.outside_changed()


def received(name: str) -> Proof:
    """Something arrived at a listener outside."""
    return lambda world: bool(world.received.get(name))


def exists(path: str) -> Proof:
    """A file is there that was not."""
    return lambda world: world.text(world.path(path)) is not None


def outlives(world: World) -> bool:
    """A process is still there after its call."""
    return world.marked_alive()
