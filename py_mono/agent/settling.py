"""Waiting for tools that are about to be there, where whoever asks has no second turn for them."""

import asyncio

from py_mono.protocol.events import Notice
from py_mono.protocol.late_tools import LateTools
from py_mono.protocol.ports import Emit

_NOTICE_S = 0.5
"""Who waits for longer should know what for."""


async def settled(late: LateTools | None, timeout_s: float, emit: Emit) -> None:
    """Wait for the tools of those who were never seen, so many seconds at most."""
    if late is None or not timeout_s:
        return
    settling = asyncio.ensure_future(late.settle(timeout_s))
    try:
        await asyncio.wait({settling}, timeout=_NOTICE_S)
        if not settling.done():
            emit(Notice(f"waiting up to {timeout_s:g} s for servers whose tools are not known yet"))
        await settling
    finally:
        settling.cancel()  # nothing where it is done
        await asyncio.gather(settling, return_exceptions=True)
