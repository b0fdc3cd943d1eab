"""HOST. The name of the operator's key file is kept: what a call puts there is taken away again."""

import os
import stat

KEYS = ".keys.enc"


class KeyFile:
    """What bears that name in one folder; until the first ``look`` nothing there is the operator's.

    It is held by a descriptor, so no other file can get its inode and pass for it.
    """

    def __init__(self, folder: str, *, is_copy: bool = False) -> None:
        """In a copy of a workspace nothing is worth setting aside."""
        self._folder = folder
        self._is_copy = is_copy
        self._path = os.path.join(folder, KEYS)
        self._held = -1

    def look(self) -> None:
        """Take what bears the name now for the operator's: only while no tool can have put it there."""
        self.close()
        try:
            self._held = os.open(self._path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return

    @property
    def is_covered(self) -> bool:
        """Whether the file that is there is the one that workers cover, where they can cover any; and holds something.

        An empty one counts as none: whoever writes the first key into it wants to be sure that no tool made it.
        """
        if self._held < 0 or self._found() != self._known():
            return False
        seen = os.fstat(self._held)
        return stat.S_ISREG(seen.st_mode) and seen.st_size > 0

    def clear(self) -> str:
        """Take away what is not the operator's; what was done, in words, empty where there was nothing.

        A folder, or a file with something in it, is set aside under another name: who put it there may want it back.
        """
        found = self._found()
        if found is None or found == self._known():
            return ""
        what = "was removed"
        try:
            seen = os.lstat(self._path)
            holds = stat.S_ISREG(seen.st_mode) and seen.st_size and not self._is_copy
            if holds or stat.S_ISDIR(seen.st_mode):
                aside = f"{KEYS}.removed-{os.urandom(4).hex()}"
                os.rename(self._path, os.path.join(self._folder, aside))
                what = f"was renamed to {aside}"
            else:
                os.unlink(self._path)
        except OSError as error:
            what = f"could not be removed ({error.strerror})"
        return f"{KEYS} appeared in the workspace and {what}: that name is kept for the operator's keys."

    def close(self) -> None:
        """Let go of it; may be called twice."""
        if self._held >= 0:
            os.close(self._held)
            self._held = -1

    def _found(self) -> tuple[int, int] | None:
        try:
            seen = os.lstat(self._path)
        except OSError:
            return None
        return seen.st_dev, seen.st_ino

    def _known(self) -> tuple[int, int] | None:
        """Asked anew each time: an overlay file system may give a file another number when it is first written."""
        if self._held < 0:
            return None
        seen = os.fstat(self._held)
        return seen.st_dev, seen.st_ino
