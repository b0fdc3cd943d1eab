"""Faults on the clouds' wires, as LiteLLM brings them: the right answer or an error in words, never a part of an answer.

LiteLLM is slow to load and slow to ask, so each fault is tried at some moments of a reply: every moment gets its turn.
"""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from py_mono.protocol.errors import BadResponse, ProviderUnavailable
from py_mono.protocol.messages import AssistantMessage, Usage
from tests.faults.catalogue import FOR_EVER, RETRIED, SAME, TRANSPORT, Fault, content
from tests.faults.cloud_wires import ANTHROPIC, GEMINI, OPENAI
from tests.faults.harness import ATTEMPTS, FAILING, LATER, SECOND, Seen, ask, settled
from tests.faults.wires import FINAL, Moment, Wire, chunked
from tests.servers.faults import End, FaultServer, Flood, Wait

WIRES = (OPENAI, ANTHROPIC, GEMINI)
STALLS = "a pause that is too long"
HARMLESS = "a pause"
EACH = 7
"""A fault is tried at every so manieth of its moments."""


def cells() -> Iterator[tuple[Wire, Fault, list[Moment]]]:
    for wire in WIRES:
        faults = [fault for fault in (*TRANSPORT, *content(wire)) if fault.name != STALLS]
        for number, fault in enumerate(faults):
            moments = [moment for moment in wire.moments(FAILING) if fault.where(moment)]
            yield wire, fault, moments[number % min(EACH, len(moments)) :: EACH]


def name(value: object) -> str:
    return value.name if isinstance(value, Wire | Fault) else ""


def said(message: AssistantMessage) -> AssistantMessage:
    """A message without what is not the same on each wire."""
    calls = tuple(replace(call, id="") for call in message.tool_calls)
    return replace(message, usage=Usage(), provider_data={}, tool_calls=calls)


def right(wire: Wire, seen: Seen, fault: Fault, moment: Moment) -> None:
    """The answer of the attempt that gave one, and not of one that cannot have been whole."""
    where = f"{fault.name}, {moment.name}: {seen.error} {seen.retries}"
    if seen.error is None:
        tag = SECOND if seen.retries else FAILING
        assert said(seen.messages[0]) == said(wire.message(tag)), where
    ended = wire.body(FAILING).index(wire.ended)
    early = moment.inside <= ended if moment.inside is not None else not moment.whole
    if fault.name == HARMLESS:
        assert seen.outcome == SAME, where
    elif early and fault in TRANSPORT:
        assert seen.outcome == RETRIED, where


@pytest.mark.parametrize(("wire", "fault", "moments"), list(cells()), ids=name)
async def test_a_reply_that_fails_is_asked_again_or_said(wire: Wire, fault: Fault, moments: list[Moment]) -> None:
    with FaultServer(routes=wire.routes) as server:
        provider = wire.create(server.url, **fault.limits)
        for moment in moments:
            server.plans = [fault.plan(wire, FAILING, moment), wire.good(SECOND)]
            before = server.asked_for(wire.target)
            seen = await ask(provider)
            right(wire, seen, fault, moment)
            assert server.asked_for(wire.target) == before + 1 + len(seen.retries)
        server.plans = [wire.good(LATER)] * 2  # a connection that was left in disorder may be found out only in use
        seen = await ask(provider)
        assert [said(message) for message in seen.messages] == [said(wire.message(LATER))], seen.error
        await provider.close()
        await settled(server)


ALWAYS = {
    "a cut before the head": ("a cut", "head: in the status line", ProviderUnavailable),
    "a reset in the text": ("a reset", "in text", ProviderUnavailable),
    "bytes that are no UTF-8": ("bytes that are no UTF-8 in a line", "in a call's arguments", BadResponse),
    "a line of a web page": ("a line of a web page", "between two calls", BadResponse),
    "an error of the server": ("an error of the server", "between two calls", ProviderUnavailable),
}


@pytest.mark.parametrize("wire", WIRES, ids=name)
@pytest.mark.parametrize(("fault", "moment", "error"), ALWAYS.values(), ids=ALWAYS)
async def test_replies_that_always_fail_end_in_the_right_error(
    wire: Wire, fault: str, moment: str, error: type[Exception]
) -> None:
    found = next(one for one in (*TRANSPORT, *content(wire)) if one.name == fault)
    place = next(one for one in wire.moments(FAILING) if one.name == moment)
    with FaultServer([found.plan(wire, FAILING, place)] * (ATTEMPTS + 1)) as server:
        provider = wire.create(server.url)
        seen = await ask(provider)
        assert seen.outcome is error, seen.error
        assert server.asked_for(wire.target) == len(seen.retries) + 1 <= ATTEMPTS
        await provider.close()
        await settled(server)


async def test_a_server_that_hangs_is_left() -> None:
    with FaultServer([[Wait()]]) as server:
        provider = OPENAI.create(server.url, first_token_s=0.2, notice_s=0.1)
        assert (await ask(provider)).outcome is ProviderUnavailable
        await provider.close()
        await settled(server)


async def test_a_reply_that_hangs_is_asked_again() -> None:
    half = OPENAI.response(FAILING)[:1500]
    with FaultServer([[half, Wait()], OPENAI.good(SECOND)]) as server:
        provider = OPENAI.create(server.url, idle_s=1.0)
        seen = await ask(provider)
        assert (seen.outcome, said(seen.messages[0])) == (RETRIED, said(OPENAI.message(SECOND)))
        await provider.close()
        await settled(server)


@pytest.mark.parametrize("wire", WIRES, ids=name)
async def test_a_response_that_nobody_asked_for_is_not_the_answer_to_the_next_request(wire: Wire) -> None:
    with FaultServer([[wire.response(FAILING) + wire.response("later")], wire.good(SECOND)]) as server:
        provider = wire.create(server.url)
        for tag in (FAILING, SECOND):
            seen = await ask(provider)
            assert (seen.outcome, said(seen.messages[0])) == (SAME, said(wire.message(tag)))
        await provider.close()
        await settled(server)


@pytest.mark.parametrize("wire", WIRES, ids=name)
async def test_a_line_without_end_is_not_kept(wire: Wire) -> None:
    flood = Flood(chunked([b"x" * 65536]).removesuffix(FINAL), FOR_EVER)
    with FaultServer([[wire.head() + chunked([b"data: "]).removesuffix(FINAL), flood, End.FIN]]) as server:
        provider = wire.create(server.url)
        seen = await ask(provider)
        assert (seen.outcome, seen.retries) == (BadResponse, [])
        assert server.flooded < 40 << 20
        await provider.close()
        await settled(server)
