"""The file of stored keys on the disk: read whole, and written in place so that a death leaves the old or the new."""

import errno
import fcntl
import os
import shlex
from collections.abc import Callable
from contextlib import nullcontext, suppress

from py_mono.protocol.errors import ConfigError
from py_mono.security.keys import files
from py_mono.security.keys.header import MAGIC
from py_mono.security.keys.locks import Locks
from py_mono.security.keys.places import KeyPlaces

_WAIT_S = 20.0


class Store:
    """The bytes of one workspace's stored keys.

    Workers have ``/dev/null`` bound over the file's inode, so it is never renamed over. What is to be written is first
    laid down whole in the state folder (a write-ahead copy), then written over the file, then the copy goes. While there
    is a copy it is what counts, and whoever opens the file next finishes the write. All of it happens under a lock.
    ``wait_s`` is how long others may have that lock.
    """

    def __init__(self, places: KeyPlaces, wait_s: float = _WAIT_S) -> None:
        self._places = places
        self._locks = Locks(places, wait_s)

    def read(self) -> bytes | None:
        """The bytes; None where there is no file. A mode that lets others read it is taken back.

        Raises:
            ConfigError: It cannot be read, or is no regular file, or another process has been busy with it.
        """
        try:
            return self._read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._told(error, "read") from None

    def change(self, work: Callable[[bytes | None], bytes | None]) -> None:
        """Write what ``work`` makes of the bytes (None: there is no file); nothing where it returns None.

        Raises:
            ConfigError: It cannot be written, and is as it was; or it would have to be made while a session runs.
        """
        try:
            with self._locks.held(fcntl.LOCK_EX):
                if os.path.lexists(self._places.file):
                    self._rewrite(work)
                elif (data := work(None)) is not None:
                    self._make(data)
        except OSError as error:
            raise self._told(error, "written") from None

    def _read(self) -> bytes | None:
        if not os.path.lexists(self._places.file):
            return None
        with self._locks.held(fcntl.LOCK_SH, needed=False):
            if not os.path.lexists(self._places.ahead):
                return self._content()
        with self._locks.held(fcntl.LOCK_EX, needed=False):
            try:
                descriptor = files.open_stored(self._places.file, write=True)
                try:
                    return self._finished(descriptor)
                finally:
                    os.close(descriptor)
            except OSError:  # such as a workspace that may only be read
                return self._content() if (ahead := self._ahead()) is None else ahead

    def _content(self) -> bytes:
        descriptor = files.open_stored(self._places.file, write=False)
        try:
            data = files.read_all(descriptor)
            if data.startswith(MAGIC):
                files.close_to_others(descriptor)
            return data
        finally:
            os.close(descriptor)

    def _rewrite(self, work: Callable[[bytes | None], bytes | None]) -> None:
        descriptor = files.open_stored(self._places.file, write=True)
        try:
            before = self._finished(descriptor)
            data = work(before)
            if data is not None:
                with nullcontext() if before else self._locks.without_sessions():  # a tool may have made an empty one
                    files.close_to_others(descriptor)
                    self._write(descriptor, before, data)
        finally:
            os.close(descriptor)

    def _make(self, data: bytes) -> None:
        path = self._places.file
        with self._locks.without_sessions():
            descriptor = files.create(path)
            try:
                files.sync_folder(os.path.dirname(path))
                self._write(descriptor, b"", data)
            except (OSError, ConfigError):
                if not os.path.lexists(self._places.ahead):
                    os.unlink(path)  # nobody covers it yet, so nobody misses it
                raise
            finally:
                os.close(descriptor)

    def _write(self, descriptor: int, before: bytes, data: bytes) -> None:
        try:
            files.lay_down(self._places.ahead, data)
        except OSError:
            with suppress(OSError):
                os.unlink(self._places.ahead)
            raise
        try:
            files.overwrite(descriptor, data)
        except OSError as error:
            self._take_back(descriptor, before, error)
            raise
        with suppress(OSError):  # one that stays says what the file says
            os.unlink(self._places.ahead)

    def _take_back(self, descriptor: int, before: bytes, error: OSError) -> None:
        try:
            files.overwrite(descriptor, before)
            os.unlink(self._places.ahead)
        except OSError:
            raise ConfigError(
                f"{self._places.file} could be written in part only ({error.strerror}); all of it is kept in "
                f"{self._places.ahead} and is put there when the keys are used next",
                remedy="see whether the disk is full or failing, then run: py-mono key list",
            ) from None

    def _finished(self, descriptor: int) -> bytes:
        """The bytes of the file, after what was cut off has been gone through with."""
        ahead = self._ahead()
        if ahead is None:
            return files.read_all(descriptor)
        files.overwrite(descriptor, ahead)
        os.unlink(self._places.ahead)
        return ahead

    def _ahead(self) -> bytes | None:
        try:
            descriptor = files.open_stored(self._places.ahead, write=False)
        except FileNotFoundError:
            return None
        try:
            return files.read_all(descriptor)
        finally:
            os.close(descriptor)

    def _told(self, error: OSError, done: str) -> ConfigError:
        path = str(error.filename or self._places.file)
        return ConfigError(f"{path} cannot be {done}: {error.strerror}", remedy=_remedy(error, path))


def _remedy(error: OSError, path: str) -> str:
    quoted = shlex.quote(path)
    match error.errno:
        case errno.EACCES | errno.EPERM:
            return f"see whose it is: ls -ld {quoted} {shlex.quote(os.path.dirname(path))}"
        case errno.EROFS:
            return "that file system may only be read; set the key's own variable instead"
        case errno.ENOSPC | errno.EDQUOT:
            return "the disk is full: make some room, then try again"
        case errno.EEXIST:
            return "it was made meanwhile by another process; try again"
        case _:
            return "see whether the disk is failing, or set the key's own variable instead"
