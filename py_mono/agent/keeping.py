"""What a transaction did to the workspace, put on record: a turn's, and that of a command of the person's own."""

from collections.abc import Sequence

from py_mono.protocol.changes import ChangesCommitted, ChangesDiscarded, ChangesStaged
from py_mono.protocol.events import Notice
from py_mono.protocol.ports import Branch, Changes, Committed, Emit, FileDiff


async def stage(branch: Branch, emit: Emit) -> Changes:
    """Look at what was done, and say it where there is anything to say."""
    found = await branch.changes()
    if found.changes or not found.complete:
        emit(ChangesStaged(found.changes, found.complete, found.note))
    return found


async def tell(branch: Branch, found: Changes, turn: int, emit: Emit) -> Sequence[FileDiff]:
    """What a dry run did, by lines; closing the branch throws it away."""
    if not found.changes:
        return ()
    diff = await branch.diff()
    emit(ChangesDiscarded(turn, "dry_run", found.changes))
    return diff


def record(committed: Committed | None, turn: int, emit: Emit, *, what: str) -> None:
    """Say how it can be taken back, or that it cannot; ``what`` it was, in words (``turn``, ``command``)."""
    if committed is None:
        return
    if committed.before:
        emit(ChangesCommitted(turn, committed.before, committed.after, committed.note, committed.conflicts))
    else:
        emit(Notice(f"this {what} cannot be undone: {committed.note or 'no checkpoints are kept'}"))
