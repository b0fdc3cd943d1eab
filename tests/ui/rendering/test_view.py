"""What is folded, counted, numbered and said once."""

import asyncio
import io

import pytest

from py_mono.protocol.announcing import ToolsAnnounced
from py_mono.protocol.changes import ChangesCommitted
from py_mono.protocol.events import (
    ContextChecked,
    Envelope,
    Event,
    MessageFinished,
    ReasoningDelta,
    StepStarted,
    TextDelta,
    ToolFinished,
    ToolOutput,
    ToolStarted,
)
from py_mono.protocol.messages import AssistantMessage, Usage, UserMessage
from py_mono.protocol.tools import ToolCall, ToolResult
from py_mono.ui.account import Account
from py_mono.ui.render import Renderer
from py_mono.ui.rendering.diffs import DiffText, diff_rows
from py_mono.ui.rendering.meter import Meter
from py_mono.ui.rendering.pulse import BEAT_S, Pulse
from py_mono.ui.rendering.words import short_count, ticking
from py_mono.ui.terminal import Screen
from py_mono.utils.money import money

STEP = StepStarted(1, "m", "00")
READ = ToolCall("1", "read_file", {"path": "a"})


def renderer(**options: bool) -> tuple[Renderer, io.StringIO]:
    """What shows events at a terminal without colours and with an input line, and what it gets."""
    stream = io.StringIO()
    screen = Screen(stream, {"TERM": "xterm", "NO_COLOR": "1"}, terminal=True, columns=60)
    return Renderer(screen, on_change=lambda: None, **options), stream


def shown(view: Renderer, stream: io.StringIO, *events: Event) -> str:
    """What these events, a second apart, add to the screen; without what is bold or dim."""
    began = len(stream.getvalue())
    for number, event in enumerate(events):
        view(Envelope(number + 1, float(number), event))
    text = stream.getvalue()[began:]
    return text.replace("\x1b[2m", "").replace("\x1b[1m", "").replace("\x1b[0m", "")


def test_thinking_is_one_line_that_says_how_long_it_took_and_its_last_line_stands_while_it_lasts() -> None:
    view, stream = renderer()
    assert shown(view, stream, STEP, ReasoningDelta("first\nsec"), ReasoningDelta("ond\n")) == ""
    assert view.text.open_text() == ("second", "dim")
    assert shown(view, stream, TextDelta("x\n\n")) == "thought (Ctrl-O shows it)\nx\n"  # by a clock that was set back
    assert shown(view, stream, STEP, ReasoningDelta("one\ntwo"), TextDelta("y\n\n")) == "thought for 1.0 s\ny\n"
    view.unfold()
    assert stream.getvalue().endswith("thought for 1.0 s\x1b[0m\none\ntwo\n")


def test_thinking_stays_out_where_nobody_wants_it() -> None:
    view, stream = renderer(reasoning=False)
    assert shown(view, stream, STEP, ReasoningDelta("hm"), MessageFinished(AssistantMessage("x", "hm"))) == "x\n"


def test_a_result_is_one_line_with_its_length_and_can_be_seen_whole() -> None:
    view, stream = renderer()
    results = [ToolResult("1", "read_file", content) for content in ("one\n", "a\n\x1b[2Jb\n", "", " \n")]
    assert [shown(view, stream, ToolStarted(READ), ToolFinished(result, 5)) for result in results] == [
        "✓ read_file a  5 ms · 1 line (Ctrl-O shows it)\n",
        "✓ read_file a  5 ms · 2 lines\n",
        "✓ read_file a  5 ms\n",
        "✓ read_file a  5 ms\n",
    ]
    began = len(stream.getvalue())
    for _ in range(3):
        view.unfold()
    assert stream.getvalue()[began:].replace("\x1b[1m", "").replace("\x1b[2m", "").replace("\x1b[0m", "") == (
        "read_file a\na\nb\nread_file a\none\nNothing more is folded.\n"
    )


def test_a_failure_that_is_shown_whole_folds_nothing_and_a_longer_one_does() -> None:
    view, stream = renderer()
    short, long = (ToolResult("1", "shell", "\n".join("abcdefgh"[:n]), is_error=True) for n in (6, 8))
    assert shown(view, stream, ToolFinished(short, 5)).splitlines()[0] == "✗ shell  5 ms  failed"
    assert shown(view, stream, ToolFinished(long, 5)).splitlines()[0] == (
        "✗ shell  5 ms  failed · 8 lines (Ctrl-O shows it)"
    )


def test_a_long_diff_says_how_much_more_there_is_and_can_be_seen_whole() -> None:
    view, stream = renderer()
    diff = "@@ -0,0 +1,100 @@\n" + "".join(f"+line {number}\n" for number in range(1, 101))
    said = shown(view, stream, ToolFinished(ToolResult("1", "write_file", "", details={"diff": diff}), 5)).splitlines()
    assert (said[1], said[60:]) == ("  1 + line 1", [" 60 + line 60", "… 40 more lines (Ctrl-O shows it)"])
    view.unfold()
    assert "+line 100" in stream.getvalue()


def test_a_diff_is_numbered_as_its_heads_say_and_a_line_of_dashes_is_a_line() -> None:
    diff = (
        "--- a\n+++ b\n@@ -8,3 +8,3 @@ def f\n same\n--- old\n+++ new\n last\n@@ -20 +20,0 @@\n-gone\n\\ No newline\n"
    )
    rows = diff_rows(diff, Screen(io.StringIO(), {"TERM": "xterm"}, terminal=True))
    assert [tuple(row) for row in rows] == [
        (" 8   same", None),
        (" 9 - -- old", "red"),
        (" 9 + ++ new", "green"),
        ("10   last", None),
        ("  …", "dim"),
        ("20 - gone", "red"),
        ("\\ No newline", "dim"),
    ]


def test_a_commands_diff_has_its_colours() -> None:
    stream = io.StringIO()
    view = Renderer(Screen(stream, {"TERM": "xterm"}, terminal=True, columns=10))
    view.answer(DiffText("M f\n+a line that is long"))
    view.answer("+a line that is long")
    assert stream.getvalue() == "M f\n\x1b[32m+a line that is long\x1b[0m\n+a line\nthat is\nlong\n"


def test_what_an_undo_cannot_bring_back_is_said_once() -> None:
    view, stream = renderer()
    big = ChangesCommitted(1, "a", "b", "not kept: x.bin (larger than 50 MB); not looked into: .venv")
    told = "/undo cannot bring back what is not kept: x.bin (larger than\n50 MB)\n"
    assert [
        shown(view, stream, event) for event in (big, big, ChangesCommitted(2, "a", "b", "not looked into: .venv"))
    ] == [
        told,
        "",
        "",
    ]


def test_something_said_while_a_reply_streams_leaves_its_open_block_whole() -> None:
    view, stream = renderer()
    shown(view, stream, STEP, TextDelta("```\na\n"))
    view.line("> typed")
    assert shown(view, stream, TextDelta("b\n```\n")) == "a\nb\n"
    assert stream.getvalue().startswith("> typed\n")


@pytest.mark.parametrize(
    ("dollars", "said"),
    [
        (0.5, "$0.50"),
        (1234.5, "$1,234.50"),
        (0.0996, "$0.0996"),
        (0.0001, "$0.0001"),
        (0.0, "free"),
        (0.00009, "<$0.0001"),
        (1e-9, "<$0.0001"),
    ],
)
def test_money_is_never_a_zero_that_is_none(dollars: float, said: str) -> None:
    assert money(dollars) == said


def test_counts_and_times_are_short() -> None:
    assert [short_count(number) for number in (0, 999, 1000, 9_940, 32_768, 1_048_576)] == [
        "0", "999", "1k", "9.9k", "33k", "1M",
    ]  # fmt: skip
    assert [ticking(seconds) for seconds in (1.9, 9.99, 10.2, 125)] == ["1 s", "9 s", "10 s", "2 min 5 s"]


def test_the_numbers_leave_out_what_does_not_fit_from_the_right() -> None:
    account = Account()
    for event in (
        ContextChecked("unverified", 500, 0, 8192),
        MessageFinished(AssistantMessage("x", usage=Usage(1500, 20, 0, 0.002), model="m")),
    ):
        account(Envelope(1, 0.0, event))
    meter = Meter(lambda: "m\x1b[2J", account)
    assert [meter.line(width) for width in (80, 40, 30, 3)] == [
        "m · about 6% of 8.2k · 1.5k in · 20 out · $0.0020",
        "m · about 6% of 8.2k · 1.5k in · 20 out",
        "m · about 6% of 8.2k · 1.5k in",
        "m",
    ]


@pytest.mark.parametrize(("costs", "said"), [
    ([0.002, None], "m · 2 in · 2 out · $0.0020 + unknown"), ([None], "m · 1 in · 1 out · cost unknown"),
    ([0.0], "m · 1 in · 1 out · free"), ([], "m"),
])  # fmt: skip
def test_the_numbers_do_not_hide_that_a_price_is_not_known(costs: list[float | None], said: str) -> None:
    account = Account()
    for cost in costs:
        account(Envelope(1, 0.0, MessageFinished(AssistantMessage("x", usage=Usage(1, 1, 0, cost), model="m"))))
    assert Meter(lambda: "m", account).line(80) == said


async def test_nothing_is_drawn_while_nothing_moves_and_a_burst_is_drawn_twice() -> None:
    drawn: list[int] = []
    moving = False
    pulse = Pulse(lambda: drawn.append(1), lambda: moving)
    for _ in range(100):
        pulse.changed()
    assert len(drawn) == 1
    await asyncio.sleep(3 * BEAT_S)
    assert len(drawn) == 2
    moving = True
    pulse.changed()
    await asyncio.sleep(3.5 * BEAT_S)
    assert len(drawn) > 3
    moving = False
    await asyncio.sleep(2 * BEAT_S)
    before = len(drawn)
    await asyncio.sleep(3 * BEAT_S)
    assert len(drawn) == before


def test_a_call_through_the_dispatcher_is_shown_as_the_one_that_is_meant() -> None:
    view, stream = renderer()
    call = ToolCall("1", "call_tool", {"name": "sky__weather", "arguments": {"city": "Oslo"}})
    view(Envelope(1, 0.0, ToolStarted(call)))
    assert view.status == "running sky__weather Oslo"
    view(Envelope(2, 0.0, ToolOutput("1", "half way")))
    assert view.status == "sky__weather: half way"
    assert shown(view, stream, ToolFinished(ToolResult("1", "sky__weather", "rain"), 10)).startswith(
        "✓ sky__weather Oslo  "
    )
    odd = ToolCall("2", "call_tool", {"name": 5})
    assert shown(
        view, stream, ToolStarted(odd), ToolFinished(ToolResult("2", "call_tool", "no", is_error=True), 1)
    ).startswith("✗ call_tool  ")


def test_tools_that_the_model_is_told_of_are_one_line() -> None:
    view, stream = renderer()
    told = ToolsAnnounced(tuple(f"sky__\x1b[31mtool_{number}" for number in range(9)), UserMessage("[More …"))
    assert shown(view, stream, told) == "the model is told of 9 more tools: sky__tool_0, sky__tool_1…\n"
    assert (
        shown(view, stream, ToolsAnnounced(("a__b",), UserMessage("x"))) == "the model is told of 1 more tool: a__b\n"
    )
