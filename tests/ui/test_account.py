from collections.abc import Sequence
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from py_mono.agent.guards import Limits
from py_mono.protocol.announcing import ToolsAnnounced
from py_mono.protocol.attempts import AttemptFailed
from py_mono.protocol.events import (
    ContextChecked,
    Envelope,
    Event,
    HistoryCleared,
    MessageFinished,
    PromptFrozen,
    TurnStarted,
)
from py_mono.protocol.history import History
from py_mono.protocol.messages import AssistantMessage, Usage, UserMessage
from py_mono.protocol.tools import ToolSpec
from py_mono.ui.account import Account
from py_mono.ui.context_lines import context_lines
from py_mono.ui.cost_lines import cost_lines
from py_mono.ui.terminal import cell_width


def reply(model: str, sent: int, made: int, cached: int = 0, *, cost: float | None = 0.0) -> MessageFinished:
    return MessageFinished(AssistantMessage("x", model=model, usage=Usage(sent, made, cached, cost)))


def account(events: Sequence[Event]) -> Account:
    return Account(Envelope(number, 0.0, event) for number, event in enumerate(events, 1))


def lost(model: str, sent: int, *, cost: float | None = 0.0) -> AttemptFailed:
    return AttemptFailed("p", model, 1, "provider_unavailable", "gone", Usage(sent, 0, 0, cost))


def said(events: Sequence[Event], limits: Limits | None = None) -> str:
    text = cost_lines(account(events), limits or Limits())
    assert max(map(cell_width, text.split("\n"))) <= 80
    return text


def test_before_anything_was_asked_there_are_budgets_only() -> None:
    assert said([]) == "Nothing was asked in this session yet."
    assert said([], Limits(max_budget_usd=0.5, session_budget_usd=5, max_tokens=9000)) == snapshot("""\
Nothing was asked in this session yet.
Budget of this session: $5.00, $5.00 left
Budget of a turn: $0.50, $0.50 left
Tokens of a turn: at most 9,000\
""")


def test_the_cost_is_told_by_model_of_the_session_the_last_turn_and_the_last_request() -> None:
    events: list[Event] = [
        TurnStarted(1, UserMessage("a")), reply("qwen3:8b", 31_000, 205),
        TurnStarted(2, UserMessage("b")), lost("openai/gpt-4.1-mini", 900, cost=0.0004),
        reply("openai/gpt-4.1-mini", 900, 12, 512, cost=0.0012), HistoryCleared(),
        reply("anthropic/claude-sonnet-4-5-20250929", 1_234_567, 45_678, 1_000_000, cost=1.25),
    ]  # fmt: skip
    assert said(events, Limits(max_budget_usd=1, session_budget_usd=2)) == snapshot("""\
                         requests  failed         in     cached     out     cost
qwen3:8b                        1       0     31,000          0     205     free
openai/gpt-4.1-mini             2       1      1,800        512      12  $0.0016
anthropic/claude-sonnet-4-5-20250929
                                1       0  1,234,567  1,000,000  45,678    $1.25
this session                    4       1  1,267,367  1,000,512  45,895    $1.25
the last turn                   3       1  1,236,367  1,000,512  45,690    $1.25
the last request                1       0  1,234,567  1,000,000  45,678    $1.25
Budget of this session: $2.00, $0.75 left
Budget of a turn: $1.00, used up by the last
Tokens: in (cached: those of them that the server took from its cache) and out,
as the servers count them. Prices: what the server says, else LiteLLM's table.\
""")


def test_what_is_not_known_is_said_and_the_part_that_is() -> None:
    events: list[Event] = [
        reply("a\x1b[2J", 1, 1, cost=None),
        reply("b", 1, 1, cost=0.5),
        reply("c", 1, 1),
        lost("b", 1, cost=None),
    ]
    assert said(events, Limits(session_budget_usd=1)) == snapshot("""\
                           requests  failed  in  cached  out             cost
a                                 1       0   1       0    1          unknown
b                                 2       1   2       0    1  $0.50 + unknown
c                                 1       0   1       0    1             free
this session                      4       1   4       0    3  $0.50 + unknown
the last turn                     4       1   4       0    3  $0.50 + unknown
the last request (failed)         1       1   1       0    0          unknown
No price is known for: a, b
Budget of this session: $1.00, at most $0.50 left
Tokens: in (cached: those of them that the server took from its cache) and out,
as the servers count them. Prices: what the server says, else LiteLLM's table.\
""")


def test_the_documented_example_is_what_is_shown() -> None:
    events: list[Event] = [
        TurnStarted(1, UserMessage("a")), reply("qwen3:8b", 31_000, 205),
        TurnStarted(2, UserMessage("b")), lost("openai/gpt-4.1-mini", 900, cost=0.0004),
        reply("openai/gpt-4.1-mini", 900, 12, 512, cost=0.0012), reply("openai/new-model", 400, 30, cost=None),
    ]  # fmt: skip
    page = (Path(__file__).parents[2] / "docs" / "cost.md").read_text(encoding="utf-8")
    assert page.partition("```text\n")[2].partition("\n```")[0] == said(events, Limits(session_budget_usd=5))


def test_numbers_and_names_of_any_size_stay_within_eighty_columns() -> None:
    events: list[Event] = [reply(name, 10**9, 10**8, 10**9, cost=1e6) for name in ("m" * 30, "模" * 90, "", "x y" * 40)]
    said([*events, reply("z", 1, 1, cost=None), lost("m", 1)])


@pytest.mark.parametrize(("cost", "line"), [
    (0.0, "Budget of this session: $1.00, $1.00 left"),
    (0.25, "Budget of this session: $1.00, $0.75 left"),
    (1.0, "Budget of this session: $1.00, used up"),
    (9.0, "Budget of this session: $1.00, used up"),
    (None, "Budget of this session: $1.00, at most $1.00 left"),
])  # fmt: skip
def test_what_is_left_of_a_budget(cost: float | None, line: str) -> None:
    assert line in said([reply("m", 1, 1, cost=cost)], Limits(session_budget_usd=1)).split("\n")


def test_a_session_that_goes_on_has_its_past() -> None:
    past: list[Event] = [TurnStarted(1, UserMessage("a")), reply("m", 10, 1, cost=0.5), lost("m", 10, cost=0.25)]
    going_on = account(past)
    going_on(Envelope(9, 0.0, reply("m", 10, 1, cost=0.25)))
    assert going_on.session.total.usage == Usage(30, 2, 0, 1.0)
    assert (going_on.turn.total.requests, going_on.last.total.requests) == (3, 1)
    going_on(Envelope(10, 0.0, TurnStarted(2, UserMessage("b"))))
    assert (going_on.turn.total.requests, going_on.session.total.requests) == (0, 3)


@pytest.mark.parametrize(
    ("events", "line"),
    [
        ([], "No request was made yet: how full the window is will be known after the first."),
        (
            [ContextChecked("seen", 90, 100, 400)],
            "The last prompt took 100 of 400 tokens, 25% (counted by the server).",
        ),
        (
            [ContextChecked("unverified", 100, 0, 400, "it gave no number")],
            "The last prompt took 100 of 400 tokens, 25% (our own estimate: it gave no number).",
        ),
        (
            [ContextChecked("seen", 90, 100, 0)],
            "The last prompt took 100 tokens (counted by the server); how large the window is is not known.",
        ),
        (
            [ContextChecked("seen", 90, 100, 400), HistoryCleared()],
            "No request was made yet: how full the window is will be known after the first.",
        ),
    ],
)  # fmt: skip
def test_how_full_the_window_is_is_what_the_server_said_last(events: list[Event], line: str) -> None:
    assert context_lines(account(events), History()).split("\n")[0] == line


def test_the_context_is_told_by_its_parts() -> None:
    history = History()
    history.apply(PromptFrozen("x" * 400, (ToolSpec("look", "d" * 394, {}),)))
    history.apply(TurnStarted(1, UserMessage("y")))
    assert context_lines(Account(), history).split("\n")[1:3] == [
        "  system prompt   about 100 tokens",
        "   1 tools        about 100 tokens",
    ]
    assert context_lines(Account(), history).split("\n")[3].startswith("   1 messages     about ")


def test_tools_that_came_later_are_counted() -> None:
    history = History()
    history.apply(ToolsAnnounced(("a__b", "a__c"), UserMessage("x" * 400)))
    assert context_lines(Account(), history).split("\n")[1] == "   2 more tools, told of in the messages"
