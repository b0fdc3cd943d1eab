"""Where the stored keys lie, and the files that keep sessions and writers apart; light, and touches nothing."""

import os

from py_mono.utils.digests import blake2b

KEYS_FILE = ".keys.enc"


class KeyPlaces:
    """The paths of one workspace's keys.

    Attributes:
        file: The stored keys.
        folder: What is kept beside them, in the state folder.
        lock: Held with flock by whoever reads (shared) or writes (alone) the stored keys.
        ahead: What is about to be written, whole; there only while it is written, or where that was cut off.
        sessions: Held shared by every process that has workers in the workspace, and alone by who makes ``file``: it
            is never made while there is a worker that was started without it, and so does not cover it.
    """

    __slots__ = ("ahead", "file", "folder", "lock", "sessions")

    def __init__(self, workspace: str, state: str) -> None:
        real = os.path.realpath(workspace)
        self.file = os.path.join(real, KEYS_FILE)
        self.folder = os.path.join(state, "keys")
        name = os.path.join(self.folder, blake2b(os.fsencode(real), digest_size=16).hexdigest())
        self.lock = f"{name}.lock"
        self.ahead = f"{name}.ahead"
        self.sessions = f"{name}.sessions"
