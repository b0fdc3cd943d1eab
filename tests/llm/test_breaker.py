"""The circuit breaker: three states, and what moves it from one to the next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_mono.llm.breaker import COOL_DOWN_S, FAILURES, LONGEST_S, Breaker, Breakers

AWAY = "provider_unavailable"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        breaker.failed(AWAY)
    return breaker


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    breaker = Breaker(Clock())
    for _ in range(FAILURES - 1):
        breaker.failed(AWAY)
    assert breaker.lets_through
    breaker.succeeded()
    for _ in range(FAILURES - 1):
        breaker.failed(AWAY)
    assert breaker.lets_through
    breaker.failed(AWAY)
    assert (breaker.lets_through, breaker.left_s) == (False, COOL_DOWN_S)


@pytest.mark.parametrize("kind", ["access_denied", "model_not_found"])
def test_what_the_next_request_would_end_in_too_opens_it_at_once(kind: str) -> None:
    breaker = Breaker(Clock())
    breaker.failed(kind)
    assert not breaker.lets_through


@pytest.mark.parametrize("kind", ["context_too_long", "malformed_call", "tools_unsupported", "content_filtered"])
def test_what_says_nothing_against_the_server_does_not_open_it(kind: str) -> None:
    breaker = Breaker(Clock())
    for _ in range(10):
        breaker.failed(kind)
    assert breaker.lets_through


def test_half_open_it_lets_one_probe_through_which_closes_it() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += COOL_DOWN_S - 1
    assert not breaker.lets_through
    clock.now += 1
    assert (breaker.lets_through, breaker.lets_through, breaker.left_s) == (True, True, 0.0)
    breaker.asked()
    assert not breaker.lets_through
    breaker.succeeded()
    assert breaker.lets_through
    breaker.failed(AWAY)
    assert breaker.lets_through


def test_a_probe_that_fails_opens_it_for_twice_as_long_up_to_a_limit() -> None:
    clock = Clock()
    breaker = opened(clock)
    waits = []
    for _ in range(8):
        clock.now += breaker.left_s
        breaker.asked()
        breaker.failed(AWAY)
        breaker.failed(AWAY)  # a second attempt of the same request
        waits.append(breaker.left_s)
    assert waits == [60.0, 120.0, 240.0, 480.0, LONGEST_S, LONGEST_S, LONGEST_S, LONGEST_S]


def test_a_probe_that_nobody_waited_for_does_not_close_the_way_for_ever() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += COOL_DOWN_S
    breaker.asked()
    clock.now += COOL_DOWN_S
    assert breaker.lets_through


def test_a_server_that_wants_to_be_left_alone_is() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    breaker.rest(45.0)
    assert (breaker.lets_through, breaker.left_s) == (False, 45.0)
    breaker.rest(5.0)
    assert breaker.left_s == 45.0
    breaker.rest(1e9)
    assert breaker.left_s == LONGEST_S


def test_each_model_has_one_which_a_change_by_hand_forgets() -> None:
    breakers = Breakers(Clock())
    breakers.of("groq/m").failed("access_denied")
    assert not breakers.of("groq/m").lets_through
    assert breakers.of("ollama/m").lets_through
    breakers.forget()
    assert breakers.of("groq/m").lets_through


@given(st.lists(st.sampled_from(["asked", "well", "failed", "wait", "rest"]), max_size=60))
def test_whatever_happens_it_lets_one_through_again_in_time(steps: list[str]) -> None:
    clock = Clock()
    breaker = Breaker(clock)
    for step in steps:
        match step:
            case "asked":
                breaker.asked()
            case "well":
                breaker.succeeded()
                assert breaker.lets_through
            case "failed":
                breaker.failed(AWAY)
            case "wait":
                clock.now += 10
            case _:
                breaker.rest(100.0)
        assert 0.0 <= breaker.left_s <= LONGEST_S
        assert breaker.lets_through == (breaker.left_s == 0.0)
    clock.now += LONGEST_S
    assert breaker.lets_through
