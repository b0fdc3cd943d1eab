"""Responses that are wrong as a whole, connections that fail, and a reply of Ollama cut at every byte."""

import asyncio
import time

import pytest

from py_mono.protocol.errors import ProviderUnavailable
from tests.faults.catalogue import RETRIED, SAME
from tests.faults.harness import ATTEMPTS, FAILING, SECOND, ask, outcome_of, talking
from tests.faults.ollama_responses import UNUSUAL, WRONG, Response
from tests.faults.ollama_wire import OLLAMA, SHOW, create
from tests.servers.faults import End, FaultServer, Plan, Wait

RESPONSES = [*UNUSUAL, *WRONG]


@pytest.mark.parametrize("response", RESPONSES, ids=lambda one: one.name)
async def test_one_wrong_response_is_asked_again_or_said(response: Response) -> None:
    async with talking(OLLAMA, response.limits) as (server, provider):
        server.plans = [response.plan(FAILING), OLLAMA.good(SECOND)]
        outcome_of(OLLAMA, await ask(provider), response.once)
        assert server.asked_for(OLLAMA.target) == (2 if response.once == RETRIED else 1)


@pytest.mark.parametrize("response", RESPONSES, ids=lambda one: one.name)
async def test_wrong_responses_end_in_the_right_error(response: Response) -> None:
    async with talking(OLLAMA, response.limits) as (server, provider):
        server.plans = [response.plan(FAILING)] * (ATTEMPTS + 1)
        seen = await ask(provider)
        outcome_of(OLLAMA, seen, response.always)
        assert server.asked_for(OLLAMA.target) == len(seen.retries) + 1 <= ATTEMPTS


@pytest.mark.parametrize("end", End, ids=lambda one: one.name)
async def test_a_connection_that_ends_before_it_is_spoken_on_is_tried_again(end: End) -> None:
    async with talking(OLLAMA, {}) as (server, provider):
        server.greetings, server.plans = [end], [OLLAMA.good(SECOND)]
        outcome_of(OLLAMA, await ask(provider), RETRIED)


@pytest.mark.parametrize("end", End, ids=lambda one: one.name)
async def test_connections_that_always_end_before_they_are_spoken_on_are_an_error(end: End) -> None:
    async with talking(OLLAMA, {}) as (server, provider):
        server.greetings = [end] * ATTEMPTS
        outcome_of(OLLAMA, await ask(provider), ProviderUnavailable)
        assert server.asked_for(OLLAMA.target) == 0


async def test_a_server_that_is_gone_before_the_first_reply_is_said_at_once() -> None:
    async with talking(OLLAMA, {}) as (server, provider):
        server.stop_listening()
        seen = await ask(provider)
        assert (seen.outcome, seen.retries) == (ProviderUnavailable, [])
        assert "cannot be reached" in str(seen.error)
        server.listen_again()


async def test_a_server_that_is_gone_after_a_reply_may_be_starting_again() -> None:
    async with talking(OLLAMA, {}) as (server, provider):
        server.plans = [OLLAMA.good(FAILING)]
        outcome_of(OLLAMA, await ask(provider), SAME)
        server.stop_listening()
        seen = await ask(provider)
        assert (seen.outcome, len(seen.retries)) == (ProviderUnavailable, ATTEMPTS - 1)
        server.listen_again()


LEFT: dict[str, Plan] = {
    "closed after the reply": [OLLAMA.response(FAILING), End.FIN],
    "reset after the reply": [OLLAMA.response(FAILING), End.RST],
    "closed with a word": [OLLAMA.response(FAILING), b"HTTP/1.1 408 Request Timeout\r\n\r\n", End.FIN],
    "with half a response of nobody's": [OLLAMA.response(FAILING) + OLLAMA.response("later")[:200]],
    "with a response of nobody's": [OLLAMA.response(FAILING) + OLLAMA.response("later")],
}


@pytest.mark.parametrize("left", LEFT.values(), ids=LEFT)
async def test_a_kept_connection_in_no_good_state_is_not_used_again(left: Plan) -> None:
    async with talking(OLLAMA, {}) as (server, provider):
        server.plans = [left]
        outcome_of(OLLAMA, await ask(provider), SAME)
        await asyncio.sleep(0.02)
        server.plans = [OLLAMA.good(SECOND)]
        seen = await ask(provider)
        assert (seen.outcome, seen.messages) == (SAME, [OLLAMA.message(SECOND)])
        assert server.asked_for(OLLAMA.target) == 2


async def test_bytes_of_nobody_that_came_while_the_program_was_busy_are_seen_too() -> None:
    async with talking(OLLAMA, {}) as (server, provider):
        server.plans = [[OLLAMA.response(FAILING), Wait(0.05), OLLAMA.response("later")], OLLAMA.good(SECOND)]
        outcome_of(OLLAMA, await ask(provider), SAME)
        time.sleep(0.3)  # noqa: ASYNC251 - the loop is to be busy
        seen = await ask(provider)
        assert (seen.outcome, seen.messages) == (SAME, [OLLAMA.message(SECOND)])


UNDER: dict[str, Plan] = {
    "closed": [End.FIN],
    "reset": [End.RST],
    "closed in the head": [OLLAMA.response(FAILING)[:20], End.FIN],
}


@pytest.mark.parametrize("under", UNDER.values(), ids=UNDER)
async def test_a_kept_connection_that_ends_under_the_request_is_replaced(under: Plan) -> None:
    async with talking(OLLAMA, {}) as (server, provider):
        server.plans = [OLLAMA.good(FAILING), under, OLLAMA.good(SECOND)]
        outcome_of(OLLAMA, await ask(provider), SAME)
        seen = await ask(provider)
        assert (seen.outcome, seen.messages) == (SAME, [OLLAMA.message(SECOND)])
        assert server.asked_for(OLLAMA.target) == 3


BETWEEN: dict[str, Plan] = {
    "kept": [SHOW[0]],
    "closed": [SHOW[0], End.FIN],
    "reset": [SHOW[0], End.RST],
    "more than was asked": [bytes(SHOW[0]) * 2],  # type: ignore[arg-type]  # it is the one action that is bytes
    "cut": [bytes(SHOW[0])[:99], End.FIN],  # type: ignore[arg-type]  # the same
    "cut by a reset": [bytes(SHOW[0])[:99], End.RST],  # type: ignore[arg-type]  # the same
    "never answered": [End.RST],
    "garbage": [bytes(range(256))],
}


@pytest.mark.parametrize("show", BETWEEN.values(), ids=BETWEEN)
async def test_whatever_happens_to_the_connection_that_describes_the_model_the_chat_is_well(show: Plan) -> None:
    with FaultServer([OLLAMA.good(SECOND)], routes={**OLLAMA.routes, "/api/show": show}) as server:
        provider = create(server.url)
        await provider.prepare()
        seen = await ask(provider)
        assert (seen.outcome, seen.messages) == (SAME, [OLLAMA.message(SECOND)])
        await provider.close()


@pytest.mark.parametrize("end", End, ids=lambda one: one.name)
async def test_a_reply_cut_at_any_byte_is_asked_again_and_never_half_believed(end: End) -> None:
    response = OLLAMA.response(FAILING)
    whole = OLLAMA.moments(FAILING)[-3].at
    async with talking(OLLAMA, {}) as (server, provider):
        for at in range(len(response)):
            server.plans = [[response[:at], end], OLLAMA.good(SECOND)]
            seen = await ask(provider)
            assert seen.messages == [OLLAMA.message(FAILING if at >= whole - 2 else SECOND)], at


async def test_a_reply_cut_at_any_byte_is_an_error_where_it_is_not_asked_again() -> None:
    response = OLLAMA.response(FAILING)
    whole = OLLAMA.moments(FAILING)[-3].at
    async with talking(OLLAMA, {"attempts": 1}) as (server, provider):
        for at in range(whole - 2):
            server.plans = [[response[:at], End.FIN]]
            assert (await ask(provider)).outcome is ProviderUnavailable, at
