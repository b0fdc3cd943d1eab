"""Standard output that cannot be written to: said on stderr; light, for ``--version`` needs it."""

import os
import sys


def write(text: str) -> int:
    """Write text to stdout and flush it; the exit status that ``lost`` gives where that fails."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        nothing = os.open(os.devnull, os.O_WRONLY)  # what is buffered must not fail once more when Python exits
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)
        return lost(error)
    return 0


def lost(failure: Exception | None) -> int:
    """Say on stderr why stdout took no more: 1, or 0 where nothing failed but a reader that had enough."""
    if failure is None or isinstance(failure, BrokenPipeError):
        return 0
    sys.stderr.write(f"py-mono: stdout: {getattr(failure, 'strerror', None) or failure}\n")
    return 1
