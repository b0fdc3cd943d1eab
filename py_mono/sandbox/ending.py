"""HOST. The processes of one worker: where its init is, and the end of it and everything it started."""

import asyncio
import json
import os
import signal

_SOFT_END_S = 1.0


class Processes:
    """Those of one worker."""

    def __init__(self, pid: int, report: int) -> None:
        """``pid`` is of the process that was started; ``report`` where the pid of the worker's init is told."""
        self._loop = asyncio.get_running_loop()
        self._pid = pid
        self._descriptor = report
        self._report = b""
        self._reported = asyncio.Event()
        os.set_blocking(report, False)
        self._loop.add_reader(report, self._on_report)

    async def end(self) -> None:
        """Kill them all, and wait until none is left."""
        outer = self._pid
        init = await self._init_pid()
        try:
            descriptor = os.pidfd_open(init or outer)
        except ProcessLookupError:
            _reap(outer)
            return
        try:
            if init in {None, outer}:  # no pid namespace, so init itself has to take everything along
                _signal(descriptor, signal.SIGTERM)
                if not await self._ended(descriptor, _SOFT_END_S):
                    _signal(descriptor, signal.SIGKILL)
            else:
                _signal(descriptor, signal.SIGKILL)
            await self._ended(descriptor, None)
        finally:
            os.close(descriptor)
        if init is not None and init != outer:
            _reap(init)
        _reap(outer)

    async def _ended(self, descriptor: int, timeout_s: float | None) -> bool:
        """Wait for a process by its pidfd."""
        gone = asyncio.Event()
        self._loop.add_reader(descriptor, gone.set)
        try:
            await asyncio.wait_for(gone.wait(), timeout_s)
        except TimeoutError:
            return False
        finally:
            self._loop.remove_reader(descriptor)
        return True

    def _on_report(self) -> None:
        try:
            piece = os.read(self._descriptor, 4096)
        except BlockingIOError:
            return
        self._report += piece
        if not piece:
            self._loop.remove_reader(self._descriptor)
            self._reported.set()

    async def _init_pid(self) -> int | None:
        """The pid of the worker's init; None where it never told one."""
        try:
            await asyncio.wait_for(self._reported.wait(), _SOFT_END_S)
        except TimeoutError:
            self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        if self._report.startswith(b"{"):  # bubblewrap's way to say it
            return int(json.loads(self._report)["child-pid"])
        return int(self._report) if self._report.strip().isdigit() else None


def _signal(descriptor: int, number: int) -> None:
    try:
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return


def _reap(pid: int) -> None:
    """Take a child's status; one that is another's child, or taken already, is left."""
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        return
