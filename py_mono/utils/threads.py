"""Work that would hold up the event loop, in a thread that nobody has to wait for at the end."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

_T = TypeVar("_T")


async def in_thread(work: Callable[[], _T], name: str) -> _T:
    """What ``work`` returns or raises; ``name`` is the thread's. Who stops waiting stops nothing: the thread goes on.

    Unlike ``asyncio.to_thread``, whose threads the end of the program waits for, also where one hangs.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_T] = loop.create_future()

    def tell(act: Callable[[Any], None], value: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left who could want it
            loop.call_soon_threadsafe(lambda: None if done.done() else act(value))

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            tell(done.set_exception, error)
        else:
            tell(done.set_result, result)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await done
