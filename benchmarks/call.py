"""What retries, a chain of fallbacks and the accounting cost a call in which nothing goes wrong: ``calls.py``.

Run by the product's own interpreter: ``call.py PIECES ROUNDS``. The reply has so many pieces, all there already: it is taken
from the generator that one attempt is, and then with all of that around it, in turns. Prints the CPU time of both in ms, as
JSON: for each round with and without.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from py_mono.agent.guards import LimitGuard, Limits
from py_mono.llm.breaker import Breakers
from py_mono.llm.chain import chained
from py_mono.llm.retrying import Failure, retried
from py_mono.protocol.events import Envelope, Event, MessageFinished, TextDelta
from py_mono.protocol.messages import AssistantMessage, Usage, UserMessage
from py_mono.protocol.ports import ModelChunk, ModelRequest
from py_mono.protocol.spending import Spending
from py_mono.ui.account import Account

_AT_ONCE = 20
"""Replies in one measurement of short ones: a single one takes no longer than the clock's own noise."""


class _Fake:
    """A provider whose model answers with so many pieces at once."""

    name, model, window = "fake", "m", 0

    def __init__(self, pieces: int) -> None:
        self._delta = TextDelta("word ")
        self._pieces = pieces
        self._message = AssistantMessage("word " * pieces, model="m", usage=Usage(100, pieces, 0, 0.001))

    async def prepare(self) -> None:
        """Nothing to find out."""

    async def close(self) -> None:
        """Nothing is held."""

    async def attempt(self, _: Failure | None) -> AsyncGenerator[ModelChunk, None]:
        """The reply."""
        for _number in range(self._pieces):
            yield self._delta
        yield self._message

    def stream(self, _: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        """The reply, as a provider that speaks to a server gives it."""
        return retried(self.attempt, self, attempts=3, backoff_s=1.0, before=_nothing)


async def _nothing() -> tuple[()]:
    return ()


def _shown(emit: Callable[[Event], None], chunk: ModelChunk) -> None:
    emit(MessageFinished(chunk) if isinstance(chunk, AssistantMessage) else chunk)


async def _without(fake: _Fake, replies: int) -> float:
    events: list[Envelope] = []

    def emit(event: Event) -> None:
        events.append(Envelope(1, 0.0, event))

    began = time.process_time_ns()
    for _ in range(replies):
        async with aclosing(fake.attempt(None)) as chunks:
            async for chunk in chunks:
                _shown(emit, chunk)
    return (time.process_time_ns() - began) / 1e6 / replies


async def _with(fake: _Fake, replies: int) -> float:
    chain = chained(fake, [("other/m", lambda: _Fake(1))], Breakers())
    account, turn = Account(), Spending()
    guard = LimitGuard(Limits(), account.session)
    request = ModelRequest("", (UserMessage("go"),), ())
    events: list[Envelope] = []

    def emit(event: Event) -> None:
        events.append(envelope := Envelope(1, 0.0, event))
        account(envelope)
        turn.apply(event)
        if isinstance(event, MessageFinished):
            guard.count(event)

    await chain.prepare()
    began = time.process_time_ns()
    for _ in range(replies):
        guard.before_step()
        async with aclosing(chain.stream(request)) as chunks:
            async for chunk in chunks:
                _shown(emit, chunk)
    return (time.process_time_ns() - began) / 1e6 / replies


def main() -> None:
    """Measure."""
    pieces, rounds = int(sys.argv[1]), int(sys.argv[2])
    replies = _AT_ONCE if pieces < 1000 else 1
    fake = _Fake(pieces)
    numbers: dict[str, list[float]] = {"with": [], "without": []}
    for way in (_without, _with):
        asyncio.run(way(fake, replies))  # what is done once is done
    for _ in range(rounds):
        for name, way in (("without", _without), ("with", _with)):
            gc.collect()
            numbers[name].append(asyncio.run(way(fake, replies)))
    print(json.dumps(numbers))


main()
