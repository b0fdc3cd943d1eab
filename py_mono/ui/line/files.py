"""The workspace's files for completion: known to a thread of their own, so that no key waits for them."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from py_mono.ui.line.fuzzy import Cancelled, Paths
from py_mono.ui.line.walk import Walk

_T = TypeVar("_T")
_STALE_S = 10.0
"""A list of files that is older is made anew when it is asked for; what is there answers meanwhile."""


class Files:
    """An index of the workspace, made in the background and searched there."""

    def __init__(self, workspace: str) -> None:
        self._walk = Walk(workspace)
        self._paths: Paths | None = None
        self._made_at = 0.0
        self._changes = 0
        self._making: asyncio.Task[None] | None = None

    def refresh(self) -> None:
        """Look at the workspace (again), unless that is being done; returns at once. Needs a running loop."""
        if self._making is None or self._making.done():
            self._making = asyncio.ensure_future(self._make())

    def changed(self) -> None:
        """Something changed in the workspace: the next search looks again."""
        self._changes += 1
        self._made_at = 0.0

    async def search(self, letters: str, limit: int) -> list[str]:
        """The paths that the letters mean, best first; see ``Paths.search``. Only the very first one may wait for the index.

        Cancelled, it stops looking.
        """
        if not self._made_at or time.monotonic() - self._made_at > _STALE_S:
            self.refresh()
        if self._paths is None and self._making is not None:
            await asyncio.shield(self._making)
        paths, given_up = self._paths, threading.Event()
        if paths is None:
            return []
        try:
            return await _in_thread(lambda: paths.search(letters, limit, given_up.is_set))
        finally:
            given_up.set()

    async def _make(self) -> None:
        began, changes = time.monotonic(), self._changes
        self._paths = await _in_thread(lambda: Paths(self._walk.paths()))
        self._made_at = began if changes == self._changes else 0.0  # what changed meanwhile may not be in it


async def _in_thread(work: Callable[[], _T]) -> _T:
    """Do it in a thread that keeps nobody from leaving: the loop's own ones are waited for at the end."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_T] = loop.create_future()

    def tell(act: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left who could want it
            loop.call_soon_threadsafe(lambda: done.done() or act())

    def run() -> None:
        try:
            result = work()
        except Cancelled:
            tell(done.cancel)
        except Exception as error:  # noqa: BLE001 - it belongs to who waits
            failure = error
            tell(lambda: done.set_exception(failure))
        else:
            tell(lambda: done.set_result(result))

    threading.Thread(target=run, name="files", daemon=True).start()
    return await done
