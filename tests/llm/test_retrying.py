"""Attempts, the waits between them, and what is on record of each."""

import email.utils
import random
import time
from collections.abc import AsyncGenerator, Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_mono.llm.retrying import LONGEST_WAIT_S, Failure, limited, retried, retry_after_s, taking
from py_mono.protocol.attempts import AttemptFailed
from py_mono.protocol.errors import BadResponse, ProviderError, ProviderUnavailable, RateLimited
from py_mono.protocol.events import ModelRetried, Notice, TextDelta
from py_mono.protocol.messages import AssistantMessage, Usage
from py_mono.protocol.ports import ModelChunk
from tests.llm.players import Player, play

AWAY = ProviderUnavailable("away", remedy="wait")
DONE = AssistantMessage("done", model="m")


async def nothing() -> tuple[()]:
    return ()


def attempts_of(
    *outcomes: Exception | AssistantMessage, count: int = 3, draw: Callable[[], float] | None = None
) -> Player:
    """A provider whose attempts come to these, one by one."""
    left = iter(outcomes)

    async def attempt(_: Failure | None) -> AsyncGenerator[ModelChunk, None]:
        outcome = next(left)
        if isinstance(outcome, Exception):
            raise outcome
        yield outcome

    return Player(lambda by, _: retried(attempt, by, attempts=count, backoff_s=0.004, before=nothing, draw=draw))


async def test_each_attempt_that_fails_is_on_record_and_so_is_each_that_follows() -> None:
    draws: Iterator[float] = iter((0.25, 0.5))
    away = ProviderUnavailable("away", usage=Usage(7, 1, 0, None))
    seen = await play(attempts_of(Failure(away), Failure(AWAY), DONE, draw=lambda: next(draws)))
    assert seen.chunks == [
        AttemptFailed("played", "m", 1, "provider_unavailable", "away", Usage(7, 1, 0, None)),
        ModelRetried(1, 0.001, "away"),
        AttemptFailed("played", "m", 2, "provider_unavailable", "away", Usage(cost_usd=0.0)),
        ModelRetried(2, 0.004, "away"),
        DONE,
    ]


async def test_the_last_failure_is_on_record_before_it_is_raised() -> None:
    seen = await play(attempts_of(Failure(AWAY), Failure(AWAY, at_most=2), DONE))
    assert seen.error is AWAY
    assert [type(chunk) for chunk in seen.chunks] == [AttemptFailed, ModelRetried, AttemptFailed]


async def test_what_will_not_pass_is_one_attempt() -> None:
    error = BadResponse("no", remedy="x")
    seen = await play(attempts_of(error, DONE))
    assert seen.error is error
    assert seen.chunks == [AttemptFailed("played", "m", 1, "bad_response", "no", Usage(cost_usd=0.0))]


async def test_what_comes_first_is_no_attempt() -> None:
    async def refused() -> list[ModelChunk]:
        raise AWAY

    async def said() -> list[ModelChunk]:
        return [Notice("known")]

    async def attempt(_: Failure | None) -> AsyncGenerator[ModelChunk, None]:
        yield DONE

    fails = Player(lambda by, _: retried(attempt, by, attempts=3, backoff_s=0.0, before=refused))
    assert ((await play(fails)).chunks, (await play(fails)).error) == ([], AWAY)
    tells = Player(lambda by, _: retried(attempt, by, attempts=3, backoff_s=0.0, before=said))
    assert (await play(tells)).chunks == [Notice("known"), DONE]


async def test_a_server_is_waited_for_as_long_as_it_says_and_a_little_longer() -> None:
    for share, wait_s in ((0.0, 0.02), (0.5, 0.021), (0.999, 0.022)):
        seen = await play(attempts_of(limited("slow down", 0.02), DONE, draw=iter([share]).__next__))
        assert seen.chunks[1] == ModelRetried(1, wait_s, "slow down")


@given(wait_s=st.floats(0, 3600), seed=st.integers())
def test_no_wait_is_shorter_than_the_server_says_nor_longer_than_anyone_waits(wait_s: float, seed: int) -> None:
    found = limited("slow", wait_s)
    if wait_s > LONGEST_WAIT_S:
        assert isinstance(found, RateLimited)
        assert found.retry_after == wait_s
        return
    assert isinstance(found, Failure)
    waited = _first_wait(found, seed)
    assert wait_s <= waited <= min(wait_s * 1.1 + 0.001, LONGEST_WAIT_S)


@given(seed=st.integers())
def test_the_same_seed_draws_the_same_waits_within_their_bounds(seed: int) -> None:
    waits = [_first_wait(Failure(AWAY), seed) for _ in range(2)]
    assert waits[0] == waits[1]
    assert 0.0 <= waits[0] <= 0.004


def _first_wait(failure: Failure, seed: int) -> float:
    """Before the second attempt, without waiting for it."""
    chunks = attempts_of(failure, DONE, draw=random.Random(seed).random).stream(None)
    found: list[ModelChunk] = []
    for _ in range(2):
        try:
            chunks.asend(None).send(None)
        except StopIteration as given_out:
            found.append(given_out.value)
    assert isinstance(found[1], ModelRetried)
    return found[1].wait_s


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("", None), ("soon", None), ("nan", None), ("inf", None), ("1e999", None)],
)
def test_retry_after_is_a_number(header: str, seconds: float | None) -> None:
    assert retry_after_s(header) == seconds


def test_retry_after_is_a_date() -> None:
    found = retry_after_s(email.utils.formatdate(time.time() + 100, usegmt=True))
    assert found is not None
    assert 50 < found <= 100
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert retry_after_s("Wed, 99 Oct 2015 07:28:00 GMT") is None


def test_an_error_bears_what_its_request_took_once() -> None:
    for inner in (BadResponse("x"), BadResponse("x", usage=Usage(1, 1)), Failure(BadResponse("x"))):
        with pytest.raises(type(inner)) as caught, taking(lambda _: Usage(5, 5)):
            raise inner
        error = caught.value.final if isinstance(caught.value, Failure) else caught.value
        assert isinstance(error, ProviderError)
        assert error.usage == (
            Usage(1, 1) if isinstance(inner, BadResponse) and inner.usage == Usage(1, 1) else Usage(5, 5)
        )


async def test_a_reply_left_early_is_closed_and_nothing_goes_on() -> None:
    closed: list[bool] = []

    async def attempt(_: Failure | None) -> AsyncGenerator[ModelChunk, None]:
        try:
            yield TextDelta("a")
            yield DONE
        finally:
            closed.append(True)

    chunks = Player(lambda by, _: retried(attempt, by, attempts=3, backoff_s=0.0, before=nothing)).stream(None)
    await anext(chunks)
    await chunks.aclose()
    assert closed == [True]
