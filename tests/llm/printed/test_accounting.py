"""Whatever becomes of a request, its message and its failed attempts add up to what the servers counted, each once."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from py_mono.llm.breaker import Breakers
from py_mono.llm.chain import chained
from py_mono.llm.printed.calls import TextCalls
from py_mono.llm.retrying import Failure, retried
from py_mono.protocol.attempts import AttemptFailed
from py_mono.protocol.errors import (
    BadResponse,
    ContextTooLong,
    MalformedCall,
    ProviderUnavailable,
    ToolsUnsupported,
)
from py_mono.protocol.events import TextDelta
from py_mono.protocol.messages import AssistantMessage, Usage
from py_mono.protocol.ports import ModelChunk, ModelRequest
from tests.llm.players import Played, Player, play
from tests.llm.printed.test_calls import ASK, BROKEN, CALL, READ

ZERO = Usage(cost_usd=0.0)


@dataclass
class Server:
    """Answers the nth request with the nth plan, the last one again and again, and counts what each took."""

    plans: list[str]
    taken: list[Usage] = field(default_factory=list)

    def counts(self) -> Usage:
        """What the next request takes: a number of its own, so that none can stand for another."""
        count = len(self.taken)
        usage = Usage(1000 + (1 << count), 1 + (1 << count), count, 0.25)
        self.taken.append(usage)
        return usage

    async def attempt(self, _: Failure | None) -> AsyncGenerator[ModelChunk, None]:
        plan = self.plans.pop(0) if len(self.plans) > 1 else self.plans[0]
        match plan:
            case "refused":
                self.taken.append(ZERO)
                raise ContextTooLong("long")
            case "no tools":
                self.taken.append(ZERO)
                raise ToolsUnsupported("no tools")
            case "away":
                self.taken.append(ZERO)
                raise Failure(ProviderUnavailable("away"))
            case "cut":
                yield TextDelta("half")
                self.taken.append(Usage(7, 1, 0, None))
                raise Failure(ProviderUnavailable("cut", usage=self.taken[-1]))
            case "empty":
                raise Failure(BadResponse("nothing", usage=self.counts()), at_most=2)
            case "given up":
                raise MalformedCall("unreadable", raw="{", tool="read_file", usage=self.counts())
            case _:
                text = TEXTS[plan] if plan == "thinking" else "I look.\n" + TEXTS[plan]
                for at in range(0, len(text), 9):
                    yield TextDelta(text[at : at + 9])
                yield AssistantMessage(
                    text, model="m", usage=self.counts(), stop_reason="length" if plan == "cut in a call" else "end"
                )


TEXTS = {"call": CALL, "broken": BROKEN, "thinking": "<think>hm</think>", "said": "All.", "cut in a call": BROKEN[:40]}
PLANS = st.lists(
    st.sampled_from([*TEXTS, "refused", "no tools", "away", "cut", "empty", "given up"]), min_size=1, max_size=8
)


async def nothing() -> tuple[()]:
    return ()


def provider(server: Server, name: str) -> TextCalls:
    def stream(by: Player, _: ModelRequest | None) -> AsyncGenerator[ModelChunk, None]:
        return retried(server.attempt, by, attempts=3, backoff_s=0.0, before=nothing)

    return TextCalls(Player(stream, name=name))


def added(seen: list[Played]) -> list[Usage]:
    """What is on record as taken: of messages, and of attempts that failed."""
    facts = [chunk for one in seen for chunk in one.chunks if isinstance(chunk, AssistantMessage | AttemptFailed)]
    return [fact.usage for fact in facts]


def total(usages: list[Usage]) -> tuple[int, int, int, float, bool]:
    unknown = any(one.cost_usd is None for one in usages)
    known = sum(one.cost_usd or 0.0 for one in usages)
    tokens = [
        sum(numbers)
        for numbers in zip(*((u.input_tokens, u.output_tokens, u.cached_tokens) for u in usages), strict=True)
    ]
    return tokens[0], tokens[1], tokens[2], known, unknown


@settings(deadline=None, max_examples=400)
@given(first=PLANS, second=PLANS, tools=st.booleans())
def test_the_record_is_what_the_servers_counted(first: list[str], second: list[str], tools: bool) -> None:  # noqa: FBT001 - drawn
    servers = Server(list(first)), Server(list(second))
    chain = chained(provider(servers[0], "one"), [("two/m", lambda: provider(servers[1], "two"))], Breakers())
    request = ASK if tools else replace(ASK, tools=())

    async def turn() -> list[Played]:
        await chain.prepare()
        return [await play(chain, request) for _ in range(3)]

    seen = asyncio.run(turn())
    counted = servers[0].taken + servers[1].taken
    assert total(added(seen)) == total(counted)
    for one in seen:
        assert (one.message is None) == (one.error is not None)


@settings(deadline=None, max_examples=200)
@given(plans=PLANS)
def test_so_it_is_without_a_chain(plans: list[str]) -> None:
    server = Server(list(plans))
    seen = asyncio.run(play(provider(server, "one"), ASK))
    assert total(added([seen])) == total(server.taken)
    if seen.error is not None:
        assert isinstance(seen.chunks[-1], AttemptFailed)


def test_a_call_that_was_read_at_last_costs_both_requests() -> None:
    server = Server(["broken", "call"])
    seen = asyncio.run(play(provider(server, "one"), ASK))
    assert seen.message is not None
    assert seen.message.tool_calls == (READ,)
    assert added([seen]) == server.taken
