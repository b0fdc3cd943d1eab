"""Loads LiteLLM as the program does, beside a loop that wakes every millisecond; prints how late it was woken, as JSON.

Run by the product's own interpreter: ``loading.py PROVIDER``; with ``nothing`` for a provider the loop runs alone, as long.
"""

import asyncio
import json
import sys
import time

from py_mono.llm.clouds.loader import LOADER

_TICK_S = 0.001
_ALONE_S = 2.0


async def _ticks(late: list[float]) -> None:
    before = time.perf_counter()
    while True:
        await asyncio.sleep(_TICK_S)
        now = time.perf_counter()
        late.append(now - before - _TICK_S)
        before = now


async def _measure(provider: str) -> dict[str, float]:
    late: list[float] = []
    ticking = asyncio.ensure_future(_ticks(late))
    started = time.perf_counter()
    if provider == "nothing":
        await asyncio.sleep(_ALONE_S)
    else:
        await LOADER.loaded(provider)
    ready = time.perf_counter() - started
    await asyncio.sleep(0.1)
    ticking.cancel()
    return {"ready_ms": ready * 1000, "worst_ms": max(late) * 1000}


print(json.dumps(asyncio.run(_measure(sys.argv[1]))))
