"""HOST. A store that stays small: what is too old or too much is left out of a new pack, and the rest is compressed."""

import os
import time
from contextlib import suppress

from py_mono.sandbox.checkpoints.faults import failed
from py_mono.sandbox.checkpoints.pack import Commit, Pack, create
from py_mono.sandbox.checkpoints.store import Store, append
from py_mono.sandbox.checkpoints.tree import Tree
from py_mono.sandbox.checkpoints.writer import Writer
from py_mono.sandbox.manifest import is_link


def prune(store: Store, keep: frozenset[str]) -> int:
    """Drop checkpoints beyond the settings' limits, but never the last and those of ``keep``; how many went.

    The lock is held. A death leaves the old pack as it was. Raises SandboxError.
    """
    kept = _kept(store, keep)
    dropped = len(store.pack.commits) - len(kept)
    if not dropped:
        return 0
    path = store.pack.path + ".new"
    fresh = Pack(path)
    try:
        with suppress(FileNotFoundError):
            os.unlink(path)
        create(path)
        fresh.refresh()
        _copy(store, kept, fresh)
        os.replace(path, store.pack.path)
        store.reopen()
    except OSError as error:
        with suppress(OSError):
            os.unlink(path)
        raise failed("The checkpoints could not be pruned", store.folder, error) from error
    finally:
        fresh.close()
    return dropped


def _kept(store: Store, keep: frozenset[str]) -> list[Commit]:
    """Which stay: the last, those of ``keep``, and of the others the youngest that are not too old and fit."""
    oldest, room = time.time() - store.settings.max_age_s, store.settings.max_store_bytes
    kept: list[Commit] = []
    seen: set[bytes] = set()
    for number, commit in enumerate(reversed(store.pack.commits)):
        needs = _files(store.tree(commit.id)) - seen
        size = sum(store.pack.stored_size(digest) for digest in needs)
        if number and commit.id not in keep and (commit.at < oldest or size > room):
            continue
        kept.append(commit)
        seen |= needs
        room -= size
    return kept[::-1]


def _copy(store: Store, commits: list[Commit], fresh: Pack) -> None:
    """Write these anew, in the order in which they came, and compress what the taking had no time for."""
    before: Tree | None = None
    for commit in commits:
        tree = store.tree(commit.id)
        writer = Writer(fresh, squeeze=1 << 62)
        for digest in sorted(_files(tree), key=store.pack.offsets.__getitem__):
            if not writer.has(digest):
                writer.add(store.pack.object(digest))
        append(writer, fresh, (commit.id, commit.at), before, tree)
        before = tree


def _files(tree: Tree) -> set[bytes]:
    """The digests of all files in a tree."""
    return {content for path, content in tree.contents.items() if not is_link(tree.entries[path])}
