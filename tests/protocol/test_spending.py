"""Money: sums without noise, and what is not known is never nothing."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_mono.protocol.attempts import AttemptFailed
from py_mono.protocol.codec import encode
from py_mono.protocol.events import MessageFinished
from py_mono.protocol.messages import AssistantMessage, Usage
from py_mono.protocol.spending import Spending

UNIT = Decimal("1e-10")


def reply(cost: float | None, model: str = "m") -> MessageFinished:
    return MessageFinished(AssistantMessage("x", model=model, usage=Usage(10, 1, 5, cost)))


def lost(cost: float | None, model: str = "m") -> AttemptFailed:
    return AttemptFailed("p", model, 1, "provider_unavailable", "gone", Usage(10, 0, 0, cost))


@given(st.lists(st.integers(0, 10**12), max_size=200))
def test_a_sum_is_the_decimal_sum_to_the_last_digit(units: list[int]) -> None:
    costs = [float(unit * UNIT) for unit in units]
    spending, total = Spending(), Usage(cost_usd=0.0)
    for cost in costs:
        spending.apply(reply(cost))
        total += Usage(cost_usd=cost)
    expected = sum(units) * UNIT
    for said in (spending.total.known_usd, spending.total.usage.cost_usd, total.cost_usd):
        assert said is not None
        assert Decimal(str(said)) == expected
    assert json.loads(encode(total))["cost_usd"] == float(expected)


@given(st.lists(st.floats(0, 1), max_size=200))
def test_finer_prices_are_off_by_half_a_unit_for_each_request_at_most(costs: list[float]) -> None:
    spending = Spending()
    for cost in costs:
        spending.apply(reply(cost))
    off = abs(sum(map(Decimal, costs)) - Decimal(spending.total.known_usd))
    assert off <= UNIT / 2 * (len(costs) + 1)


@pytest.mark.parametrize(("said", "kept"), [
    (0.0012000000000000001, 0.0012), (0.1 + 0.2, 0.3), (0.0, 0.0), (None, None), (-0.5, None), (float("nan"), None),
    (float("inf"), 1e9), (1e308, 1e9), (3.75e-8, 3.75e-8), (10**400, 1e9),
])  # fmt: skip
def test_a_price_is_an_amount_or_not_known(said: float | None, kept: float | None) -> None:
    assert Usage(cost_usd=said).cost_usd == kept
    assert json.loads(encode(Usage(cost_usd=said)))["cost_usd"] == kept


@pytest.mark.parametrize(("said", "kept"), [(-1, 0), (10**30, 1 << 53), (7, 7)])
def test_tokens_are_as_many_as_json_can_count(said: int, kept: int) -> None:
    counted = Usage(said, said, said)
    assert (counted.input_tokens, counted.output_tokens, counted.cached_tokens) == (kept, kept, kept)
    assert json.loads(encode(counted + counted))["input_tokens"] <= 1 << 53


def test_a_server_that_lies_cannot_fill_a_budget_again() -> None:
    spending = Spending()
    for cost in (2.0, -5.0, float("nan"), 1e308, 1e308):
        spending.apply(reply(cost))
    assert spending.total.known_usd >= 1e9
    assert spending.total.unpriced == 2


@pytest.mark.parametrize(("facts", "cost", "short"), [
    ([], "free", "free"),
    ([reply(0.0), lost(0.0)], "free", "free"),
    ([reply(0.012)], "$0.0120", "$0.0120"),
    ([reply(0.012), reply(None, "b"), lost(None, "b")], "$0.0120 + unknown: 2 requests of b", "$0.0120 + unknown"),
    ([reply(0.0), reply(None, "b")], "cost unknown: 1 request of b", "unknown"),
    ([reply(None, name) for name in "abca"] + [lost(0.5, "d")],
     "$0.50 + unknown: 2 requests of a, 1 request of b, 1 more model", "$0.50 + unknown"),
])  # fmt: skip
def test_the_known_part_is_said_and_that_there_is_an_unknown_one(
    facts: list[MessageFinished | AttemptFailed], cost: str, short: str
) -> None:
    spending = Spending()
    for fact in facts:
        spending.apply(fact)
    assert (spending.cost, spending.total.short_cost) == (cost, short)


def test_each_model_has_its_own_sum() -> None:
    spending = Spending()
    for fact in (reply(1.0, "a"), lost(0.5, "a"), reply(None, "b")):
        spending.apply(fact)
    a, b = spending.models["a"], spending.models["b"]
    assert (a.requests, a.failed, a.unpriced, a.usage) == (2, 1, 0, Usage(20, 1, 5, 1.5))
    assert (b.requests, b.failed, b.unpriced, b.usage) == (1, 0, 1, Usage(10, 1, 5, None))
    assert spending.total.usage == Usage(30, 2, 10, None)
