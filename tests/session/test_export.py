"""A session for others to read: whole, without secrets, and harmless whatever was said in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from py_mono.protocol.announcing import ToolsAnnounced
from py_mono.protocol.attempts import AttemptFailed, ModelFellBack
from py_mono.protocol.changes import ChangesStaged
from py_mono.protocol.codec import decode_envelope, is_fact
from py_mono.protocol.commands import CommandRun
from py_mono.protocol.events import (
    Envelope,
    ErrorInfo,
    Event,
    HistoryCleared,
    MessageFinished,
    MessageSteered,
    SessionStarted,
    ToolFinished,
    TurnFinished,
    TurnStarted,
)
from py_mono.protocol.messages import AssistantMessage, Usage, UserMessage
from py_mono.protocol.tools import Change, ToolCall, ToolResult
from py_mono.security.redact import Redactor
from py_mono.session.export import code, fence, json_lines, markdown
from py_mono.ui.terminal import harmless
from tests.session.facts import SECRET, conversation

KEY = "correct-horse-battery-staple-9"


def envelopes(*events: Event) -> list[Envelope]:
    return [Envelope(number, 1_700_000_000.0 + number, event) for number, event in enumerate(events, 1)]


def exported(*events: Event, known: tuple[str, ...] = ()) -> str:
    return "".join(markdown(envelopes(*events), Redactor(known), harmless))


def test_a_session_reads_as_a_transcript_with_what_it_cost_at_the_end() -> None:
    call = ToolCall("1", "shell", {"command": "ls"})
    assert exported(
        SessionStarted("abc", "/w", "0.1.0", "parent"),
        TurnStarted(1, UserMessage("list it")),
        AttemptFailed("groq", "big", 1, "rate_limited", "too many requests", Usage(cost_usd=0.0)),
        ModelFellBack("groq", "big", "ollama", "small", "it said no"),
        MessageFinished(AssistantMessage("I look.", "hm", (call,), "small", Usage(10, 5, 2, 0.0))),
        ToolFinished(ToolResult("1", "shell", "a\nb\n", is_error=True, details={"diff": "-a\n+b\n"}), 1200),
        MessageSteered(UserMessage("faster")),
        MessageFinished(AssistantMessage("Done.", model="other|one", usage=Usage(20, 1, 0, None))),
        ChangesStaged(tuple(Change(f"f{number}", "added") for number in range(52))),
        TurnFinished("max_steps", Usage(30, 6, 2, None), 2, ErrorInfo("max_steps", "the limit", "raise it")),
        HistoryCleared(),
        CommandRun(2, "make", failed=True, duration_ms=3),
    ) == snapshot("""\
# Session `abc`

- begun: 2023-11-14 22:13 UTC
- workspace: `/w`
- py-mono: `0.1.0`
- a copy of: `parent`

## Turn 1, 2023-11-14 22:13 UTC

**User:**

```text
list it
```

*Attempt 1 at `big` brought no reply: `too many requests`.*

*`small` is asked instead of `big`: `it said no`.*

**Model** `small`:

Thinking:

```text
hm
```

Text:

```text
I look.
```

Call of `shell`:

```json
{
  "command": "ls"
}
```

Result of `shell`, failed (1,200 ms):

```text
a
b
```

```diff
-a
+b
```

**User, meanwhile:**

```text
faster
```

**Model** `other|one`:

Text:

```text
Done.
```

Files:

- added: `f0`
- added: `f1`
- added: `f2`
- added: `f3`
- added: `f4`
- added: `f5`
- added: `f6`
- added: `f7`
- added: `f8`
- added: `f9`
- added: `f10`
- added: `f11`
- added: `f12`
- added: `f13`
- added: `f14`
- added: `f15`
- added: `f16`
- added: `f17`
- added: `f18`
- added: `f19`
- added: `f20`
- added: `f21`
- added: `f22`
- added: `f23`
- added: `f24`
- added: `f25`
- added: `f26`
- added: `f27`
- added: `f28`
- added: `f29`
- added: `f30`
- added: `f31`
- added: `f32`
- added: `f33`
- added: `f34`
- added: `f35`
- added: `f36`
- added: `f37`
- added: `f38`
- added: `f39`
- added: `f40`
- added: `f41`
- added: `f42`
- added: `f43`
- added: `f44`
- added: `f45`
- added: `f46`
- added: `f47`
- added: `f48`
- added: `f49`
- and 2 more

*The turn ended: max_steps; 2 steps, 30 tokens in (2 cached), 6 out, `cost unknown: 1 request of other|one`.*

```text
the limit
raise it
```

*The conversation was cleared: the model sees nothing of what stands above.*

## Turn 2, a command of the user's, failed

```text
make
```

## Tokens and cost

| model | requests | failed | in | cached | out | cost |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
| `big` | 1 | 1 | 0 | 0 | 0 | free |
| `small` | 1 | 0 | 10 | 2 | 5 | free |
| `other\\|one` | 1 | 0 | 20 | 0 | 1 | unknown |
| in all | 3 | 1 | 30 | 2 | 6 | unknown |
""")


def test_json_lines_are_the_facts_without_secrets() -> None:
    facts = [envelope for envelope in conversation(str) if is_fact(envelope.event)]
    lines = list(json_lines(facts, Redactor([SECRET])))
    assert [line.endswith("\n") and line.count("\n") == 1 for line in lines] == [True] * len(facts)
    read = [decode_envelope(line.encode()) for line in lines]
    assert [each.seq for each in read if each] == [fact.seq for fact in facts]
    assert "icky" not in "".join(lines)


def places(key: str) -> list[Event]:
    """A key wherever one can be said."""
    call = ToolCall("1", f"tool {key}", {f"x {key}": [key, {"y": f"a{key}b"}]})
    return [
        SessionStarted("s", f"/w/{key}", "1"),
        TurnStarted(1, UserMessage(f"use {key}")),
        AttemptFailed("p", key, 1, "auth", f"401: {key} is wrong", Usage()),
        ModelFellBack("p", "m", "q", key, f"because of {key}"),
        MessageFinished(AssistantMessage(f"`{key}`", key, (call, ToolCall("2", "t", {}, malformed=key)), f"m {key}")),
        ToolFinished(ToolResult("1", "t", f"{'x' * 5_990}{key}{'y' * 9_000}", details={"diff": f"+{key}"}), 1),
        ChangesStaged((Change(key, "added"),)),
        CommandRun(2, f"echo {key}", failed=False, duration_ms=1, message=UserMessage(key)),
        TurnFinished("error", Usage(), 1, ErrorInfo("auth", key, key)),
    ]


@pytest.mark.parametrize("key", [KEY, SECRET, "sk-proj-" + "Ab1" * 16, "gsk_" + "x9Y" * 17])
def test_no_key_is_in_either_format_wherever_it_was_said(key: str) -> None:
    torn = ToolFinished(ToolResult("2", "t", "z" * 1_990 + key[:8] + "\x1b[0m" + key[8:] + "z" * 9_000), 1)
    found = "".join(json_lines(envelopes(*places(key)), Redactor([key])))
    found += exported(*places(key), torn, known=(key,))
    for start in range(len(key) - 12):
        assert key[start : start + 12] not in found


@given(st.text(alphabet="`~|\n\r\t #>*_[]()<!-ab\x00\x1b\u2028\u202e"))
def test_nothing_that_is_said_gets_out_of_its_fence(said: str) -> None:
    block = fence(harmless(said))
    first, *lines, last = block.split("\n")
    assert first == last + "text"
    assert all(not line.strip().startswith(last) for line in lines)


@given(st.text(alphabet="`| \n\tab\\<>*", min_size=1))
def test_a_code_span_ends_where_it_should(said: str) -> None:
    span = code(said)
    marks = span[: len(span) - len(span.lstrip("`"))]
    assert "\n" not in span
    assert span.endswith(marks)
    assert marks not in span[len(marks) : -len(marks)].replace(marks + "`", "")


def test_hostile_words_are_shown_and_not_obeyed() -> None:
    hostile = "</pre><script>x</script>\n```\n![a](http://evil/?b)\n# Turn 9\n````\n\x1b]0;title\x07\x1b[2J\u202eend"
    text = exported(
        SessionStarted("s", "/w/`x`\n# y", "1"), TurnStarted(1, UserMessage(hostile)),
        MessageFinished(AssistantMessage(hostile, model="`m`|x\n\n# z")),
    )  # fmt: skip
    assert not {"\x1b", "\x07", "\u202e"} & set(text)
    outside, marks = [], ""
    for line in text.split("\n"):
        if marks:
            marks = "" if line == marks else marks
        elif line.startswith("```"):
            marks = line.rstrip("abcdefghijklmnopqrstuvwxyz")
        else:
            outside.append(line)
    assert not any(
        "evil" in line or "<script>" in line or line.startswith(("# y", "# z", "# Turn 9")) for line in outside
    )


def test_long_results_say_how_much_is_left_out() -> None:
    text = exported(TurnStarted(1, UserMessage("x" * 20_000)), ToolFinished(ToolResult("1", "t", "row\n" * 5_000), 1))
    assert "x" * 20_000 in text
    assert "[… 14,000 characters, 3,500 lines left out …]" in text


def test_what_the_model_was_told_of_late_tools_stands_in_the_transcript_without_secrets() -> None:
    told = ToolsAnnounced(("sky__weather",), UserMessage(f"[More]\nsky__weather: {KEY}\x1b[2J ```"))
    assert exported(told, known=(KEY,)).startswith("**Note to the model:**\n\n````text\n[More]\nsky__weather: ")
    assert KEY not in exported(told, known=(KEY,))
    assert "\x1b" not in exported(told)
