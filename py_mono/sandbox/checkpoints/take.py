"""HOST. From a look at the workspace to a tree: only what changed since the last one is read."""

import os
import stat
from collections.abc import Callable

import msgspec

from py_mono.protocol.errors import SandboxError
from py_mono.sandbox.checkpoints.folders import Folders
from py_mono.sandbox.checkpoints.settings import CACHES, CheckpointSettings
from py_mono.sandbox.checkpoints.tree import UNSEEN, UNSETTLED, Tree, shown
from py_mono.sandbox.checkpoints.writer import Writer
from py_mono.sandbox.keys import KEYS
from py_mono.sandbox.manifest import Entry, Manifest

_MAX_NAMED = 5
_KINDS = (
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISCHR, "a device"),
)


class Difference(msgspec.Struct, array_like=True):
    """How a tree is written down: what is gone, what is new or different, and all that is not kept."""

    gone: list[bytes]
    nodes: dict[bytes, tuple[Entry, bytes | None]]
    unkept: dict[bytes, str]
    left_out: dict[bytes, int]


_decoder = msgspec.msgpack.Decoder(Difference)
encode = msgspec.msgpack.encode


def unchanged(before: Tree, found: Manifest, left_out: dict[str, int]) -> bool:
    """Whether nothing can have changed, and nothing that could not be kept may be worth another try."""
    return (
        before.entries == found.entries and before.left_out == left_out and before.unkept.keys() == found.unseen.keys()
    )


def give_up(stop: Callable[[], bool]) -> None:
    """Raise SandboxError where it says so."""
    if stop():
        raise SandboxError("the checkpoint was given up: the program ends")


def gather(
    writer: Writer,
    folders: Folders,
    before: Tree,
    found: Manifest,
    settings: CheckpointSettings,
    *,
    stop: Callable[[], bool] = lambda: False,
) -> Tree:
    """The tree that was found, its contents brought to ``writer``.

    Raises:
        OSError: That cannot write.
        SandboxError: ``stop`` said so.
    """
    tree = Tree()
    tree.entries = found.entries
    tree.unkept = dict.fromkeys(found.unseen, UNSEEN)
    old, contents = before.entries, before.contents
    for path, entry in list(found.entries.items()):
        if stat.S_ISDIR(entry[0]):
            continue
        if path in contents and old[path] == entry:
            tree.contents[path] = contents[path]
        else:
            give_up(stop)
            read_into(writer, folders, tree, path, settings)
    tree.unkept = dict(sorted(tree.unkept.items()))
    return tree


def _unkept(path: str, entry: Entry, settings: CheckpointSettings) -> str:
    for is_kind, name in _KINDS:
        if is_kind(entry[0]):
            return f"it is {name}"
    if path == KEYS:
        return "it holds the operator's keys"
    if entry[1] > settings.max_file_bytes:
        return f"it is larger than {settings.max_file_bytes / 1_000_000:g} MB"
    return ""


def read_into(writer: Writer, folders: Folders, tree: Tree, path: str, settings: CheckpointSettings) -> None:
    """Take the content of what a tree names, or why there is none; where it is gone by now, it was never there."""
    if reason := _unkept(path, tree.entries[path], settings):
        tree.unkept[path] = reason
        return
    try:
        entry, data = folders.read(path, settings.max_file_bytes)
    except OverflowError:
        tree.unkept[path] = f"it is larger than {settings.max_file_bytes / 1_000_000:g} MB"
        return
    except (FileNotFoundError, NotADirectoryError):
        del tree.entries[path]
        return
    except OSError as error:
        tree.unkept[path] = f"it cannot be read ({error.strerror})"
        return
    if entry != tree.entries[path]:
        entry = (*entry[:3], UNSETTLED, *entry[4:])
    tree.entries[path] = entry
    tree.contents[path] = data if stat.S_ISLNK(entry[0]) else writer.add(data)


def difference(before: Tree, after: Tree) -> Difference:
    """What must be known beside ``before`` to have ``after``."""
    nodes = {
        os.fsencode(path): (entry, after.contents.get(path))
        for path, entry in after.entries.items()
        if before.entries.get(path) != entry or before.contents.get(path) != after.contents.get(path)
    }
    return Difference(
        [os.fsencode(path) for path in before.entries.keys() - after.entries.keys()],
        nodes,
        {os.fsencode(path): reason for path, reason in after.unkept.items()},
        {os.fsencode(path): stamp for path, stamp in sorted(after.left_out.items())},
    )


def applied(before: Tree, data: bytes) -> Tree:
    """The tree that an encoded difference makes of ``before``. Raises msgspec.MsgspecError."""
    said = _decoder.decode(data)
    tree = before.copy()
    for raw in said.gone:
        path = os.fsdecode(raw)
        tree.entries.pop(path, None)
        tree.contents.pop(path, None)
    for raw, (entry, content) in said.nodes.items():
        path = os.fsdecode(raw)
        tree.entries[path] = entry
        if content is None:
            tree.contents.pop(path, None)
        else:
            tree.contents[path] = content
    tree.unkept = {os.fsdecode(raw): reason for raw, reason in said.unkept.items()}
    tree.left_out = {os.fsdecode(raw): stamp for raw, stamp in said.left_out.items()}
    return tree


def note(tree: Tree) -> str:
    """What of the workspace a tree does not hold, in words; empty where it holds all but caches."""
    said = []
    if tree.unkept:
        named = [f"{shown(path)} ({reason})" for path, reason in list(tree.unkept.items())[:_MAX_NAMED]]
        more = f" and {len(tree.unkept) - _MAX_NAMED} more" if len(tree.unkept) > _MAX_NAMED else ""
        said.append("not kept: " + ", ".join(named) + more)
    if names := sorted({path.rpartition("/")[2] for path in tree.left_out} - CACHES):
        said.append("not looked into: " + ", ".join(map(shown, names)))
    return "; ".join(said)
