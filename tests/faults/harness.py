"""Plays a turn's requests against a server that fails, and holds what comes of them to what every provider promises."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from itertools import pairwise

from py_mono.protocol.attempts import AttemptFailed, ModelFellBack
from py_mono.protocol.errors import ProviderError
from py_mono.protocol.events import ModelRetried, ReasoningDelta, TextDelta
from py_mono.protocol.messages import AssistantMessage
from py_mono.protocol.ports import ModelChunk, Provider
from tests.faults.catalogue import RETRIED, SAME, Fault, Outcome
from tests.faults.wires import ASK, Moment, Wire
from tests.servers.faults import FaultServer

ATTEMPTS = 3
TAKEN = 20 << 20
"""Bytes of a flood at most, what the kernel holds on the way included."""

FAILING, SECOND, LATER = "alpha", "bravo", "omega"
"""Tags of replies, all of one length: of the one that fails, the one after it, and one for a request after that."""


class Seen:
    """What a request gave."""

    def __init__(self, chunks: list[ModelChunk], error: ProviderError | None) -> None:
        self.chunks = chunks
        self.error = error
        self.messages = [chunk for chunk in chunks if isinstance(chunk, AssistantMessage)]
        self.retries = [chunk for chunk in chunks if isinstance(chunk, ModelRetried)]

    @property
    def outcome(self) -> Outcome:
        if self.error is not None:
            return type(self.error)
        return RETRIED if self.retries else SAME


async def ask(provider: Provider) -> Seen:
    """One request, whatever comes of it; what is no ``ProviderError`` is raised."""
    chunks: list[ModelChunk] = []
    try:
        async with aclosing(provider.stream(ASK)) as stream:
            async for chunk in stream:
                chunks.append(chunk)  # noqa: PERF401 - what came before an error must be kept
    except ProviderError as error:
        return _checked(Seen(chunks, error))
    return _checked(Seen(chunks, None))


def _checked(seen: Seen) -> Seen:
    """What holds for every request, whatever went wrong."""
    assert len(seen.messages) == (seen.error is None)
    attempt = 1
    for before, chunk in pairwise([None, *seen.chunks]):
        if isinstance(chunk, AttemptFailed):
            assert chunk.attempt == attempt
        elif isinstance(chunk, ModelRetried):
            assert isinstance(before, AttemptFailed)
            assert (chunk.attempt, chunk.reason) == (attempt, before.reason)
            attempt += 1
        elif isinstance(chunk, ModelFellBack):
            attempt = 1
    if seen.error is not None:
        last = seen.chunks[-1]
        assert isinstance(last, AttemptFailed)
        assert (last.kind, last.reason) == (seen.error.kind, str(seen.error))
        assert seen.error.remedy
        assert "\0" not in str(seen.error)
        assert len(str(seen.error)) < 600
        return seen
    assert seen.chunks[-1] is seen.messages[0]
    void = max(
        (n for n, chunk in enumerate(seen.chunks) if isinstance(chunk, ModelRetried | ModelFellBack)), default=-1
    )
    said = seen.chunks[void + 1 :]
    message = seen.messages[0]
    assert "".join(chunk.text for chunk in said if isinstance(chunk, TextDelta)) == message.text
    assert "".join(chunk.text for chunk in said if isinstance(chunk, ReasoningDelta)) == message.reasoning
    return seen


async def settled(server: FaultServer) -> None:
    """No connection of the client is left, nor a task."""
    deadline = time.monotonic() + 10
    while (server.open or len(asyncio.all_tasks()) > 1) and time.monotonic() < deadline:
        await asyncio.sleep(0.001)
    assert server.open == 0
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, left


@asynccontextmanager
async def talking(wire: Wire, limits: Mapping[str, float]) -> AsyncIterator[tuple[FaultServer, Provider]]:
    """A server and a provider that is ready; at the end it works again, and leaves nothing behind."""
    with FaultServer(routes=wire.routes) as server:
        provider = wire.create(server.url, **limits)
        try:
            await provider.prepare()
            yield server, provider
            for _ in range(5 if limits else 1):  # where no time is given a busy machine may need another try
                server.plans = [wire.good(LATER)]
                seen = await ask(provider)
                if seen.outcome == SAME:
                    break
            assert (seen.outcome, seen.messages) == (SAME, [wire.message(LATER)]), (seen.error, seen.retries)
        finally:
            await provider.close()
        await settled(server)


def outcome_of(wire: Wire, seen: Seen, expected: Outcome) -> None:
    """Hold what a request gave to what is expected."""
    assert seen.outcome == expected, (seen.error, seen.retries)
    tags = {SAME: FAILING, RETRIED: SECOND}
    assert seen.messages == ([wire.message(tags[expected])] if isinstance(expected, str) else [])


async def failing_once(wire: Wire, fault: Fault, moment: Moment) -> None:
    """One response fails, those after it are good."""
    async with talking(wire, fault.limits) as (server, provider):
        server.plans = [fault.plan(wire, FAILING, moment), wire.good(SECOND)]
        outcome_of(wire, await ask(provider), fault.once(moment))
        assert server.asked_for(wire.target) == (2 if fault.once(moment) == RETRIED else 1)
        assert moment.whole or server.flooded < TAKEN


async def failing_always(wire: Wire, fault: Fault, moment: Moment) -> None:
    """Every response fails alike, until they stop."""
    async with talking(wire, fault.limits) as (server, provider):
        server.plans = [fault.plan(wire, FAILING, moment)] * (ATTEMPTS + 1)
        seen = await ask(provider)
        outcome_of(wire, seen, fault.always(moment))
        assert server.asked_for(wire.target) == len(seen.retries) + 1 <= ATTEMPTS
        assert moment.whole or server.flooded < TAKEN
