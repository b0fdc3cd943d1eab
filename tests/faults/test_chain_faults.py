"""Every fault at the first provider of a chain: the second answers, nothing is doubled, and all of it is on record."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from py_mono.llm.breaker import Breakers
from py_mono.llm.chain import chained
from py_mono.llm.printed.calls import TextCalls
from py_mono.protocol.attempts import AttemptFailed, ModelFellBack
from py_mono.protocol.errors import BadResponse, ProviderError, ProviderUnavailable
from py_mono.protocol.events import ModelRetried
from py_mono.protocol.messages import AssistantMessage, Usage
from py_mono.protocol.ports import Provider
from tests.faults.catalogue import SAME, TRANSPORT, Fault, content, floods
from tests.faults.cloud_wires import ANTHROPIC, GEMINI, OPENAI
from tests.faults.harness import ATTEMPTS, FAILING, SECOND, Seen, ask, settled
from tests.faults.ollama_responses import WRONG, Response
from tests.faults.ollama_wire import OLLAMA
from tests.faults.test_cloud_faults import STALLS, said
from tests.faults.wires import Moment, Wire
from tests.servers.faults import End, FaultServer, Plan

TOOK = (120, 30)
"""What each wire's good reply says that it took."""


@dataclass
class Chained:
    """Two servers, and a chain over a provider of each."""

    first: FaultServer
    second: FaultServer
    provider: Provider


@asynccontextmanager
async def two(wire: Wire, other: Wire, **limits: float) -> AsyncIterator[Chained]:
    """A chain from one wire to another; at the end nothing of it is left."""
    with FaultServer(routes=wire.routes) as first, FaultServer(routes=other.routes) as second:
        provider = chained(
            TextCalls(wire.create(first.url, **limits)),
            [("second/fake", lambda: TextCalls(other.create(second.url)))],
            Breakers(),
        )
        try:
            await provider.prepare()
            yield Chained(first, second, provider)
        finally:
            await provider.close()
        for server in (first, second):
            await settled(server)


def fallbacks(seen: Seen) -> list[ModelFellBack]:
    return [chunk for chunk in seen.chunks if isinstance(chunk, ModelFellBack)]


def failures(seen: Seen) -> list[AttemptFailed]:
    return [chunk for chunk in seen.chunks if isinstance(chunk, AttemptFailed)]


def ledger(seen: Seen) -> tuple[int, int]:
    """What a turn is said to have taken: its message and its attempts that failed, each once."""
    taken = [*(message.usage for message in seen.messages), *(one.usage for one in failures(seen))]
    total = sum(taken, Usage(cost_usd=0.0))
    return total.input_tokens, total.output_tokens


def order(seen: Seen) -> list[str]:
    """The facts of a request, in their order."""
    kinds = (AttemptFailed, ModelRetried, ModelFellBack, AssistantMessage)
    return [type(chunk).__name__ for chunk in seen.chunks if isinstance(chunk, kinds)]


def answered_by_the_second(seen: Seen, other: Wire) -> None:
    """The whole record of a request whose first provider failed for good, and whose second did not."""
    failed, (hop,) = failures(seen), fallbacks(seen)
    retries = ["AttemptFailed", "ModelRetried"] * (len(failed) - 1)
    assert order(seen) == [*retries, "AttemptFailed", "ModelFellBack", "AssistantMessage"]
    assert [one.attempt for one in failed] == list(range(1, len(failed) + 1))
    assert (hop.provider, hop.reason) == (failed[-1].provider, failed[-1].reason)
    assert [said(message) for message in seen.messages] == [said(other.message(SECOND))]


def ollama_cells() -> Iterator[tuple[Fault, Moment]]:
    for fault in (*TRANSPORT, *content(OLLAMA), *floods()):
        for moment in OLLAMA.moments(FAILING):
            if fault.where(moment) and not (fault.name == STALLS and moment.in_head and moment.at):
                yield fault, moment


def name(value: Fault | Moment | Wire | Response) -> str:
    return value.name


@pytest.mark.parametrize(("fault", "moment"), list(ollama_cells()), ids=name)
async def test_whatever_the_first_does_the_turn_ends_with_one_whole_answer(fault: Fault, moment: Moment) -> None:
    async with two(OLLAMA, OLLAMA, **fault.limits) as chain:
        chain.first.plans = [fault.plan(OLLAMA, FAILING, moment)] * (ATTEMPTS + 1)
        chain.second.plans = [OLLAMA.good(SECOND)]
        seen = await ask(chain.provider)
        assert seen.error is None
        if fault.always(moment) == SAME:
            assert seen.messages == [OLLAMA.message(FAILING)]
            assert (fallbacks(seen), chain.second.asked_for(OLLAMA.target)) == ([], 0)
        else:
            answered_by_the_second(seen, OLLAMA)
            assert failures(seen)[-1].kind == fault.always(moment).kind  # type: ignore[union-attr]  # it is no text here
            assert chain.first.asked_for(OLLAMA.target) == len(failures(seen)) <= ATTEMPTS
        assert ledger(seen) == TOOK


@pytest.mark.parametrize("response", WRONG, ids=name)
async def test_whatever_the_first_answers_the_second_has_the_last_word(response: Response) -> None:
    async with two(OLLAMA, OLLAMA, **response.limits) as chain:
        chain.first.plans = [response.plan(FAILING)] * (ATTEMPTS + 1)
        chain.second.plans = [OLLAMA.good(SECOND)]
        seen = await ask(chain.provider)
        answered_by_the_second(seen, OLLAMA)
        counted = response.name == "an end and nothing before"  # the one whose count arrives
        assert ledger(seen) == tuple(number * (1 + len(failures(seen)) * counted) for number in TOOK)


FROM_CLOUDS = [(wire, OLLAMA) for wire in (OPENAI, ANTHROPIC, GEMINI)]
TO_CLOUDS = [(OLLAMA, OPENAI), (OLLAMA, ANTHROPIC), (OPENAI, GEMINI)]
FOR_GOOD: dict[str, tuple[str, str, type[ProviderError]]] = {
    "a cut before the head": ("a cut", "head: in the status line", ProviderUnavailable),
    "a reset in the text": ("a reset", "in text", ProviderUnavailable),
    "a cut in a call": ("a cut", "in a call's arguments", ProviderUnavailable),
    "bytes that are no UTF-8": ("bytes that are no UTF-8 in a line", "in a call's arguments", BadResponse),
    "an error of the server": ("an error of the server", "between two calls", ProviderUnavailable),
}


def plan_of(wire: Wire, fault: str, moment: str) -> Plan:
    found = next(one for one in (*TRANSPORT, *content(wire)) if one.name == fault)
    return found.plan(wire, FAILING, next(one for one in wire.moments(FAILING) if one.name == moment))


@pytest.mark.parametrize(("wire", "other"), [*FROM_CLOUDS, *TO_CLOUDS], ids=name)
@pytest.mark.parametrize(("fault", "moment", "error"), FOR_GOOD.values(), ids=FOR_GOOD)
async def test_from_one_wire_to_another(
    wire: Wire, other: Wire, fault: str, moment: str, error: type[ProviderError]
) -> None:
    async with two(wire, other) as chain:
        chain.first.plans = [plan_of(wire, fault, moment)] * (ATTEMPTS + 1)
        chain.second.plans = [other.good(SECOND)]
        seen = await ask(chain.provider)
        answered_by_the_second(seen, other)
        assert failures(seen)[-1].kind == error.kind
        assert ledger(seen) == TOOK
        chain.second.plans = [other.good(FAILING)]
        again = await ask(chain.provider)  # the next step of the turn
        assert [said(message) for message in again.messages] == [said(other.message(FAILING))]
        assert order(again) == ["AssistantMessage"]


@pytest.mark.parametrize(("wire", "other"), [(OLLAMA, OLLAMA), (OLLAMA, OPENAI), (ANTHROPIC, OLLAMA)], ids=name)
async def test_where_both_fail_all_attempts_are_on_record_and_the_error_is_typed(wire: Wire, other: Wire) -> None:
    async with two(wire, other) as chain:
        chain.first.plans = [plan_of(wire, "a cut", "in text")] * (ATTEMPTS + 1)
        chain.second.plans = [plan_of(other, "bytes that are no UTF-8 in a line", "in text")] * (ATTEMPTS + 1)
        seen = await ask(chain.provider)
        assert (seen.outcome, len(fallbacks(seen))) == (BadResponse, 1)
        asked = chain.first.asked_for(wire.target), chain.second.asked_for(other.target)
        assert asked == (ATTEMPTS, 2)
        assert [one.kind for one in failures(seen)] == ["provider_unavailable"] * ATTEMPTS + ["bad_response"] * 2
        assert order(seen)[-1] == "AttemptFailed"


@pytest.mark.parametrize("end", End, ids=lambda one: one.name)
async def test_a_reply_that_dies_at_any_byte_is_the_seconds_whole_answer(end: End) -> None:
    response = OLLAMA.response(FAILING)
    whole = OLLAMA.moments(FAILING)[-3].at
    async with two(OLLAMA, OLLAMA, attempts=1) as chain:
        for at in range(0, len(response), 3):
            await chain.provider.prepare()
            chain.first.plans, chain.second.plans = [[response[:at], end]], [OLLAMA.good(SECOND)]
            seen = await ask(chain.provider)
            assert seen.messages == [OLLAMA.message(FAILING if at >= whole - 2 else SECOND)], at
            assert ledger(seen) == TOOK, at


async def test_a_first_that_keeps_dying_is_not_asked_any_more() -> None:
    async with two(OLLAMA, OPENAI) as chain:
        chain.first.plans = [plan_of(OLLAMA, "a cut", "in text")] * 99
        for turn in range(3):
            await chain.provider.prepare()
            chain.second.plans = [OPENAI.good(SECOND)]
            seen = await ask(chain.provider)
            assert len(fallbacks(seen)) == 1
            assert chain.first.asked_for(OLLAMA.target) == ATTEMPTS, turn
