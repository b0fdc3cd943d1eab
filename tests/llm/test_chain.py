"""The chain: who is asked when, what of it is on record, and that a reply is never pieced together."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from py_mono.llm.breaker import COOL_DOWN_S, FAILURES, Breakers
from py_mono.llm.chain import PATIENCE_S, Chain, chained
from py_mono.protocol.attempts import AttemptFailed, ModelFellBack
from py_mono.protocol.errors import (
    AccessDenied,
    BadResponse,
    ConfigError,
    ContentFiltered,
    ContextTooLong,
    ContextTruncated,
    MalformedCall,
    ModelNotFound,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    ReplayDiverged,
    ToolsUnsupported,
)
from py_mono.protocol.events import ModelRetried, Notice, TextDelta
from py_mono.protocol.messages import AssistantMessage, Usage
from py_mono.protocol.ports import ModelChunk, ModelRequest, Provider
from tests.llm.players import ASK, Played, Player, play
from tests.llm.test_breaker import Clock

ZERO = Usage(cost_usd=0.0)
AWAY = ProviderUnavailable("away", remedy="wait")
Plan = Sequence[ModelChunk | ProviderError]


def said(text: str, model: str) -> list[ModelChunk]:
    return [TextDelta(text), AssistantMessage(text, model=model)]


def player(name: str, *plans: Plan, unready: ProviderError | None = None, window: int = 0) -> Player:
    """A provider whose requests get these, and the last one again and again."""
    left = list(plans)

    async def answer(by: Player, _: ModelRequest | None) -> AsyncGenerator[ModelChunk, None]:
        plan = left.pop(0) if len(left) > 1 else left[0]
        await asyncio.sleep(0)
        for chunk in plan:
            if isinstance(chunk, ProviderError):
                yield AttemptFailed(by.name, by.model, 1, chunk.kind, str(chunk), chunk.usage or ZERO)
                raise chunk
            yield chunk

    return Player(answer, name=name, unready=unready, window=window)


def chain_of(*players: Player, clock: Clock | None = None, breakers: Breakers | None = None) -> Chain:
    first, *others = players

    def made(one: Player) -> Callable[[], Provider]:
        return lambda: one

    return chained(first, [(f"{one.name}/m", made(one)) for one in others], breakers or Breakers(clock or Clock()))


def failed(name: str, error: ProviderError) -> AttemptFailed:
    return AttemptFailed(name, "m", 1, error.kind, str(error), ZERO)


def fell_back(before: str, after: str, reason: str = "away") -> ModelFellBack:
    return ModelFellBack(before, "m", after, "m", reason)


async def turn(chain: Chain, steps: int = 1) -> list[Played]:
    await chain.prepare()
    return [await play(chain) for _ in range(steps)]


async def test_a_healthy_first_is_all_there_is() -> None:
    reply = said("hello", "m")
    first, second = player("one", reply, window=7), player("two", said("no", "m"))
    chain = chain_of(first, second)
    (seen,) = await turn(chain)
    assert all(given is made for given, made in zip(seen.chunks, reply, strict=True))
    assert (chain.name, chain.model, chain.window, chain.inner) == ("one", "m", 7, first)
    assert (second.prepared, second.asked) == (0, 0)


async def test_the_next_answers_for_the_rest_of_the_turn_and_the_first_the_next_turn() -> None:
    first = player("one", [TextDelta("half"), AWAY], said("back", "m"))
    second = player("two", said("here", "m"))
    chain = chain_of(first, second)
    steps = await turn(chain, 2)
    assert steps[0].chunks == [
        TextDelta("half"),
        failed("one", AWAY),
        fell_back("one", "two"),
        *said("here", "m"),
    ]
    assert steps[1].chunks == said("here", "m")
    assert (first.asked, second.asked, second.prepared) == (1, 2, 1)
    assert (await turn(chain))[0].chunks == said("back", "m")
    assert (chain.name, chain.inner) == ("one", first)


@pytest.mark.parametrize(
    "error",
    [
        ProviderUnavailable("x"),
        RateLimited("x", retry_after=3600.0),
        AccessDenied("x"),
        ModelNotFound("x"),
        BadResponse("x"),
        MalformedCall("x"),
        ToolsUnsupported("x"),
        ProviderError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_another_provider_may_mend_goes_to_it(error: ProviderError) -> None:
    (seen,) = await turn(chain_of(player("one", [error]), player("two", said("here", "m"))))
    assert seen.chunks == [failed("one", error), fell_back("one", "two", "x"), *said("here", "m")]


@pytest.mark.parametrize(
    "error",
    [ContextTooLong("x"), ContextTruncated("x"), ContentFiltered("x"), ReplayDiverged("x")],
    ids=lambda error: type(error).__name__,
)
async def test_what_the_request_itself_came_to_stays_with_it(error: ProviderError) -> None:
    second = player("two", said("here", "m"))
    (seen,) = await turn(chain_of(player("one", [error]), second))
    assert (seen.error, seen.chunks, second.asked) == (error, [failed("one", error)], 0)


async def test_where_all_fail_each_is_on_record_and_the_last_error_is_raised() -> None:
    denied, gone = AccessDenied("no key"), ModelNotFound("no model")
    (seen,) = await turn(chain_of(player("one", [AWAY]), player("two", [denied]), player("three", [gone])))
    assert seen.error is gone
    assert seen.chunks == [
        failed("one", AWAY),
        fell_back("one", "two"),
        failed("two", denied),
        fell_back("two", "three", "no key"),
        failed("three", gone),
    ]


async def test_a_prompt_too_long_for_who_stands_in_is_not_what_the_person_is_told() -> None:
    small, third = player("two", [ContextTooLong("long")]), player("three", said("here", "m"))
    (seen,) = await turn(chain_of(player("one", [AWAY]), small, third))
    assert seen.chunks[-3:] == [fell_back("two", "three", "long"), *said("here", "m")]
    (seen,) = await turn(chain_of(player("one", [AWAY]), small))
    assert seen.error is AWAY


async def test_one_that_cannot_be_made_is_left_out_and_that_is_said_once() -> None:
    def unmade() -> Provider:
        raise ConfigError("no key for it")

    third = player("three", said("here", "m"))
    chain = chained(player("one", [AWAY]), [("two/m", unmade), ("three/m", lambda: third)], Breakers(Clock()))
    notice = Notice("two/m cannot stand in: no key for it")
    turns = [(await turn(chain))[0].chunks for _ in range(2)]
    assert turns[0] == [failed("one", AWAY), notice, fell_back("one", "three"), *said("here", "m")]
    assert turns[1] == [failed("one", AWAY), fell_back("one", "three"), *said("here", "m")]


async def test_one_that_cannot_be_prepared_is_passed_over_with_a_record_of_it() -> None:
    gone = ProviderUnavailable("gone")
    first = player("one", [AWAY], unready=AWAY)
    second, third = player("two", [], unready=gone), player("three", said("here", "m"), window=9)
    chain = chain_of(first, second, third)
    (seen,) = await turn(chain)
    assert seen.chunks == [
        failed("one", AWAY),
        fell_back("one", "two"),
        failed("two", gone),
        fell_back("two", "three", "gone"),
        *said("here", "m"),
    ]
    assert (first.asked, second.asked, chain.window) == (0, 0, 9)


async def test_who_answers_is_said_before_it_is_ready() -> None:
    ready = asyncio.Event()

    class Slow(Player):
        async def prepare(self) -> None:
            await ready.wait()

    async def here(_: Player, __: ModelRequest | None) -> AsyncGenerator[ModelChunk, None]:
        for chunk in said("here", "m"):
            yield chunk

    chain = chain_of(player("one", [AWAY]), Slow(here, name="two"))
    chunks = chain.stream(ASK)
    assert [await anext(chunks), await anext(chunks)] == [failed("one", AWAY), fell_back("one", "two")]
    ready.set()
    assert [chunk async for chunk in chunks] == said("here", "m")


async def test_a_request_after_one_that_failed_may_go_to_anyone_again() -> None:
    chain = chain_of(player("one", [AWAY], said("back", "m")), player("two", [AWAY]))
    assert (await turn(chain))[0].error is AWAY
    assert (await play(chain)).chunks == [failed("two", AWAY), fell_back("two", "one"), *said("back", "m")]


async def test_where_none_can_be_prepared_the_request_says_so() -> None:
    gone = ProviderUnavailable("gone")
    chain = chain_of(player("one", [], unready=AWAY), player("two", [], unready=gone))
    (seen,) = await turn(chain)
    assert seen.error is gone
    assert seen.chunks == [failed("one", AWAY), fell_back("one", "two"), failed("two", gone)]


async def test_preparing_again_says_nothing_twice_and_a_stream_prepares_where_nobody_did() -> None:
    first, second = player("one", [AWAY], unready=AWAY), player("two", said("here", "m"))
    chain = chain_of(first, second)
    expected = [failed("one", AWAY), fell_back("one", "two"), *said("here", "m")]
    await chain.prepare()
    await chain.prepare()
    assert (await play(chain)).chunks == expected
    assert (await play(chain_of(first, second))).chunks == expected


async def test_a_long_wait_goes_to_another_and_a_short_one_is_waited_for() -> None:
    limited = AttemptFailed("one", "m", 1, "rate_limited", "busy", ZERO)
    clock = Clock()
    first = player("one", [limited, ModelRetried(1, PATIENCE_S + 1, "busy"), *said("late", "m")])
    chain = chain_of(first, player("two", said("here", "m")), clock=clock)
    (seen,) = await turn(chain)
    assert seen.chunks == [limited, fell_back("one", "two", "busy"), *said("here", "m")]
    assert (await turn(chain))[0].chunks[0] == fell_back(
        "one", "two", "it kept failing, and is left alone for 11 s more"
    )
    short = [limited, ModelRetried(1, PATIENCE_S, "busy"), *said("soon", "m")]
    assert (await turn(chain_of(player("one", short), player("two", said("here", "m")))))[0].chunks == short


async def test_a_long_wait_is_waited_for_where_nobody_else_is_well() -> None:
    def unmade() -> Provider:
        raise ConfigError("no key for it")

    long = [ModelRetried(1, 50.0, "busy"), *said("late", "m")]
    chain = chained(player("one", long), [("two/m", unmade)], Breakers(Clock()))
    assert (await turn(chain))[0].chunks[:-2] == [ModelRetried(1, 50.0, "busy")]


async def test_who_keeps_failing_is_left_alone_until_a_probe_succeeds() -> None:
    clock = Clock()
    first, second = player("one", *[[AWAY]] * FAILURES, said("back", "m")), player("two", said("here", "m"))
    chain = chain_of(first, second, clock=clock)
    for _ in range(FAILURES):
        assert (await turn(chain))[0].chunks[0] == failed("one", AWAY)
    chunks = (await turn(chain))[0].chunks
    assert chunks[0] == fell_back("one", "two", "it kept failing, and is left alone for 30 s more")
    assert first.asked == FAILURES
    clock.now += COOL_DOWN_S
    assert [(await turn(chain))[0].chunks for _ in range(2)] == [said("back", "m")] * 2


async def test_with_nobody_else_an_open_breaker_still_asks() -> None:
    breakers = Breakers(Clock())
    first, second = player("one", [AWAY], said("back", "m")), player("two", [AWAY])
    for one in (first, second):
        breakers.of(f"{one.name}/m").rest(100.0)
    (seen,) = await turn(chain_of(first, second, breakers=breakers))
    assert seen.error is AWAY
    assert (first.asked, second.asked) == (1, 1)
    breakers.of("two/m").succeeded()
    (seen,) = await turn(chain_of(first, second, breakers=breakers))  # from the second, which fails, to the first
    assert seen.chunks[-3:] == [fell_back("two", "one"), *said("back", "m")]


async def test_breakers_outlive_a_chain() -> None:
    breakers = Breakers(Clock())
    first, second = player("one", [AccessDenied("no")]), player("two", said("here", "m"))
    await turn(chain_of(first, second, breakers=breakers))
    await turn(chain_of(first, second, breakers=breakers))
    assert first.asked == 1


async def test_closing_closes_those_that_were_made() -> None:
    first, second, third = player("one", [AWAY]), player("two", said("here", "m")), player("three", [])
    chain = chain_of(first, second, third)
    await turn(chain)
    await chain.close()
    await chain.close()
    assert (first.closed, second.closed, third.closed) == (2, 2, 0)


async def test_a_request_that_is_cancelled_is_nobodys_failure() -> None:
    async def hangs(_: Player, __: ModelRequest | None) -> AsyncGenerator[ModelChunk, None]:
        yield TextDelta("half")
        await asyncio.sleep(3600)

    second = player("two", said("here", "m"))
    chain = chain_of(Player(hangs, name="one"), second)
    task = asyncio.ensure_future(turn(chain))
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert second.asked == 0


ERRORS = [AWAY, RateLimited("busy", retry_after=20.0), AccessDenied("no"), BadResponse("?"), ContextTooLong("long")]
ONE_PLAN = st.one_of(
    st.just(said("whole", "m")),
    st.tuples(st.lists(st.just(TextDelta("lost")), max_size=3), st.sampled_from(ERRORS)).map(
        lambda it: [*it[0], it[1]]
    ),
)
PLANS = st.lists(ONE_PLAN, min_size=1, max_size=4)


@settings(deadline=None)
@given(plans=st.lists(PLANS, min_size=1, max_size=3), ready=st.lists(st.booleans(), min_size=3, max_size=3))
def test_whatever_fails_a_turn_ends_with_one_whole_reply_or_one_error(
    plans: list[list[Plan]], ready: list[bool]
) -> None:
    players = [player(f"p{at}", *of_one, unready=None if ready[at] else AWAY) for at, of_one in enumerate(plans)]
    chain = chain_of(*players)

    async def turns() -> list[Played]:
        return [seen for _ in range(3) for seen in await turn(chain, 2)]

    for seen in asyncio.run(turns()):
        messages = [chunk for chunk in seen.chunks if isinstance(chunk, AssistantMessage)]
        assert len(messages) == (seen.error is None)
        void = max((n for n, chunk in enumerate(seen.chunks) if isinstance(chunk, ModelFellBack)), default=-1)
        if seen.error is None:
            assert seen.chunks[-1] is messages[0]
            said_now = "".join(chunk.text for chunk in seen.chunks[void + 1 :] if isinstance(chunk, TextDelta))
            assert said_now == messages[0].text == "whole"
        else:
            assert any(isinstance(chunk, AttemptFailed) for chunk in seen.chunks)
        hops = [chunk for chunk in seen.chunks if isinstance(chunk, ModelFellBack)]
        assert len(hops) < len(players) + 1
        assert all(before.to_provider == after.provider for before, after in pairwise(hops))
