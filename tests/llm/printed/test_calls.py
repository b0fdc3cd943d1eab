"""A provider around a provider: printed calls, broken calls, and models without tool calling."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from py_mono.llm.call_parser.stream import CallStream
from py_mono.llm.printed.calls import TextCalls
from py_mono.llm.printed.protocol import as_text
from py_mono.llm.printed.stream import TextStream
from py_mono.llm.retrying import failed
from py_mono.llm.scripted.provider import ScriptedProvider
from py_mono.protocol.attempts import AttemptFailed
from py_mono.protocol.codec import encode
from py_mono.protocol.errors import (
    BadResponse,
    ContextTooLong,
    MalformedCall,
    ProviderError,
    ProviderUnavailable,
    ToolsUnsupported,
)
from py_mono.protocol.events import ModelRetried, Notice, ReasoningDelta, TextDelta
from py_mono.protocol.messages import AssistantMessage, Message, ToolMessage, Usage, UserMessage
from py_mono.protocol.ports import ModelChunk, ModelRequest
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec


def tool(name: str, *required: str, **properties: str) -> ToolSpec:
    return ToolSpec(
        name,
        f"{name}.",
        {
            "type": "object",
            "properties": {key: {"type": kind} for key, kind in properties.items()},
            "required": list(required),
        },
    )


TOOLS = (
    tool("read_file", "path", path="string"),
    tool("list_files", path="string"),
    tool("write_file", "path", "content", path="string", content="string"),
)
ASK = ModelRequest("s", (UserMessage("go"),), TOOLS)
CALL = '<tool_call>{"name": "read_file", "arguments": {"path": "a"}}</tool_call>'
BROKEN = '<tool_call>{"name": "read_file", "arguments": {"path": }}</tool_call>'
READ = ToolCall("call_1", "read_file", {"path": "a"})
ZERO = Usage(cost_usd=0.0)


class Replies:
    """A provider whose nth request gets the nth reply: chunks, or an error after them, which is an attempt that failed."""

    name, model, window = "replies", "m", 0

    def __init__(self, *replies: Sequence[ModelChunk | ProviderError]) -> None:
        self.asked: list[ModelRequest] = []
        self._replies = list(replies)

    async def prepare(self) -> None:
        """Nothing."""

    async def close(self) -> None:
        """Nothing."""

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        self.asked.append(request)
        for chunk in self._replies.pop(0):
            if isinstance(chunk, ProviderError):
                yield failed(self, 1, chunk)
                raise chunk
            yield chunk


def said(text: str = "", *, calls: Sequence[ToolCall] = (), reasoning: str = "", **members: object) -> list[ModelChunk]:
    """A reply in pieces of five characters."""
    pieces: list[ModelChunk] = [ReasoningDelta(reasoning)] if reasoning else []
    pieces += [TextDelta(text[start : start + 5]) for start in range(0, len(text), 5)]
    return [*pieces, answer(text, *calls, reasoning=reasoning, **members)]


async def play(provider: Replies | ScriptedProvider, *requests: ModelRequest) -> list[ModelChunk]:
    wrapped = TextCalls(provider)
    chunks: list[ModelChunk] = []
    for request in requests or (ASK,):
        async with aclosing(wrapped.stream(request)) as stream:
            chunks += [chunk async for chunk in stream]
    return chunks


def joined(chunks: Sequence[ModelChunk]) -> list[ModelChunk]:
    """The chunks, neighbouring deltas of a kind put together."""
    found: list[ModelChunk] = []
    for chunk in chunks:
        last = found[-1] if found else None
        if isinstance(chunk, TextDelta) and isinstance(last, TextDelta):
            found[-1] = TextDelta(last.text + chunk.text)
        elif isinstance(chunk, ReasoningDelta) and isinstance(last, ReasoningDelta):
            found[-1] = ReasoningDelta(last.text + chunk.text)
        else:
            found.append(chunk)
    return found


def wasted(number: int, reason: str, kind: str = "malformed_call", usage: Usage | None = None) -> AttemptFailed:
    return AttemptFailed("replies", "m", number, kind, reason, usage or Usage(10, 1, 0, 0.0))


def answer(text: str = "", *calls: ToolCall, **members: object) -> AssistantMessage:
    message = AssistantMessage(text, "", calls, "m", Usage(10, 1, 0, 0.0), "tool_use" if calls else "end")
    return replace(message, **members)


async def test_a_printed_call_is_a_call_and_never_shown() -> None:
    assert joined(await play(Replies(said(f"I look.\n{CALL}")))) == [TextDelta("I look."), answer("I look.", READ)]


async def test_a_reply_without_calls_is_handed_on_as_it_is() -> None:
    reply = said("It says `forty-two`.\n\n- a\n- b\n")
    chunks = await play(Replies(reply))
    assert chunks[-1] is reply[-1]
    assert joined(chunks) == joined(reply)


async def test_without_tools_nothing_is_looked_for() -> None:
    reply = said(CALL)
    assert await play(Replies(reply), replace(ASK, tools=())) == reply


async def test_native_calls_count_and_what_is_printed_beside_them_is_text() -> None:
    reply = said(f"So:\n{CALL}\nDone.", calls=[ToolCall("x", "list_files", {})])
    chunks = await play(Replies(reply))
    assert chunks[-1] is reply[-1]
    assert joined(chunks) == joined(reply)


async def test_thinking_in_the_text_is_thinking_and_a_call_in_it_is_none() -> None:
    chunks = joined(await play(Replies(said(f"<think>Maybe {CALL}</think>Hello.", reasoning="Hm. "))))
    thought = "Hm. Maybe " + CALL
    assert chunks == [ReasoningDelta(thought), TextDelta("Hello."), answer("Hello.", reasoning=thought)]


async def test_ids_are_new_in_the_conversation() -> None:
    past: tuple[Message, ...] = (
        UserMessage("go"),
        AssistantMessage("", "", (READ,)),
        ToolMessage(ToolResult("call_1", "read_file", "x")),
    )
    chunks = await play(Replies(said(CALL + CALL)), replace(ASK, messages=past))
    message = chunks[-1]
    assert isinstance(message, AssistantMessage)
    assert [call.id for call in message.tool_calls] == ["call_2", "call_3"]


async def test_a_retry_inside_begins_anew() -> None:
    reply = [*said("Text <tool_call>{")[:-1], ModelRetried(1, 0.0, "cut"), *said(CALL)]
    assert await play(Replies(reply)) == [TextDelta("Text"), ModelRetried(1, 0.0, "cut"), answer("", READ)]


RETRIED = "the model's call of read_file could not be read; its arguments alone are asked for"


@pytest.mark.parametrize(
    "reply",
    [
        said(f"I look.\n{BROKEN}"),
        said("I look.", calls=[ToolCall("x", "read_file", {}, '{"path": }')]),
        said('I look.\n<tool_call>{"name": "read_file", "arguments": {"pa'),
    ],
    ids=["printed", "native", "without its end"],
)
async def test_a_broken_call_is_asked_for_once_by_its_schema(reply: list[ModelChunk]) -> None:
    provider = Replies(reply, said("", calls=[READ]))
    assert joined(await play(provider)) == [
        TextDelta("I look."),
        wasted(1, RETRIED),
        ModelRetried(1, 0.0, RETRIED),
        answer("", READ),
    ]
    assert provider.asked == [ASK, replace(ASK, only_tool="read_file")]


async def test_a_retry_within_the_second_reply_voids_what_came_before_it() -> None:
    second = [TextDelta("lost"), wasted(1, "cut", usage=ZERO), ModelRetried(1, 0.5, "cut"), *said("Now:", calls=[READ])]
    chunks = joined(await play(Replies([ModelRetried(1, 0.0, "busy"), *said(BROKEN)], second)))
    assert chunks == [
        ModelRetried(1, 0.0, "busy"),
        wasted(2, RETRIED),
        ModelRetried(2, 0.0, RETRIED),
        wasted(3, "cut", usage=ZERO),
        ModelRetried(3, 0.5, "cut"),
        TextDelta("Now:"),
        answer("Now:", READ),
    ]


@pytest.mark.parametrize("error", [ContextTooLong("long"), ToolsUnsupported("no"), BadResponse("what", usage=Usage())])
async def test_a_second_request_that_is_refused_leaves_the_first_reply(error: ProviderError) -> None:
    chunks = await play(Replies(said(BROKEN), [TextDelta("x"), error]))
    message = chunks[-1]
    assert isinstance(message, AssistantMessage)
    assert [(call.name, bool(call.malformed)) for call in message.tool_calls] == [("read_file", True)]
    assert [chunk for chunk in chunks if isinstance(chunk, AttemptFailed)] == [
        wasted(1, RETRIED),
        wasted(2, str(error), error.kind, error.usage or ZERO),
    ]
    assert message.usage == ZERO  # all that was taken is said above


async def test_a_reply_that_a_local_server_gave_up_on_costs_nothing() -> None:
    provider = Replies(
        [MalformedCall("broken", raw='{"path": "a"', tool="read_file", usage=Usage(cost_usd=0.0))], said(calls=[READ])
    )
    message = (await play(provider))[-1]
    assert isinstance(message, AssistantMessage)
    assert message.usage == Usage(10, 1, 0, 0.0)


async def test_a_server_that_gave_up_on_a_call_is_asked_once_for_the_tool_that_it_must_be() -> None:
    raw = '{"path":"a.py","content":"say \\"hi\\""}]'
    written = ToolCall("call_1", "write_file", {"path": "a.py", "content": "x"})
    provider = Replies([TextDelta("So: "), MalformedCall("broken", raw=raw, usage=Usage())], said("", calls=[written]))
    chunks = joined(await play(provider))
    assert chunks[:2] == [TextDelta("So:"), wasted(1, "broken", usage=Usage())]
    assert isinstance(chunks[2], ModelRetried)
    assert chunks[3:] == [answer("", written)]
    assert provider.asked[1].only_tool == "write_file"


@pytest.mark.parametrize(
    ("error", "only_tool"),
    [
        (MalformedCall("x", raw='{"path": "a'), ""),
        (MalformedCall("x", raw='{"speed": 9'), ""),
        (MalformedCall("x"), ""),
        (MalformedCall("x", raw='{"path": "a', tool="list_files"), "list_files"),
    ],
    ids=["of two tools", "of none", "not shown", "named"],
)
async def test_where_the_tool_is_not_certain_the_same_is_asked_again(error: MalformedCall, only_tool: str) -> None:
    provider = Replies([error], said("", calls=[READ]))
    chunks = await play(provider)
    assert isinstance(chunks[-1], AssistantMessage)
    assert chunks[-1].tool_calls == (READ,)
    assert provider.asked == [ASK, replace(ASK, only_tool=only_tool)]


@pytest.mark.parametrize(
    "second",
    [
        said(BROKEN),
        [BadResponse("empty")],
        [MalformedCall("x", raw="{")],
        said("<think>hm</think>"),
        [ToolsUnsupported("x")],
    ],
    ids=["broken too", "a bad reply", "given up on", "thinking", "no tools"],
)
async def test_a_call_that_stays_broken_goes_to_the_model_as_it_is(second: list[ModelChunk | ProviderError]) -> None:
    chunks = joined(await play(Replies(said(f"I look.\n{BROKEN}"), second)))
    shown = [chunk for chunk in chunks if not isinstance(chunk, AttemptFailed)]
    assert [type(chunk) for chunk in shown] == [TextDelta, ModelRetried, TextDelta, AssistantMessage]
    message = chunks[-1]
    assert isinstance(message, AssistantMessage)
    (call,) = message.tool_calls
    assert (message.text, message.stop_reason) == ("I look.", "tool_use")
    assert (call.id, call.name, call.arguments) == ("call_1", "read_file", {})
    assert '"path": }' in call.malformed
    assert shown[2] == TextDelta("I look.")


async def test_a_call_that_the_server_never_shows_goes_out_under_a_name_that_no_tool_has() -> None:
    chunks = await play(Replies([MalformedCall("x")], [MalformedCall("y")]))
    message = chunks[-1]
    assert isinstance(message, AssistantMessage)
    assert message.tool_calls == (ToolCall("call_1", "unknown", {}, "(the server did not show the call)"),)


async def test_another_failure_of_the_second_request_ends_the_turn() -> None:
    with pytest.raises(ProviderUnavailable):
        await play(Replies(said(BROKEN), [ProviderUnavailable("away")]))


async def test_where_other_calls_stand_beside_a_broken_one_they_run() -> None:
    provider = Replies(said(f"{CALL}\n{BROKEN}"))
    message = (await play(provider))[-1]
    assert isinstance(message, AssistantMessage)
    assert [(call.id, call.name, bool(call.malformed)) for call in message.tool_calls] == [
        ("call_1", "read_file", False),
        ("call_2", "read_file", True),
    ]
    assert len(provider.asked) == 1


async def test_a_broken_call_of_an_unknown_tool_goes_straight_to_the_model() -> None:
    provider = Replies(said("", calls=[ToolCall("x", "fly", {}, '{"to": ')]))
    message = (await play(provider))[-1]
    assert isinstance(message, AssistantMessage)
    assert message.tool_calls == (ToolCall("x", "fly", {}, '{"to": '),)
    assert len(provider.asked) == 1


async def test_native_arguments_with_one_meaning_are_read() -> None:
    reply = said("", calls=[ToolCall("x", "read_file", {}, "{'path': 'a',}")])
    assert await play(Replies(reply)) == [answer("", ToolCall("x", "read_file", {"path": "a"}))]


async def test_half_a_surrogate_pair_makes_a_call_malformed() -> None:
    printed = '<tool_call>{"name": "read_file", "arguments": {"path": "a\\ud800"}}</tool_call>'
    message = (await play(Replies(said(printed), said(printed))))[-1]
    assert isinstance(message, AssistantMessage)
    assert message.tool_calls == (ToolCall("call_1", "read_file", {}, '{"path":"a\N{REPLACEMENT CHARACTER}"}'),)
    assert encode(message) == msgspec.json.encode(message)


@pytest.mark.parametrize(
    "reply",
    [
        said('<tool_call>{"name": "write_file", "arguments": {"path": "a", "content": "lo', stop_reason="length"),
        said(CALL, stop_reason="length"),
        said("", calls=[READ], stop_reason="length"),
    ],
    ids=["in a call", "after a call", "natively"],
)
async def test_a_reply_that_the_output_limit_cut_calls_nothing(reply: list[ModelChunk]) -> None:
    provider = Replies(reply)
    with pytest.raises(BadResponse, match="cut by the output limit") as caught:
        await play(provider)
    assert caught.value.remedy
    assert len(provider.asked) == 1


async def test_what_a_cut_reply_said_before_the_call_stays() -> None:
    reply = said(f"I look.\n{CALL}", stop_reason="length")
    assert joined(await play(Replies(reply))) == [
        TextDelta("I look."),
        answer("I look.", stop_reason="length"),
    ]


async def test_nothing_but_thinking_is_asked_again_and_then_an_error() -> None:
    only = said(f"<think>{CALL}</think>")
    chunks = joined(await play(Replies(only, said("Hello."))))
    assert chunks == [
        ReasoningDelta(CALL),
        wasted(1, "the reply was nothing but thinking", "bad_response"),
        ModelRetried(1, 0.0, "the reply was nothing but thinking"),
        TextDelta("Hello."),
        answer("Hello."),
    ]
    with pytest.raises(BadResponse, match="nothing but thinking"):
        await play(Replies(only, only))


async def test_a_model_without_tools_is_told_of_them_from_then_on() -> None:
    provider = Replies([ToolsUnsupported("x")], said(CALL), said("Done."))
    later = replace(
        ASK,
        messages=(
            UserMessage("go"),
            AssistantMessage("", "", (READ,)),
            ToolMessage(ToolResult("call_1", "read_file", "forty-two")),
        ),
    )
    assert await play(provider, ASK, later) == [
        wasted(1, "x", "tools_unsupported", ZERO),
        Notice("m has no tool calling of its own: the tools are described in its prompt"),
        answer("", READ),
        TextDelta("Done."),
        answer("Done."),
    ]
    assert provider.asked == [ASK, as_text(ASK), as_text(later)]


async def test_results_that_such_a_model_makes_up_are_dropped_with_all_that_follows() -> None:
    text = f"I look.\n{CALL}\n<tool_response>\nforty-two\n</tool_response>\n{CALL}\nIt says 42."
    chunks = joined(await play(Replies([ToolsUnsupported("x")], said(text))))
    assert chunks[2:] == [TextDelta("I look."), answer("I look.", READ)]


async def test_such_a_model_too_is_held_to_the_schema_after_a_broken_call() -> None:
    provider = Replies([ToolsUnsupported("x")], said(BROKEN), said("", calls=[READ]))
    message = (await play(provider))[-1]
    assert message == answer("", READ)
    assert provider.asked[2] == as_text(replace(ASK, only_tool="read_file"))
    assert provider.asked[2].tools == TOOLS


async def test_a_stream_left_early_is_closed_inside() -> None:
    provider = ScriptedProvider("text: A long enough reply.\n---\ntext: Next.", model="m")
    wrapped = TextCalls(provider)
    async with aclosing(wrapped.stream(ASK)) as chunks:
        await anext(chunks)
    async with aclosing(wrapped.stream(ASK)) as chunks:
        assert await anext(chunks) == TextDelta("Next.")


FRAGMENTS = [
    CALL, BROKEN, "<think>", "</think>", "```json\n", "```", "`", "~~~", "\n", " ", "\n\n", "Action: read_file\n",
    'Action Input: {"path": "a"}', "Act", "functools", "functools[", '{"name": "read_file", "arguments": {}}', "[TOOL_CALLS]",
    "word", "read_file(path='a')", "> ", "    ", "a < b", "\N{WHITE LEFT-POINTING TRIANGLE}", "\r\n", "\t",
]  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=10), st.integers(1, 9), st.booleans())
def test_the_parser_finds_the_same_whether_it_is_there_from_the_start(parts: list[str], size: int, cut: bool) -> None:  # noqa: FBT001
    text = "".join(parts)
    eager, late = CallStream(TOOLS), TextStream(TOOLS)
    ours: list[ModelChunk] = []
    theirs: list[ModelChunk] = []
    for start in range(0, len(text), size):
        piece = text[start : start + size]
        shown = late.quick(piece)
        ours += late.feed(piece) if shown is None else [TextDelta(shown)]
        theirs += eager.feed(piece)
    last, parsed = late.finish(cut=cut)
    rest, expected = eager.finish(cut=cut)
    for kind in (TextDelta, ReasoningDelta):
        assert "".join(one.text for one in [*ours, *last] if isinstance(one, kind)) == "".join(
            one.text for one in [*theirs, *rest] if isinstance(one, kind)
        )
    if parsed is None:
        assert (expected.text, expected.reasoning, expected.calls, expected.cut) == (text, "", (), False)
    else:
        assert parsed == expected


async def test_text_behind_a_call_that_was_only_thought_of_keeps_its_place() -> None:
    thought = '<tool_call>{"name": "read_file", "arguments": {"path": "a"}}</tool_call>'
    message = (await play(Replies(said(f"{thought}Action: read_file\n</think>Action taken: none"))))[-1]
    assert isinstance(message, AssistantMessage)
    assert (message.reasoning, message.text) == (thought, "Action: read_file\nAction taken: none")


@settings(deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=8))
async def test_whatever_is_printed_the_message_is_what_was_shown(parts: list[str]) -> None:
    text = "".join(parts)
    try:
        chunks = await play(Replies(said(text), said(text)))
    except BadResponse:
        return
    last = max((n for n, chunk in enumerate(chunks) if isinstance(chunk, ModelRetried)), default=-1)
    message = chunks[-1]
    assert isinstance(message, AssistantMessage)
    assert message.text == "".join(chunk.text for chunk in chunks[last + 1 :] if isinstance(chunk, TextDelta))
    assert message.reasoning == "".join(chunk.text for chunk in chunks[last + 1 :] if isinstance(chunk, ReasoningDelta))
    assert (message.stop_reason == "tool_use") == bool(message.tool_calls)
    if last < 0:
        parser = CallStream(TOOLS)
        for chunk in said(text)[:-1]:
            assert isinstance(chunk, TextDelta)
            list(parser.feed(chunk.text))
        assert (message.text, message.reasoning) == (parser.finish()[1].text, parser.finish()[1].reasoning)
    assert all(call.id and call.name for call in message.tool_calls)
