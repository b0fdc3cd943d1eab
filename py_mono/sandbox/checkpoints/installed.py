"""HOST. Whether something was installed or removed in a folder that no checkpoint looks into."""

import os
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice

from py_mono.sandbox.checkpoints.settings import CACHES

_MOST = 200


def stamps(workspace: str, paths: Iterable[str]) -> dict[str, int]:
    """By path: when the folder last changed, as far as a few looks tell, in ns since 1970; 0 for a cache.

    Looked at are the folder, its first entries, and ``lib/*/site-packages``: installers write there. The times of a file
    deep below do not show in any of these.
    """
    return {path: 0 if path.rpartition("/")[2] in CACHES else _stamp(os.path.join(workspace, path)) for path in paths}


def _stamp(folder: str) -> int:
    newest = [0]
    with suppress(OSError):
        newest.append(os.lstat(folder).st_ctime_ns)
        with os.scandir(folder) as entries:
            for entry in islice(entries, _MOST):
                with suppress(OSError):
                    newest.append(entry.stat(follow_symlinks=False).st_ctime_ns)
    with suppress(OSError):
        library = os.path.join(folder, "lib")
        for name in os.listdir(library)[:_MOST]:
            with suppress(OSError):
                newest.append(os.lstat(os.path.join(library, name, "site-packages")).st_ctime_ns)
    return max(newest)
