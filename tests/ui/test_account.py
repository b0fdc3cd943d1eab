from collections.abc import Sequence

import pytest

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
from py_mono.ui.account import Account, context_lines, cost_lines


def reply(model: str, sent: int, made: int, cached: int = 0, *, cost: float | None = 0.0) -> MessageFinished:
    return MessageFinished(AssistantMessage("x", model=model, usage=Usage(sent, made, cached, cost)))


def account(events: Sequence[Event]) -> Account:
    return Account(Envelope(number, 0.0, event) for number, event in enumerate(events, 1))


@pytest.mark.parametrize(
    ("events", "lines"),
    [
        ([], ["Nothing was asked in this session yet."]),
        ([reply("small", 1000, 5)], ["small  1 request, 1,000 tokens in, 5 out, $0.0000"]),
        (
            [reply("small", 1000, 5), HistoryCleared(), reply("large", 10, 1, 8, cost=0.25), reply("large", 10, 1, cost=0.25)],
            [
                "small   1 request, 1,000 tokens in, 5 out, $0.0000",
                "large   2 requests, 20 tokens in (8 from the cache), 2 out, $0.5000",
                "in all  3 requests, 1,020 tokens in (8 from the cache), 7 out, $0.5000",
            ],
        ),
        (
            [reply("a\x1b[2J", 1, 1, cost=None), reply("b", 1, 1)],
            [
                "a       1 request, 1 tokens in, 1 out, price not known",
                "b       1 request, 1 tokens in, 1 out, $0.0000",
                "in all  2 requests, 2 tokens in, 2 out, price not known",
            ],
        ),
    ],
)  # fmt: skip
def test_the_cost_is_told_by_model_and_in_all(events: list[Event], lines: list[str]) -> None:
    assert cost_lines(account(events)).split("\n") == lines


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
