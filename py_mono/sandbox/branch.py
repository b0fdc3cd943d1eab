"""HOST. The sandbox as the agent sees it: a worker that lives as long as the session, a transaction per turn."""

import asyncio
import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Literal

from py_mono.protocol.errors import SandboxError, WorkerDied
from py_mono.protocol.ports import Changes
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec
from py_mono.sandbox import manifest
from py_mono.sandbox.launch import Launched, Launcher
from py_mono.sandbox.link import Link, checked_hello
from py_mono.sandbox.wire import WireError

_READY_S = 15.0
_CANCEL_GRACE_S = 3.0
_KEYS = ".keys.enc"
_HEAD_START_S = 0.1
_REPLACED = "was removed or replaced while this turn ran, so nothing can be done in it; the next turn looks again"


class DirectBranch:
    """One transaction on the workspace itself."""

    def __init__(self, link: Link, workspace: str, on_close: Callable[[], None], *, keys: bool) -> None:
        """``keys`` says whether there was a key file when the worker entered its lock; only that one is covered."""
        self._link = link
        self._workspace = workspace
        self._folder = _identity(workspace)
        self._keys = keys
        self._on_close = on_close
        self._writing = asyncio.Lock()
        self._specs: dict[str, ToolSpec] = {}
        self._acted = False
        self._calls = 0
        self._before = _Before(workspace)

    async def specs(self) -> Sequence[ToolSpec]:
        """The tools the worker said it has. Raises SandboxError where it could not confine itself, or is not ready in time."""
        if not self._specs:
            frame = await _hello(self._link)
            self._specs = {spec.name: spec for spec in map(_spec, frame["tools"])}
        return tuple(self._specs.values())

    async def call(self, call: ToolCall, on_output: Callable[[str], None]) -> ToolResult:
        """Run one call; see ``ToolSource``. Raises SandboxError where nothing more can be called."""
        await self.specs()
        spec = self._specs.get(call.name)
        if spec is None:
            known = ", ".join(self._specs)
            return ToolResult(call.id, call.name, f"there is no tool {call.name!r}; there are {known}", is_error=True)
        if call.malformed:
            return ToolResult(call.id, call.name, "the arguments are not a JSON object", is_error=True)
        if _identity(self._workspace) != self._folder:  # the worker's mount still shows the old one
            return ToolResult(call.id, call.name, f"{self._workspace} {_REPLACED}", is_error=True)
        if spec.effect == "read":
            return await self._run(call, on_output)
        try:
            async with self._writing:
                await self._before.seen()
                return await self._change(call, on_output)
        except asyncio.CancelledError as cancelled:
            raise cancelled if cancelled.args else asyncio.CancelledError(_not_run(call)) from None

    async def _change(self, call: ToolCall, on_output: Callable[[str], None]) -> ToolResult:
        """Run a call that may write, and take away what it planted; also where it is cancelled."""
        self._acted = True
        try:
            result = await self._run(call, on_output)
        except asyncio.CancelledError as cancelled:
            known: ToolResult = cancelled.args[0]
            raise asyncio.CancelledError(self._purged(known)) from None
        return self._purged(result)

    def _purged(self, result: ToolResult) -> ToolResult:
        return result if self._keys else _without_planted(self._workspace, result)

    async def _run(self, call: ToolCall, on_output: Callable[[str], None]) -> ToolResult:
        self._calls += 1
        identifier = f"{self._calls}"
        try:
            future = self._link.call(identifier, call.name, call.arguments, on_output)
        except WireError as error:
            return ToolResult(call.id, call.name, f"the call cannot be sent: {error}", is_error=True)
        try:
            frame = await future
        except asyncio.CancelledError:
            frame = await self._cancel(identifier, future)
            raise asyncio.CancelledError(_result(call, frame) if frame else _lost(call)) from None
        return _result(call, frame)

    async def _cancel(self, identifier: str, future: "asyncio.Future[Any]") -> dict[str, Any] | None:
        """Have a call end; what it came to, or None where it did not end in time or nobody waits: then the worker ends."""
        waiting = self._link.cancel(identifier) if future.cancelled() else future
        if waiting is None:
            return None
        try:
            frame: dict[str, Any] = await asyncio.wait_for(waiting, _CANCEL_GRACE_S)
        except WorkerDied:
            return None
        except (TimeoutError, asyncio.CancelledError):
            with suppress(asyncio.CancelledError):  # one more changes nothing: the end goes on
                await self._link.end()
            return None
        return frame

    async def changes(self) -> Changes:
        """What the calls since ``open`` did to the workspace, and what is left out of that."""
        if not self._acted:
            return Changes(())
        before = await self._before.seen()
        after = await asyncio.to_thread(manifest.scan, self._workspace)
        return manifest.compare(before, after)

    async def close(self) -> None:
        """End the transaction."""
        self._on_close()
        await self._before.drop()


class _Before:
    """How the workspace stood before the first call that may write.

    It is looked at while the model thinks: not at once, for that would hold up the first request, and at the latest when
    it is asked for.
    """

    def __init__(self, workspace: str) -> None:
        self._workspace = workspace
        self._scan: asyncio.Future[manifest.Manifest] | None = None
        self._dropped = False
        self._timer = asyncio.get_running_loop().call_later(_HEAD_START_S, self._begin)

    def _begin(self) -> "asyncio.Future[manifest.Manifest]":
        if self._scan is None:
            looking = asyncio.to_thread(manifest.scan_settled, self._workspace, lambda: self._dropped)
            self._scan = asyncio.ensure_future(looking)
        return self._scan

    async def seen(self) -> manifest.Manifest:
        """Wait until it was looked at."""
        return await asyncio.shield(self._begin())

    async def drop(self) -> None:
        """Nobody will ask any more."""
        self._dropped = True
        self._timer.cancel()
        if self._scan is not None:
            await asyncio.gather(self._scan, return_exceptions=True)


class WorkerSandbox:
    """Starts workers, one at a time; a worker that died is replaced at the next ``open``."""

    def __init__(self, launcher: Launcher, launched: Launched | None = None) -> None:
        """``launched`` is a worker that was started already, before everything else was imported."""
        self._launcher = launcher
        self._launched = launched
        self._keys = _keys_mode(launcher.workspace) is not None
        self._folder = _identity(launcher.workspace)
        self._link: Link | None = None
        self._open: DirectBranch | None = None

    async def open(self, mode: Literal["direct"]) -> DirectBranch:
        """Begin a transaction; the worker need not be ready yet. Raises SandboxError."""
        if mode != "direct":
            raise SandboxError(f"there is no transaction mode {mode!r}; there is direct")
        if self._open is not None:
            raise SandboxError("a transaction is open already; close it first")
        link = await self._living_link()
        self._open = DirectBranch(link, self._launcher.workspace, self._forget, keys=self._keys)
        return self._open

    async def lock(self) -> dict[str, Any]:
        """What the worker reports of its lock: ``layers`` (name to ``on`` or why not) and ``open`` (sentences: the gaps).

        Raises:
            SandboxError: It could not confine itself, or is not ready in time.
        """
        lock: dict[str, Any] = (await _hello(await self._living_link()))["lock"]
        return lock

    async def _living_link(self) -> Link:
        folder = _identity(self._launcher.workspace)
        if self._link is not None and (self._link.dead or folder != self._folder):
            await self._link.end()
            self._link = None
        if self._link is None:
            self._folder = folder
            if self._launched is None:
                self._keys = _keys_mode(self._launcher.workspace) is not None
                self._launched = self._launcher.start()
            self._link, self._launched = Link(self._launched), None
        return self._link

    def _forget(self) -> None:
        self._open = None

    async def close(self) -> None:
        """End every process the sandbox started, and remove its private folder; may be called twice."""
        if self._link is None and self._launched is not None:
            self._link, self._launched = Link(self._launched), None
        if self._link is not None:
            await self._link.end()
        self._launcher.remove_private()


async def _hello(link: Link) -> dict[str, Any]:
    """The worker's greeting. Raises SandboxError where it could not confine itself, or is not ready in time."""
    try:
        return checked_hello(await asyncio.wait_for(asyncio.shield(link.hello), _READY_S))
    except TimeoutError:
        await link.end()
        raise SandboxError(
            f"the sandbox's worker was not ready after {_READY_S:.0f} s",
            remedy="The machine may be overloaded: try again, or look at what else runs on it.",
        ) from None


def _result(call: ToolCall, frame: dict[str, Any]) -> ToolResult:
    return ToolResult(call.id, call.name, frame["content"], frame["is_error"], frame["details"])


def _not_run(call: ToolCall) -> ToolResult:
    return ToolResult(call.id, call.name, "not run: cancelled by the user before it began", is_error=True)


def _lost(call: ToolCall) -> ToolResult:
    return ToolResult(call.id, call.name, "cancelled by the user; what it had done by then stays", is_error=True)


def _spec(said: dict[str, Any]) -> ToolSpec:
    return ToolSpec(said["name"], said["description"], said["parameters"], said["effect"])


def _identity(folder: str) -> tuple[int, int] | None:
    """What a folder is, apart from its name; None where there is none."""
    try:
        seen = os.stat(folder)
    except OSError:
        return None
    return seen.st_dev, seen.st_ino


def _keys_mode(workspace: str) -> int | None:
    """The mode of what bears the key file's name; None where nothing does."""
    try:
        return os.lstat(os.path.join(workspace, _KEYS)).st_mode
    except OSError:
        return None


def _without_planted(workspace: str, result: ToolResult) -> ToolResult:
    """Take away a key file that a call made where none was: it would be taken for the operator's."""
    mode = _keys_mode(workspace)
    if mode is None:
        return result
    path = os.path.join(workspace, _KEYS)
    what = "was removed"
    try:
        if stat.S_ISDIR(mode):
            what = "was renamed"
            os.rename(path, f"{path}.removed-{os.urandom(4).hex()}")
        else:
            os.unlink(path)
    except OSError as error:
        what = f"could not be removed ({error.strerror})"
    note = f"{_KEYS} appeared in the workspace and {what}: that name is kept for the operator's keys."
    return ToolResult(
        result.call_id, result.name, f"{result.content}\n{note}".lstrip(), result.is_error, result.details
    )
