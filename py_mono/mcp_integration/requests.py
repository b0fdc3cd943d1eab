"""Requests that are under way on one connection: waited for within limits, given up promptly, judged."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, TypeVar

from py_mono.mcp_integration.http import Exchange, exchange
from py_mono.mcp_integration.link import LinkLost, Told
from py_mono.mcp_integration.trouble import told

_T = TypeVar("_T")
_PROMPT_END_S = 0.3
"""How long a cancelled request may take to tell the server before the cancellation goes on without it."""
_LOOK_S = 1.0


class Requests:
    """See the module."""

    def __init__(
        self,
        *,
        paused: Callable[[], bool],
        has_session: Callable[[], bool],
        why: Callable[[], str],
        lose: Callable[[str], None],
    ) -> None:
        """``paused``: no time passes now; ``why``: what is known of the server's end; ``lose``: told of an end, and why."""
        self._paused = paused
        self._has_session = has_session
        self._why = why
        self._lose = lose
        self._tasks: set[asyncio.Future[Any]] = set()

    async def answer(self, work: Awaitable[_T], within_s: float | None = None) -> _T:
        """What the server answers; None for no limit of time.

        Raises:
            Told: It said no, or what it said is no answer, or it said nothing in time.
            LinkLost: It is gone.
        """
        under_way = Exchange()
        token = exchange.set(under_way)
        try:
            task = asyncio.ensure_future(work)
        finally:
            exchange.reset(token)
        self.keep(task)
        try:
            await self._waited(task, within_s)
        except asyncio.CancelledError:
            await _dropped(task)
            raise
        if not task.done():
            await _dropped(task)
            raise Told(f"the server did not answer within {within_s:g} s; what it was asked may still be done")
        try:
            return task.result()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever a library raises is judged
            self._judge(error, under_way)

    def keep(self, task: "asyncio.Future[Any]") -> None:
        """Look after a task until it is done."""
        self._tasks.add(task)
        task.add_done_callback(self._forget)

    async def end(self, within_s: float) -> None:
        """Cancel all that is under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=within_s)

    async def _waited(self, task: "asyncio.Future[Any]", within_s: float | None) -> None:
        left = within_s
        clock = asyncio.get_running_loop().time
        while not task.done() and (left is None or left > 0):
            begun, paused = clock(), self._paused()
            await asyncio.wait({task}, timeout=left if left is None else min(left, _LOOK_S))
            if left is not None and not paused and not self._paused():
                left -= clock() - begun

    def _judge(self, error: BaseException, under_way: Exchange) -> NoReturn:
        try:
            told(error, under_way, has_session=self._has_session(), where=self._why())
        except LinkLost as gone:
            self._lose(str(gone))
            raise

    def _forget(self, task: "asyncio.Future[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio does not print it


async def _dropped(task: "asyncio.Future[Any]") -> None:
    """Nobody waits for it any more: the library tells the server; where that hangs, it goes on behind us."""
    task.cancel()
    await asyncio.wait({task}, timeout=_PROMPT_END_S)
