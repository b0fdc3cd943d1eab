"""Imports LiteLLM, which takes seconds, in a thread that nobody has to wait for; see ``docs/adr/029``.

While modules load, the collector of garbage is off and threads change places ten times as often: both would hold up
whoever types meanwhile, the first for up to 100 ms at a time.
"""

import asyncio
import gc
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from py_mono.protocol.errors import ConfigError
from py_mono.utils.lazy import load

if TYPE_CHECKING:
    from py_mono.llm.clouds.client import Client

_SWITCH_S = 0.0005
_ENVIRONMENT = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else the import asks a server on the internet for prices
    "LITELLM_MODE": "PRODUCTION",  # else the import reads the .env of whatever folder we are in
    "LITELLM_LOG": "CRITICAL",
}


class Loader:
    """One import in a process, begun by whoever asks first."""

    def __init__(self, work: Callable[[str], "type[Client]"]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._done: Future[type[Client]] | None = None

    def start(self, provider: str) -> "Future[type[Client]]":
        """Begin, unless that was done before; returns at once.

        Args:
            provider: Whose code is loaded along, so that the first request need not wait for it.
        """
        with self._lock:
            if self._done is None:
                self._done = Future()
                threading.Thread(target=self._run, args=(self._done, provider), name="litellm", daemon=True).start()
            return self._done

    async def loaded(self, provider: str) -> "type[Client]":
        """Wait for it; the waiter may be cancelled, the import goes on.

        Raises:
            ConfigError: LiteLLM is not installed, or broken.
        """
        done = self.start(provider)
        if not done.done():
            woken = asyncio.Event()
            loop = asyncio.get_running_loop()
            done.add_done_callback(lambda _: _wake(loop, woken))
            await woken.wait()
        return done.result()

    def at_hand(self) -> "type[Client] | None":
        """What was imported; None where it was not, or not yet."""
        done = self._done
        return done.result() if done is not None and done.done() and done.exception() is None else None

    def _run(self, done: "Future[type[Client]]", provider: str) -> None:
        try:
            done.set_result(self._work(provider))
        except BaseException as error:  # noqa: BLE001 - whatever an import does, the waiter is told, never the screen
            failure = ConfigError(
                f"LiteLLM cannot be loaded: {type(error).__name__}: {error}",
                remedy="install py-mono again (make setup, or uv tool install --reinstall), or choose --provider ollama",
            )
            failure.__cause__ = error
            done.set_exception(failure)


def _wake(loop: asyncio.AbstractEventLoop, woken: asyncio.Event) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(woken.set)


def _import(provider: str) -> "type[Client]":
    os.environ.update(_ENVIRONMENT)
    collecting, interval = gc.isenabled(), sys.getswitchinterval()
    gc.disable()
    sys.setswitchinterval(_SWITCH_S)
    try:
        client: type[Client] = load("py_mono.llm.clouds.client:Client")
        client.rehearse(provider)
    finally:
        sys.setswitchinterval(interval)
        gc.freeze()  # a hundred megabytes that stay: looking through them would take a tenth of a second each time
        if collecting:
            gc.enable()
    return client


LOADER = Loader(_import)
