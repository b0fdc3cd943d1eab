import io
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot
from msgspec.structs import replace

from py_mono.protocol.attempts import AttemptFailed, ModelFellBack
from py_mono.protocol.changes import ChangesStaged
from py_mono.protocol.events import (
    ContextChecked,
    Envelope,
    ErrorInfo,
    Event,
    HistoryCleared,
    MessageFinished,
    MessageSteered,
    ModelBound,
    ModelRetried,
    ModelWaiting,
    Notice,
    PrefixBroken,
    PromptFrozen,
    ReasoningDelta,
    SessionStarted,
    StepStarted,
    TextDelta,
    ToolFinished,
    ToolOutput,
    ToolStarted,
    TurnFinished,
    TurnStarted,
    TurnStop,
)
from py_mono.protocol.messages import AssistantMessage, Usage, UserMessage
from py_mono.protocol.tools import Change, ToolCall, ToolResult
from py_mono.ui.render import Renderer
from py_mono.ui.terminal import Screen, cell_width

SHELL = ToolCall("1", "shell", {"timeout": 5, "command": "pytest -q\n  tests"})
STEP = StepStarted(1, "m", "00")


def shown(*events: Event, columns: int = 80, terminal: bool = False, **options: Any) -> str:
    """What a screen got, an event a second."""
    stream = io.StringIO()
    screen = Screen(stream, {"TERM": "xterm"}, terminal=terminal, columns=columns)
    render = Renderer(screen, **options)
    for number, event in enumerate(events):
        render(Envelope(number + 1, float(number), event))
    return stream.getvalue()


PAID = Usage(cost_usd=0.25)


def test_a_whole_turn_reads_as_a_story() -> None:
    story = shown(
        SessionStarted("s", "/w", "0.1"),
        ModelBound("ollama", "m"),
        PromptFrozen("system", ()),
        TurnStarted(1, UserMessage("fix it")),
        STEP,
        ModelWaiting("loading"),
        ReasoningDelta("\n\nFirst the "),
        ReasoningDelta("tests.\n"),
        TextDelta("\n"),
        TextDelta("I run "),
        TextDelta("the tests."),
        MessageFinished(
            AssistantMessage("\nI run the tests.", "First the tests.\n", (SHELL,), usage=PAID, stop_reason="tool_use")
        ),
        ToolStarted(SHELL),
        ToolOutput("1", "F\n"),
        ToolFinished(ToolResult("1", "shell", "1 failed\nexit 1", is_error=True), 1234),
        StepStarted(2, "m", "01"),
        MessageFinished(AssistantMessage("", "", (ToolCall("2", "edit_file", {"path": "a.py"}),), usage=PAID)),
        ToolStarted(ToolCall("2", "edit_file", {"path": "a.py"})),
        ToolFinished(
            ToolResult("2", "edit_file", "ok", details={"diff": "--- a.py\n+++ a.py\n@@ -1 +1 @@\n-1\n+2\n"}), 3
        ),
        MessageSteered(UserMessage("and the docs")),
        MessageSteered(UserMessage("You repeat yourself."), "guard"),
        PrefixBroken("message", 3, "message 4 (user) is not the one that was sent before"),
        Notice("the journal cannot be written"),
        StepStarted(3, "m", "02"),
        TextDelta("Done."),
        MessageFinished(AssistantMessage("Done.", usage=Usage(cost_usd=0.0))),
        ChangesStaged(
            (Change("a.py", "modified"), Change("b.py", "added"), Change("c.py", "deleted")),
            complete=False,
            note="x was not looked at",
        ),
        TurnFinished("end", Usage(1234, 56, 0, 0.5), 3),
        HistoryCleared(),
    )
    assert story == snapshot("""\
First the tests.
I run the tests.
✗ shell pytest -q tests  1.2 s  failed
  1 failed
  exit 1
✓ edit_file a.py  3 ms
--- a.py
+++ a.py
@@ -1 +1 @@
-1
+2
the model now reads: and the docs
note to the model: You repeat yourself.
the model reads its prompt anew: message 4 (user) is not the one that was sent before
the journal cannot be written
Done.
M a.py
A b.py
D c.py
x was not looked at
done · 3 steps · 1,234 tokens in, 56 out · $0.50 · 24 s
""")


def test_every_end_of_a_turn_has_its_words() -> None:
    ends = {stop: shown(TurnFinished(stop, Usage(), 1)).partition(" · ")[0] for stop in get_args(TurnStop)}
    assert ends == snapshot(
        {
            "end": "done",
            "cancelled": "interrupted",
            "max_steps": "stopped: the limit of steps",
            "max_tokens": "stopped: the limit of tokens",
            "max_budget": "stopped: the limit of money",
            "repeated_calls": "stopped: the same calls again and again",
            "length": "stopped: the reply was cut by the output limit",
            "error": "failed",
        }
    )


def test_the_last_line_says_how_full_the_window_is_and_once_what_is_not_verified() -> None:
    doubt = ContextChecked("unverified", 8000, 7, 32768, "the server counted 7 of about 8,000\ntokens")
    seen = ContextChecked("seen", 9999, 3932, 32768)
    start, end = TurnStarted(1, UserMessage("go")), TurnFinished("end", Usage(3939, 2), 2)
    assert shown(start, STEP, doubt, STEP, doubt, end) == snapshot("""\
done · 2 steps · 3,939 tokens in, 2 out · about 24% of a 32,768-token window · 5.0 s
unverified whether the model saw the whole prompt: the server counted 7 of about 8,000 tokens
""")
    assert shown(start, STEP, doubt, STEP, seen, end, start, replace(seen, counted_tokens=9), end) == snapshot("""\
done · 2 steps · 3,939 tokens in, 2 out · 12% of a 32,768-token window · 5.0 s
done · 2 steps · 3,939 tokens in, 2 out · <1% of a 32,768-token window · 2.0 s
""")
    assert shown(start, seen, end, start, end).splitlines()[-1] == "done · 2 steps · 3,939 tokens in, 2 out · 1.0 s"


def test_an_error_comes_with_its_remedy() -> None:
    error = ErrorInfo("provider_unavailable", "Ollama does not answer", "Start it: ollama serve")
    assert shown(TurnStarted(1, UserMessage("x")), TurnFinished("error", Usage(), 0, error)) == snapshot("""\
failed · 0 steps · 0 tokens in, 0 out · 1.0 s
Ollama does not answer
Start it: ollama serve
""")


def test_a_retry_voids_what_was_shown() -> None:
    assert shown(
        STEP,
        ModelRetried(1, 0.5, "refused"),
        TextDelta("Half a "),
        ModelRetried(2, 2.0, "cut"),
        TextDelta("Whole.\n"),
    ) == snapshot("""\
refused; asking again in 0.5 s
Half a \n\
cut; what it said above does not count; asking again in 2 s
Whole.
""")


def test_thinking_and_the_answer_can_be_left_out() -> None:
    asks = AssistantMessage("I look.", "hm", (SHELL,))
    story = shown(
        STEP,
        ReasoningDelta("hm"),
        TextDelta("I look."),
        MessageFinished(asks),
        STEP,
        TextDelta("The answer."),
        MessageFinished(AssistantMessage("The answer.")),
        final_text=False,
        reasoning=False,
    )
    assert story == "I look.\n"


def test_a_recorded_session_shows_what_was_said() -> None:
    story = shown(
        TurnStarted(1, UserMessage("fix it")),
        STEP,
        MessageFinished(AssistantMessage("Done.\n", "hm")),
        MessageSteered(UserMessage("more")),
        echo=True,
    )
    assert story == "> fix it\nhm\nDone.\n> more\n"


def test_a_file_gets_whole_lines_only() -> None:
    changes: list[str] = []
    stream = io.StringIO()
    view = Renderer(Screen(stream, {}), on_change=lambda: changes.append(view.text.open_text()[0]))
    for piece in ("one\ntw", "o", "\nthree"):
        view(Envelope(1, 0.0, TextDelta(piece)))
    assert (stream.getvalue(), changes) == ("one\ntwo\n", ["tw", "two", "three"])
    view(Envelope(1, 0.0, MessageFinished(AssistantMessage("one\ntwo\nthree"))))
    assert (stream.getvalue(), view.text.open_text()[0]) == ("one\ntwo\nthree\n", "")


def test_a_terminal_gets_whole_blocks_only() -> None:
    changes: list[str] = []
    stream = io.StringIO()
    screen = Screen(stream, {"TERM": "xterm"}, terminal=True, columns=20)
    view = Renderer(screen, on_change=lambda: changes.append(view.text.open_text()[0]))
    for piece in ("some *wo", "rds*\ngo on\n", "\n- it", "em"):
        view(Envelope(1, 0.0, TextDelta(piece)))
    assert stream.getvalue() == "some \x1b[3mwords\x1b[0m go on\n"
    assert changes == ["some *wo", "some *words*\ngo on", "- it", "- item"]
    view(Envelope(1, 0.0, MessageFinished(AssistantMessage("some *words*\ngo on\n\n- item"))))
    assert stream.getvalue() == "some \x1b[3mwords\x1b[0m go on\n\n- item\n"


def test_the_status_says_what_is_waited_for() -> None:
    view = Renderer(Screen(io.StringIO(), {}), on_change=lambda: None)
    other = ToolCall("2", "grep", {"pattern": "x"})
    statuses = []
    for event in (
        STEP,
        ModelWaiting("connecting"),
        ModelWaiting("loading"),
        ModelWaiting("first_token"),
        ReasoningDelta("x"),
        TextDelta("x"),
        MessageFinished(AssistantMessage()),
        ToolStarted(SHELL),
        ToolOutput("1", "50 %\r60 %\x1b[K"),
        ToolStarted(other),
        ToolFinished(ToolResult("1", "shell", ""), 1),
        ToolFinished(ToolResult("2", "grep", ""), 1),
    ):
        view(Envelope(1, 0.0, event))
        statuses.append(view.status)
    assert statuses == snapshot(
        [
            "thinking",
            "connecting to the model",
            "loading the model",
            "the model reads",
            "thinking",
            "writing",
            "",
            "running shell pytest -q tests",
            "shell: 50 % 60 %",
            "running grep x",
            "running grep x",
            "",
        ]
    )


def test_a_terminal_without_an_input_line_shows_the_status_until_there_is_text() -> None:
    assert shown(
        STEP, ModelWaiting("loading"), TextDelta("x"), MessageFinished(AssistantMessage("x")), terminal=True
    ) == ("\x1b[2mthinking\x1b[0m\r\x1b[2K\x1b[2mloading the model\x1b[0m\r\x1b[2K\x1b[2mwriting\x1b[0m\r\x1b[2Kx\n")


def test_colours_tell_a_diff_and_a_failure() -> None:
    story = shown(
        ToolFinished(ToolResult("1", "edit_file", "", details={"diff": "--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y"}), 0),
        ToolFinished(ToolResult("2", "shell", "boom", is_error=True), 0),
        terminal=True,
    )
    assert story.splitlines() == snapshot(
        [
            "\x1b[32m✓ edit_file  0 ms\x1b[0m",
            "\x1b[31m1 - x\x1b[0m",
            "\x1b[32m1 + y\x1b[0m",
            "\x1b[31m✗ shell  0 ms  failed\x1b[0m",
            "\x1b[31m  boom\x1b[0m",
        ]
    )


def test_long_things_are_cut_and_it_is_said() -> None:
    diff = "".join(f"+line {number}\n" for number in range(100))
    story = shown(
        ToolFinished(ToolResult("1", "shell", "\n".join("abcdefgh"), is_error=True), 0),
        ToolFinished(ToolResult("1", "shell", "x" * 10_000, is_error=True), 0),
        ToolFinished(ToolResult("1", "write_file", "", details={"diff": diff}), 0),
        ChangesStaged(tuple(Change(f"{number}.py", "added") for number in range(20))),
    ).splitlines()
    assert story[1:7] == ["  … 3 lines before", "  d", "  e", "  f", "  g", "  h"]
    assert story[8] == "  " + "x" * 500
    assert story[-14] == "… 40 more lines"
    assert story[-1] == "… and 8 more files changed"


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (SHELL, "✓ shell pytest -q tests  5 ms"),
        (ToolCall("1", "grep", {"glob": "*.py", "path": "src", "pattern": "x"}), "✓ grep x  5 ms"),
        (ToolCall("1", "odd", {"n": 1, "note": "hi", "deep": {}}), "✓ odd hi  5 ms"),
        (ToolCall("1", "none", {}), "✓ none  5 ms"),
        (ToolCall("1", "cut", {}, '{"path": '), '✓ cut {"path":  5 ms'),
    ],
)
def test_a_call_is_one_line_with_what_matters(call: ToolCall, expected: str) -> None:
    assert shown(ToolStarted(call), ToolFinished(ToolResult("1", call.name, "out"), 5)) == expected + "\n"


def test_twenty_columns_hold_a_call_of_wide_letters() -> None:
    call = ToolCall("1", "shell", {"command": "echo 文件文件文件文件文件 e\u0301e\u0301"})
    story = shown(ToolStarted(call), ToolFinished(ToolResult("1", "shell", ""), 1500), columns=20)
    assert story == "✓ shell echo…  1.5 s\n"
    assert cell_width(story[:-1]) == 20


HOSTILE = st.text(alphabet=st.sampled_from("ab\x1b[]0;2JmK\x07\\\x9b\x9d\x9c\r\b\x7f\x00\u202e\u2066\ud800\n文"))


def test_waiting_is_said_once_a_turn_where_nobody_sees_the_status() -> None:
    turn = (TurnStarted(1, UserMessage("go")), STEP, ModelWaiting("loading"), ModelWaiting("first_token"), STEP)
    waits = (*turn, ModelWaiting("first_token"), *turn)
    assert shown(*waits, final_text=False) == "loading the model\nloading the model\n"
    assert shown(*waits) == ""  # where the answers go no progress is said


def test_the_programs_own_words_break_at_blanks() -> None:
    story = shown(Notice("the session is not saved"), columns=12, terminal=True)
    assert story == "\x1b[33mthe session\x1b[0m\n\x1b[33mis not saved\x1b[0m\n"


def test_a_retry_at_once_names_no_time() -> None:
    assert shown(ModelRetried(1, 0.0, "Ollama answered 502: no reason given")) == (
        "Ollama answered 502: no reason given; asking again\n"
    )


def test_another_model_that_answers_is_said_in_one_line_and_what_the_first_said_is_void() -> None:
    story = shown(
        StepStarted(1, "groq/m", ""),
        TextDelta("Half of a line\n"),
        AttemptFailed("groq", "groq/m", 1, "provider_unavailable", "groq: the reply\nwas cut", Usage()),
        ModelFellBack("groq", "groq/m", "ollama", "qwen3:8b", "groq: the reply\nwas cut"),
        TextDelta("All of it.\n"),
        MessageFinished(AssistantMessage("All of it.\n", model="qwen3:8b")),
        columns=300,
    )
    assert story == (
        "Half of a line\n"
        "groq/m did not answer (groq: the reply was cut); what it said above does not count; "
        "ollama/qwen3:8b answers for the rest of this turn\n"
        "All of it.\n"
    )


def test_a_fallback_before_anything_was_said_voids_nothing() -> None:
    assert shown(ModelFellBack("ollama", "m", "groq", "groq/x", "gone"), columns=300) == (
        "ollama/m did not answer (gone); groq/x answers for the rest of this turn\n"
    )


def test_a_guards_note_is_called_a_note_once() -> None:
    steered = MessageSteered(UserMessage("Note: you repeat yourself."), "guard")
    assert shown(steered) == "note to the model: you repeat yourself.\n"


FORBIDDEN = set("\x1b\x07\x9b\x9d\x9c\r\b\x7f\x00\u202e\u2066\ud800")


@given(text=HOSTILE, more=HOSTILE)
def test_nothing_anybody_says_acts_on_the_terminal(text: str, more: str) -> None:
    call = ToolCall("1", text, {"path": more}, text)
    story = shown(
        TurnStarted(1, UserMessage(text)),
        MessageSteered(UserMessage(text)),
        MessageSteered(UserMessage(text), "guard"),
        PrefixBroken("tools", -1, text),
        TextDelta(text),
        TextDelta(more),
        ReasoningDelta(text),
        ReasoningDelta(more),
        ModelRetried(1, 1.0, text),
        ModelFellBack(text, more, more, text, text),
        MessageFinished(AssistantMessage(text, more, (call,))),
        ToolStarted(call),
        ToolOutput("1", more),
        ToolFinished(ToolResult("1", text, more, is_error=True, details={"diff": text}), 1),
        ChangesStaged((Change(text, "added"),), note=more),
        Notice(text),
        TurnFinished("error", Usage(), 1, ErrorInfo("x", text, more)),
        echo=True,
    )
    assert not FORBIDDEN & set(story)


def test_a_screen_that_cannot_show_a_letter_shows_a_question_mark() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    Renderer(Screen(stream, {}))(Envelope(1, 0.0, Notice("größer")))
    assert raw.getvalue() == b"gr??er\n"


def test_a_screen_whose_reader_is_gone_does_not_raise() -> None:
    stream = io.StringIO()
    screen = Screen(stream, {})
    stream.close()
    screen.write("x")
    screen.write("y")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TERM": "xterm"}, (True, True)),
        ({"TERM": "xterm", "NO_COLOR": "1"}, (True, False)),
        ({"TERM": "dumb"}, (False, False)),
        ({}, (False, False)),
    ],
)
def test_what_the_environment_says_about_colour_counts(
    environment: dict[str, str], expected: tuple[bool, bool]
) -> None:
    screen = Screen(io.StringIO(), environment, terminal=True)
    assert (screen.terminal, screen.colour) == expected


def test_the_last_line_says_what_is_known_of_the_cost_and_of_whom_it_is_not() -> None:
    def spent(*costs: float | None) -> str:
        replies = [MessageFinished(AssistantMessage("x", model="m\x1b[2J", usage=Usage(cost_usd=one))) for one in costs]
        lost = AttemptFailed("p", "n", 1, "provider_unavailable", "gone", Usage(cost_usd=0.01))
        start, end = TurnStarted(1, UserMessage("go")), TurnFinished("end", Usage(5, 2, 0, None), 1)
        return shown(start, *replies, *([lost] if replies else []), end).splitlines()[-1]

    assert [spent(), spent(0.002), spent(0.002, None, None)] == [
        "done · 1 step · 5 tokens in, 2 out · 1.0 s",
        "done · 1 step · 5 tokens in, 2 out · $0.0120 · 3.0 s",
        "done · 1 step · 5 tokens in, 2 out · $0.0120 + unknown: 2 requests of m · 5.0 s",
    ]
