"""What a call would take that the lock does not give: the network, or paths outside."""

import re
from collections.abc import Iterator, Sequence
from functools import cache

from msgspec import Struct

from py_mono.protocol.approvals import NeedKind
from py_mono.protocol.ports import NOTHING, Grant
from py_mono.protocol.tools import ToolCall, ToolSpec
from py_mono.security.approvals.command_line import commands_of
from py_mono.security.approvals.places import Granted, Places
from py_mono.security.approvals.plain_line import plain_commands
from py_mono.security.approvals.programs import MENTIONED, reach_of
from py_mono.security.approvals.simple_command import SimpleCommand, unwrapped

WITH_NETWORK = (
    "with the network, this command can send out whatever the workspace holds, and reach what this machine serves"
)
BACKGROUND = "it goes on in the background, and keeps this until the session ends"
_OUTSIDE = r"""(?:\A|[\s'"=<>;|&(])(?:/(?!usr/|bin/|dev/null|tmp/|proc/|lib)|\.\.(?:/|\s|\Z))|/\.\.(?:/|\s|\Z)"""
"""Where neither this nor ``MENTIONED`` is found, a line needs nothing, and is not parsed."""
_READ = frozenset(
    {"cat", "head", "tail", "ls", "cd", "pushd", "wc", "diff", "cmp", "stat", "file", "tree", "du", "less", "more"}
)
_WRITE = frozenset({"mkdir", "rmdir", "touch", "rm", "tee", "truncate"})
_COPY = frozenset({"cp", "mv", "ln", "install"})
_BUILTIN = frozenset({"echo", "printf", "true", "false", "pwd", "test", "[", "cd", "pushd", ":"})
_HARMLESS = frozenset({"cat", "head", "tail", "ls", "wc", "diff", "cmp", "stat", "du", "grep", "cut", "tr", "sleep"})
"""Programs that can neither write, nor reach the network, nor start another program, whatever their arguments."""
_HARMLESS_GIT = frozenset({"add", "commit", "status", "diff", "log", "show", "tag", "branch", "rev-parse", "switch",
                           "checkout", "stash"})  # fmt: skip

_compiled = cache(re.compile)


class Need(Struct, frozen=True):
    """One thing a call would take.

    Attributes:
        kind: What it is.
        keys: The names under which it may be remembered, all of which have to be; none where it may not be.
        reason: Why, in words.
        grant: What the call gets for it.
    """

    kind: NeedKind
    keys: tuple[str, ...]
    reason: str
    grant: Grant = NOTHING


class Needs(Struct, frozen=True):
    """All a call would take.

    Attributes:
        asked: What a person has to agree to.
        free: What it gets without being asked about, beside that.
        refusal: Why it cannot run at all, or empty.
        note: What a person should know beside the reasons; or empty.
    """

    asked: tuple[Need, ...] = ()
    free: Grant = NOTHING
    refusal: str = ""
    note: str = ""


def needs_of(call: ToolCall, spec: ToolSpec, places: Places, *, network: bool = False) -> Needs:
    """What a call would take whose arguments were checked; no network where the lock gives it anyway. Never raises."""
    if spec.source != "builtin":
        return Needs()
    if call.name == "shell":
        needs = _of_shell(str(call.arguments.get("command", "")), places, network=network)
        return _lasting(needs) if needs.asked and call.arguments.get("background") else needs
    path = call.arguments.get("path")
    if not isinstance(path, str) or "\0" in path or not path.strip() or path.startswith("~"):
        return Needs()  # the tool itself says what is wrong with it
    return _of_path(path, places, writes=spec.effect != "read")


def _of_path(path: str, places: Places, *, writes: bool) -> Needs:
    if not writes and (real := places.readable(path)):
        return Needs(free=Grant(reads=(real,)))
    wish = places.writing(path) if writes else places.reading(path)
    if wish.refusal:
        return Needs(refusal=wish.refusal)
    return Needs((_outside(wish.path, writes=writes),)) if wish.path else Needs()


def _outside(path: str, *, writes: bool) -> Need:
    if writes:
        reason = f"{path} lies outside the workspace, and what is changed there cannot be undone"
        return Need("outside", (f"write {path}",), reason, Grant(writes=(path,)))
    return Need("outside", (f"read {path}",), f"{path} lies outside the workspace", Grant(reads=(path,)))


def _of_shell(line: str, places: Places, *, network: bool) -> Needs:
    if not _compiled(MENTIONED).search(line) and not _compiled(_OUTSIDE).search(line):
        return Needs()
    commands = commands_of(line)
    coverable = _coverable(line, commands, places)
    found: list[Need] = []
    notes: list[str] = []
    for command in commands:
        reach = reach_of(command) if not network else None
        if reach is not None:
            own = places.planted(command.program) if command.program else ""
            keys = tuple(f"{key} ({own})" if own else key for key in reach.keys) if coverable else ()
            found.append(Need(reach.kind, keys, reach.reason, Grant(network=True)))
            if own:
                notes.append(f"{command.program} goes by {own}, which an earlier command may have written")
        for wish, writes in _paths(command, places):
            if wish.path:
                need = _outside(wish.path, writes=writes)
                found.append(need if coverable else Need(need.kind, (), need.reason, need.grant))
    if any(need.grant.network for need in found):
        notes.insert(0, WITH_NETWORK)
    return Needs(tuple(dict.fromkeys(found)), note="; ".join(dict.fromkeys(notes)))


def _lasting(needs: Needs) -> Needs:
    """What a command takes that goes on in the background: it keeps it, so it is asked about each time."""
    asked = tuple(Need(need.kind, (), need.reason, need.grant) for need in needs.asked)
    return Needs(asked, needs.free, needs.refusal, "; ".join(filter(None, (BACKGROUND, needs.note))))


def _paths(command: SimpleCommand, places: Places) -> Iterator[tuple[Granted, bool]]:
    """What a command's files outside take, as far as its program is known to read or write what it names."""
    for word in command.writes:
        yield _wish(word.text, places, writes=True)
    for word in command.reads:
        yield _wish(word.text, places, writes=False)
    words = unwrapped(command).words
    name = words[0].text.rpartition("/")[2] if words else ""
    named = [word.text for word in words[1:] if word.literal and not word.text.startswith("-")]
    for at, text in enumerate(named):
        last = at == len(named) - 1
        if name == "git" and named[0] == "clone":
            yield _wish(text, places, writes=last and at > 1)
        elif name in _READ or name == "git":
            yield _wish(text, places, writes=False)
        elif name in _WRITE or (name in _COPY and (last or name == "mv")):
            yield _wish(text, places, writes=True)
        elif name in _COPY:
            yield _wish(text, places, writes=False)


def _wish(path: str, places: Places, *, writes: bool) -> tuple[Granted, bool]:
    leads_out = path.startswith("/") or ".." in path.split("/")
    if not leads_out or places.shown_by_lock(path):
        return Granted(), writes
    return (places.writing(path) if writes else places.reading(path)), writes


def _coverable(line: str, commands: Sequence[SimpleCommand], places: Places) -> bool:
    """Whether a remembered rule may speak for a line: both readers see the same plain commands, and no other program.

    The whole line gets what the rule gives, so a program that nobody agreed to must not stand beside the one that was.
    """
    plain = plain_commands(line)
    commands = [command for command in commands if command.words]  # without them: what a whole list redirects to
    seen = [tuple(word.text for word in command.words) for command in commands]
    if plain is None or list(plain) != seen or any(command.reads for command in commands):
        return False
    asked = [command for command in commands if reach_of(command) is not None]
    by_git = all(command.program == "git" for command in asked)
    return all(command in asked or _does_nothing(command, places, by_git=by_git) for command in commands)


def _does_nothing(command: SimpleCommand, places: Places, *, by_git: bool) -> bool:
    """Whether a command can do nothing with what the line gets.

    ``by_git``: only git gets it, whose hooks run with it anyway, so that its other subcommands may stand beside.
    """
    name = command.program
    if name == "git" and not (by_git and len(command.words) > 1 and command.words[1].text in _HARMLESS_GIT):
        return False
    return name in _BUILTIN or (name in {*_HARMLESS, "git"} and not places.planted(name))
