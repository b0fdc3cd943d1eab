"""HOST. What a restore is about to do, on the disk before it does it, so that a death in the middle can be mended."""

import os
from contextlib import suppress
from typing import Literal

import msgspec

from py_mono.sandbox.checkpoints.plan import Plan


class Intent(msgspec.Struct, array_like=True, frozen=True):
    """A restore under way.

    Attributes:
        staging: The name of the folder in the workspace where what comes is laid ready.
        phase: ``staging``: nothing was touched yet, so it is undone; ``placing``: it is gone through with.
        plan: The steps.
    """

    staging: str
    phase: Literal["staging", "placing"]
    plan: Plan


_decoder = msgspec.msgpack.Decoder(Intent)


class RestoreJournal:
    """The one file that holds an ``Intent``; replaced as a whole, so it is never half written."""

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, "restoring")

    def read(self) -> Intent | None:
        """What a death left undone; None where nothing was. Raises OSError, msgspec.MsgspecError."""
        try:
            with open(self.path, "rb") as file:
                return _decoder.decode(file.read())
        except FileNotFoundError:
            return None

    def write(self, intent: Intent) -> None:
        """Returns once it is on the disk. Raises OSError."""
        fresh = self.path + ".new"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            rest = memoryview(msgspec.msgpack.encode(intent))
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(fresh, self.path)
        self._sync_folder()

    def clear(self) -> None:
        """It is done, or undone. Raises OSError."""
        with suppress(FileNotFoundError):
            os.unlink(self.path)

    def _sync_folder(self) -> None:
        descriptor = os.open(os.path.dirname(self.path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
