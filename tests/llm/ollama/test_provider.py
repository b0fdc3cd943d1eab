import asyncio
import itertools
import json
from collections.abc import Iterator
from contextlib import aclosing, contextmanager

import pytest
from msgspec.structs import replace

from py_mono.llm.ollama.provider import OllamaProvider
from py_mono.llm.settings import OllamaSettings, ProviderSettings
from py_mono.protocol.attempts import AttemptFailed
from py_mono.protocol.errors import (
    BadResponse,
    ContextTooLong,
    ModelNotFound,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    ToolsUnsupported,
)
from py_mono.protocol.events import ContextChecked, ModelRetried, ModelWaiting, Notice, ReasoningDelta, TextDelta
from py_mono.protocol.messages import AssistantMessage, Message, ToolMessage, Usage, UserMessage
from py_mono.protocol.ports import ModelChunk, ModelRequest
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec
from tests.servers.fake_ollama import (
    SHOW,
    Answer,
    FakeOllama,
    Pause,
    Reaction,
    as_json,
    call,
    done,
    line,
    refuse,
    say,
)

FAST = OllamaSettings(backoff_s=0.0)
TOOLS = (ToolSpec("read_file", "Reads a file.", {"type": "object", "properties": {"path": {"type": "string"}}}),)
ASK = ModelRequest("be brief", (UserMessage("hello"),), TOOLS)


@contextmanager
def provider_for(server: FakeOllama, settings: OllamaSettings = FAST) -> Iterator[OllamaProvider]:
    provider = OllamaProvider(ProviderSettings(model="fake", base_url=server.url, ollama=settings))
    try:
        yield provider
    finally:
        provider._http.close()


async def collect(provider: OllamaProvider, seen: list[ModelChunk]) -> None:
    async for chunk in provider.stream(ASK):
        seen.append(chunk)  # noqa: PERF401 - what came before an error must be kept


async def play(provider: OllamaProvider, request: ModelRequest = ASK) -> list[ModelChunk]:
    return [chunk async for chunk in provider.stream(request)]


async def ask(
    *answers: Reaction, settings: OllamaSettings = FAST, show: Reaction | None = None, tags: Reaction | None = None
) -> list[ModelChunk]:
    with FakeOllama(answers, show=show, tags=tags) as server, provider_for(server, settings) as provider:
        return await play(provider)


def message(chunks: list[ModelChunk]) -> AssistantMessage:
    assert isinstance(chunks[-1], AssistantMessage)
    return chunks[-1]


HELLO = AssistantMessage("Hello there", model="fake", usage=Usage(120, 30, 0, 0.0))
RETRIED = [ModelRetried(1, 0.0, "")]


SEEN = ContextChecked("seen", 0, 120, 32768)


def without_reasons(chunks: list[ModelChunk]) -> list[ModelChunk]:
    """The chunks without the words of retries, and without our own estimates."""
    return [
        replace(chunk, reason="")
        if isinstance(chunk, ModelRetried)
        else replace(chunk, sent_tokens=0)
        if isinstance(chunk, ContextChecked)
        else chunk
        for chunk in chunks
    ]


async def test_text_thinking_and_usage_come_as_deltas_and_one_message() -> None:
    assert without_reasons(await ask(say("Hello", " there", thinking="Hm."))) == [
        ReasoningDelta("Hm."),
        TextDelta("Hello"),
        TextDelta(" there"),
        SEEN,
        replace(HELLO, reasoning="Hm."),
    ]


async def test_the_request_has_the_shape_that_ollama_documents() -> None:
    conversation: tuple[Message, ...] = (
        UserMessage("hi"),
        AssistantMessage("I look.", "Hm.", (ToolCall("call_1", "read_file", {"path": "ä"}),), "fake"),
        ToolMessage(ToolResult("call_1", "read_file", "text")),
    )
    with FakeOllama([say("ok")]) as server, provider_for(server) as provider:
        await play(provider, ModelRequest("be brief", conversation, TOOLS, max_output_tokens=99))
        assert server.chats[0].json == {
            "model": "fake",
            "stream": True,
            "keep_alive": "30m",
            "truncate": False,
            "shift": False,
            "options": {"num_ctx": 32768, "num_predict": 99},
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "read_file",
                        "description": "Reads a file.",
                        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}},
                    },
                }
            ],
            "messages": [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": "hi"},
                {
                    "role": "assistant",
                    "content": "I look.",
                    "thinking": "Hm.",
                    "tool_calls": [{"id": "call_1", "function": {"name": "read_file", "arguments": {"path": "ä"}}}],
                },
                {"role": "tool", "content": "text", "tool_name": "read_file", "tool_call_id": "call_1"},
            ],
        }


async def test_tool_calls_are_taken_from_any_line_and_numbered_where_the_server_gives_no_ids() -> None:
    answer = Answer(
        [
            line(tool_calls=[call("read_file", {"path": "a"})]),
            line("and"),
            done(),
        ]
    )
    last = Answer(
        [
            done().replace(
                b'"content": ""', b'"content": "", "tool_calls": [' + json.dumps(call("x", {})).encode() + b"]"
            )
        ]
    )
    assert message(await ask(answer)).tool_calls == (ToolCall("call_1", "read_file", {"path": "a"}),)
    found = message(await ask(last))
    assert (found.tool_calls, found.stop_reason) == ((ToolCall("call_1", "x", {}),), "tool_use")


async def test_repeated_ids_become_unique_and_new_ones_are_kept() -> None:
    calls = [call("a", {}, id="x"), call("b", {}, id="x"), call("c", {}, id=""), call("d", {}, id="call_9")]
    assert [made.id for made in message(await ask(say(calls=calls))).tool_calls] == ["x", "call_2", "call_3", "call_9"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"path": "a"}', ToolCall("call_1", "f", {"path": "a"})),
        (None, ToolCall("call_1", "f", {})),
        ("", ToolCall("call_1", "f", {})),
        ('{"path": "a', ToolCall("call_1", "f", {}, '{"path": "a')),
        ('"{\\"path\\": \\"a\\"}"', ToolCall("call_1", "f", {"path": "a"})),
        ('"a word"', ToolCall("call_1", "f", {}, '"a word"')),
        ("[1]", ToolCall("call_1", "f", {}, "[1]")),
        ([1], ToolCall("call_1", "f", {}, "[1]")),
        (7, ToolCall("call_1", "f", {}, "7")),
    ],
)
async def test_arguments_are_an_object_or_the_call_is_malformed(arguments: object, expected: ToolCall) -> None:
    assert message(await ask(say(calls=[call("f", arguments)]))).tool_calls == (expected,)


@pytest.mark.parametrize(
    ("show", "window"),
    [
        (as_json(SHOW), 32768),
        (as_json({"model_info": {"qwen3.context_length": 8192}}), 8192),
        (as_json({}), 32768),
        (refuse(404, "404 page not found"), 32768),
        (refuse(500, "broken"), 32768),
        (Answer([b"<html>"], content_type="text/html"), 32768),
        (Answer([b'{"model_info": {"x.context_length": "big"}, "capabilities": "all"}']), 32768),
        (Answer([b'{"model_info": {"x.context_length": -5}}']), 32768),
        (Answer(raw=b"garbage\r\n\r\n"), 32768),
        (Answer(raw=b""), 32768),
    ],
)
async def test_the_window_is_the_models_maximum_up_to_the_cap_whatever_show_answers(show: Answer, window: int) -> None:
    with FakeOllama([say("Hello", " there")], show=show) as server, provider_for(server) as provider:
        assert provider.window == 0
        assert message(await play(provider)) == HELLO
        assert (provider.window, server.chats[0].json["options"]) == (window, {"num_ctx": window})


async def test_a_show_that_hangs_is_given_up_and_said() -> None:
    settings = OllamaSettings(show_s=0.05)
    chunks = await ask(say("Hello", " there"), show=Answer(before=Pause()), settings=settings)
    assert chunks[0] == Notice(
        "the server did not describe the model within 0.05 s; a window of 32768 tokens is asked for"
    )
    assert message(chunks) == HELLO


async def test_twenty_requests_take_one_connection_one_window_and_one_question_of_each_kind() -> None:
    with FakeOllama([say("Hello", " there")], repeat=True) as server, provider_for(server) as provider:
        for _ in range(20):
            async with aclosing(provider.stream(ASK)) as chunks:
                async for chunk in chunks:
                    if isinstance(chunk, AssistantMessage):
                        break
        assert server.connections == 1
        assert [server.asked(path) for path in ("/api/show", "/api/chat", "/api/ps", "/api/version")] == [1, 20, 1, 1]
        assert {request.json["options"]["num_ctx"] for request in server.chats} == {32768}


async def test_a_request_extends_the_bytes_of_the_one_before_over_two_hundred_steps() -> None:
    with FakeOllama([say("Hello", " there")], repeat=True) as server, provider_for(server) as provider:
        conversation: list[Message] = [UserMessage("hello")]
        for step in range(200):
            reply = message(await play(provider, ModelRequest("be brief", tuple(conversation), TOOLS)))
            conversation += [reply, ToolMessage(ToolResult(f"call_{step}", "read_file", f"é {step}"))]
        bodies = [request.body for request in server.chats]
    assert all(new.startswith(old.removesuffix(b"]}")) for old, new in itertools.pairwise(bodies))
    assert len(bodies) == 200


async def test_a_kept_connection_that_the_server_closed_is_replaced_without_a_word() -> None:
    closing = replace_close(say("Hello", " there"))
    with FakeOllama([closing, closing, say("Hello", " there")]) as server, provider_for(server) as provider:
        for _ in range(3):
            assert message(await play(provider)) == HELLO
        assert server.connections == 3


def replace_close(answer: Answer) -> Answer:
    return Answer(answer.pieces, close=True)


async def test_a_kept_connection_that_dies_under_the_request_is_replaced_without_a_word() -> None:
    answers = [say("Hello", " there"), Answer(raw=b""), say("Hello", " there")]
    with FakeOllama(answers) as server, provider_for(server) as provider:
        await play(provider)
        assert without_reasons(await play(provider)) == [TextDelta("Hello"), TextDelta(" there"), SEEN, HELLO]


async def test_a_reply_without_a_newline_at_its_end_is_whole() -> None:
    assert message(await ask(Answer([line("Hello"), done().rstrip()]))).text == "Hello"


async def test_a_reply_that_only_gives_the_reason_is_done() -> None:
    end = done().replace(b'"done": true', b'"done": false')
    assert message(await ask(Answer([line("Hello"), end]))).text == "Hello"


async def test_lines_split_at_any_byte_come_together() -> None:
    whole = line("Grüße 🙂") + done()
    pieces = [bytes([byte]) for byte in whole]
    assert message(await ask(Answer(pieces))).text == "Grüße 🙂"


WIRE_LENGTH = len(b"".join(bytes(piece) for piece in say("Hello", " there").pieces if isinstance(piece, bytes)))


@pytest.mark.parametrize("cut_at", [0, 1, 20, 60, 100, 150, 250, 300, WIRE_LENGTH])
async def test_a_stream_cut_anywhere_is_void_and_asked_again(cut_at: int) -> None:
    whole = say("Hello", " there")
    chunks = await ask(Answer(whole.pieces, cut_at=cut_at), whole)
    retried = next((index for index, chunk in enumerate(chunks) if isinstance(chunk, ModelRetried)), -1)
    assert without_reasons(chunks[retried + 1 :]) == [TextDelta("Hello"), TextDelta(" there"), SEEN, HELLO]


async def test_a_call_of_a_cut_stream_is_not_in_the_message() -> None:
    first = Answer([line(tool_calls=[call("shell", {"command": "rm"})]), line("x")], cut_at=330)
    found = message(await ask(first, say("Hello", " there")))
    assert found == HELLO


async def test_attempts_are_limited_and_the_last_error_says_what_happened() -> None:
    with (
        FakeOllama([Answer([line("a")])], repeat=True) as server,
        provider_for(server) as provider,
        pytest.raises(ProviderUnavailable, match="cut before its end") as caught,
    ):
        await play(provider)
    assert caught.value.remedy
    assert len(server.chats) == 3


async def test_waits_between_attempts_are_drawn_and_their_longest_doubles() -> None:
    answers = [refuse(500, "boom"), refuse(500, "boom"), say("Hello", " there")]
    settings = ProviderSettings(model="fake", ollama=OllamaSettings(backoff_s=0.002))
    with FakeOllama(answers) as server:
        provider = OllamaProvider(replace(settings, base_url=server.url), draw=lambda: 0.5)
        chunks = await play(provider)
        await provider.close()
    assert [chunk for chunk in chunks if isinstance(chunk, ModelRetried)] == [
        ModelRetried(1, 0.001, "Ollama answered 500: boom"),
        ModelRetried(2, 0.002, "Ollama answered 500: boom"),
    ]


@pytest.mark.parametrize(
    "broken",
    [
        refuse(500, "llama runner process has terminated"),
        refuse(502, "bad gateway"),
        refuse(503, "server busy"),
        Answer([b"<html>down</html>"], 503, "text/html"),
        Answer([line("half"), b'{"error":"an error was encountered while running the model"}\n']),
        Answer([b"{not json}\n"]),
        Answer([b'{"message": {"content": "\xff\xfe"}}\n']),
        Answer([b'{"message": {"content": 7}}\n']),
        Answer([b'["list"]\n']),
        Answer([b"[" * 100_000 + b"\n"]),
        Answer([done()]),
        Answer([line("  \n"), done()]),
        Answer([]),
        refuse(429, "slow down", headers={"Retry-After": "0"}),
    ],
)
async def test_a_failure_that_may_pass_is_tried_again(broken: Answer) -> None:
    chunks = await ask(broken, say("Hello", " there"))
    retried = [chunk for chunk in chunks if isinstance(chunk, ModelRetried)]
    assert [(one.attempt, one.wait_s) for one in retried] == [(1, 0.0)]
    assert retried[0].reason
    assert message(chunks) == HELLO


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (refuse(400, "registry.ollama.ai/library/fake does not support tools"), ToolsUnsupported, "no tool calling"),
        (refuse(400, "the input length exceeds the context length"), ContextTooLong, "does not fit"),
        (refuse(400, '"fake" does not support chat'), ProviderError, "not a chat model"),
        (refuse(400, "invalid options"), BadResponse, "refused the request \\(400\\): invalid options"),
        (refuse(401, "unauthorized"), ProviderError, "401"),
        (Answer([], 302, headers={"Location": "/x"}), BadResponse, "redirects"),
        (refuse(500, "model requires more system memory (9 GiB) than is available"), ProviderError, "fit into memory"),
        (Answer([b"<html>hi"], content_type="text/html; charset=utf-8"), BadResponse, "a web page"),
        (refuse(429, "no", headers={"Retry-After": "3600"}), RateLimited, "limits requests"),
        (Answer([line("a"), b'{"error":"context size exceeded"}\n']), ContextTooLong, "does not fit"),
        (Answer([line("x", tool_calls=[]), b"y" * 5000]), BadResponse, "longer than 0 MiB"),
        (Answer([line("going on")] * 200), BadResponse, "went on for more than"),
        (say("", calls=[call("write_file", {})], reason="length"), BadResponse, "in the middle of a tool call"),
    ],
)
async def test_a_failure_that_will_not_pass_is_raised_at_once(
    answer: Answer, kind: type[ProviderError], text: str
) -> None:
    settings = OllamaSettings(backoff_s=0.0, max_line_bytes=4096)
    with (
        FakeOllama([answer, say("never")]) as server,
        provider_for(server, settings) as provider,
        pytest.raises(kind, match=text) as caught,
    ):
        await play(provider)
    assert caught.value.remedy
    assert len(server.chats) == 1


@pytest.mark.parametrize(
    ("answer", "kind", "text", "times"),
    [
        (refuse(500, "boom"), ProviderUnavailable, "answered 500: boom", 3),
        (refuse(429, "slow", headers={"Retry-After": "0"}), RateLimited, "slow", 3),
        (Answer([b"nonsense\n"]), BadResponse, "'nonsense'", 2),
        (Answer([done()]), BadResponse, "answered with nothing", 2),
        (Answer(raw=b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), BadResponse, "does not speak HTTP", 3),
    ],
)
async def test_when_attempts_run_out_the_error_is_typed(
    answer: Answer, kind: type[ProviderError], text: str, times: int
) -> None:
    with (
        FakeOllama([answer], repeat=True) as server,
        provider_for(server) as provider,
        pytest.raises(kind, match=text),
    ):
        await play(provider)
    assert len(server.chats) == times


async def test_a_model_that_is_not_pulled_is_named_with_those_that_are() -> None:
    tags = as_json({"models": [{"name": "qwen3:4b", "model": "qwen3:4b"}, {"name": "llama3:8b"}]})
    with pytest.raises(ModelNotFound, match="no model 'fake'; pulled are: llama3:8b, qwen3:4b") as caught:
        await ask(refuse(404, "model 'fake' not found"), tags=tags)
    assert caught.value.remedy == "ollama pull fake, or take one that is pulled: --model llama3:8b"


async def test_a_model_that_is_not_pulled_is_named_also_where_tags_are_missing() -> None:
    with pytest.raises(ModelNotFound, match=r"no model 'fake'$"):
        await ask(refuse(404, "model 'fake' not found"), tags=refuse(404, "page not found"))
    with pytest.raises(ModelNotFound, match="no model is pulled yet"):
        await ask(refuse(404, "model 'fake' not found"))


async def test_a_server_that_has_no_chat_at_all_is_not_ollama() -> None:
    with pytest.raises(BadResponse, match="404 to /api/chat"):
        await ask(refuse(404, "nothing here"), tags=refuse(404, "nothing here"))


async def test_a_server_that_is_not_running_is_said_with_how_to_start_it() -> None:
    with FakeOllama() as server:
        url = server.url
    provider = OllamaProvider(ProviderSettings(base_url=url))
    with pytest.raises(ProviderUnavailable, match=f"{url} cannot be reached: connection refused") as caught:
        await play(provider)
    assert "ollama serve" in caught.value.remedy
    assert "litellm" not in caught.value.remedy


async def test_whoever_asks_ollama_for_a_clouds_model_is_told_of_the_other_provider() -> None:
    with FakeOllama([refuse(404, "model not found")]) as server:
        url = server.url
        with pytest.raises(ModelNotFound) as missing:
            await play(OllamaProvider(ProviderSettings(base_url=url, model="groq/qwen/qwen3-32b")))
    with pytest.raises(ProviderUnavailable) as gone:
        await play(OllamaProvider(ProviderSettings(base_url=url, model="groq/qwen/qwen3-32b")))
    assert [caught.value.remedy.endswith("needs --provider litellm") for caught in (missing, gone)] == [True, True]


async def test_thinking_that_eats_the_whole_output_is_tried_again_without_it() -> None:
    thought = Answer([line(thinking="on and on"), done("length")])
    with FakeOllama([thought, say("Hello", " there")]) as server, provider_for(server) as provider:
        chunks = await play(provider)
        assert [request.json.get("think") for request in server.chats] == [None, False]
    reason = "the model spent its whole output on thinking"
    assert chunks[1:3] == [
        AttemptFailed("ollama", "fake", 1, "bad_response", reason, Usage(120, 30, 0, 0.0)),
        ModelRetried(1, 0.0, reason),
    ]
    assert message(chunks) == HELLO


async def test_thinking_alone_twice_is_an_error_that_says_so() -> None:
    thought = Answer([line(thinking="on and on"), done("length")])
    with pytest.raises(BadResponse, match="whole output on thinking") as caught:
        await ask(thought, thought)
    assert "OLLAMA_CONTEXT_LENGTH" in caught.value.remedy


@pytest.mark.parametrize(
    ("think", "capabilities", "sent"),
    [
        ("auto", ["thinking"], None),
        ("on", ["thinking"], True),
        ("off", ["thinking"], False),
        ("on", ["completion"], None),
        ("off", ["completion"], None),
        ("on", None, True),
        ("off", None, False),
    ],
)
async def test_think_is_said_only_to_models_that_may_be_able_to(
    think: str, capabilities: list[str] | None, sent: object
) -> None:
    settings = replace(FAST, think=think)
    with (
        FakeOllama([say("ok")], show=as_json({"capabilities": capabilities})) as server,
        provider_for(server, settings) as provider,
    ):
        await play(provider, replace(ASK, tools=()))
        assert server.chats[0].json.get("think") is sent


async def test_a_model_that_refuses_to_think_is_asked_without_from_then_on() -> None:
    refusal = refuse(400, '"fake" does not support thinking')
    settings = replace(FAST, think="on")
    with (
        FakeOllama([refusal, say("a"), say("b")], show=refuse(404, "no")) as server,
        provider_for(server, settings) as provider,
    ):
        assert message(await play(provider)).text == "a"
        assert message(await play(provider)).text == "b"
        assert [request.json.get("think") for request in server.chats] == [True, None, None]


async def test_a_reply_cut_by_length_keeps_its_text_and_never_its_calls() -> None:
    found = message(await ask(say("I write", calls=[call("write_file", {"path": "a"})], reason="length")))
    assert (found.text, found.tool_calls, found.stop_reason) == ("I write", (), "length")


async def test_a_prompt_that_cannot_fit_is_not_sent() -> None:
    with FakeOllama([say("never")]) as server, provider_for(server, replace(FAST, window_cap=1000)) as provider:
        big = ModelRequest("s", (UserMessage("x" * 8001),), ())
        with pytest.raises(
            ContextTooLong, match="window holds 1,000, of which 62 are kept for the reply; it was not sent"
        ) as caught:
            await play(provider, big)
        assert caught.value.remedy
        assert server.chats == []
        assert message(await play(provider, ModelRequest("s", (UserMessage("x" * 3000),), ()))).text == "never"


async def test_indented_code_of_many_bytes_a_token_is_sent_and_the_server_s_count_becomes_the_measure() -> None:
    code = ModelRequest("s", (UserMessage((" " * 32 + "return value\\n") * 140),), ())
    dense = Answer([line("ok"), done(tokens=(3000, 1))])
    with FakeOllama([dense, say("never")]) as server, provider_for(server, replace(FAST, window_cap=1000)) as provider:
        assert message(await play(provider, code)).text == "ok"
        with pytest.raises(ContextTooLong, match="window holds 1,000"):
            await play(provider, code)
        assert len(server.chats) == 1


async def test_a_slow_first_token_is_shown_as_loading_and_later_as_waiting() -> None:
    slow = Answer(say("ok").pieces, before=Pause(0.1))
    settings = replace(FAST, notice_s=0.01)
    with FakeOllama([slow, slow]) as server, provider_for(server, settings) as provider:
        assert (await play(provider))[0] == ModelWaiting("loading")
        assert (await play(provider))[0] == ModelWaiting("first_token")
        assert server.connections == 1


async def test_each_wait_has_its_own_limit() -> None:
    loading = replace(FAST, notice_s=0.01, load_s=0.05)
    with pytest.raises(ProviderUnavailable, match=r"0\.05 s while the model was loading"):
        await ask(Answer(before=Pause()), settings=loading)
    idle = replace(FAST, idle_s=0.05, attempts=1)
    with pytest.raises(ProviderUnavailable, match=r"nothing more for 0\.05 s"):
        await ask(Answer([line("a"), Pause()]), settings=idle)
    first = replace(FAST, notice_s=0.01, first_token_s=0.05)
    with FakeOllama([say("a"), Answer(before=Pause())]) as server, provider_for(server, first) as provider:
        await play(provider)
        with pytest.raises(ProviderUnavailable, match=r"0\.05 s for the first token"):
            await play(provider)


async def test_leaving_a_stream_tells_the_server_and_the_next_one_works() -> None:
    with (
        FakeOllama([Answer([line("Hello"), Pause()]), say("Hello", " there")]) as server,
        provider_for(server) as provider,
    ):
        async with aclosing(provider.stream(ASK)) as chunks:
            assert await anext(chunks) == TextDelta("Hello")
        assert message(await play(provider)) == HELLO
        assert (server.gone, server.connections) == (1, 2)


async def test_a_cancelled_stream_leaves_a_provider_that_works() -> None:
    with (
        FakeOllama([Answer(before=Pause()), say("Hello", " there")]) as server,
        provider_for(server) as provider,
    ):
        task = asyncio.ensure_future(play(provider))
        while not server.chats:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert message(await play(provider)) == HELLO


async def test_a_server_that_goes_on_after_the_end_costs_the_connection_not_the_reply() -> None:
    endless = Answer([line("Hello"), line(" there"), done(), Pause()])
    with FakeOllama([endless, say("ok")]) as server, provider_for(server) as provider:
        assert message(await play(provider)) == HELLO
        assert message(await play(provider)).text == "ok"
        assert server.connections == 2


async def test_a_server_that_goes_away_between_two_steps_is_waited_for() -> None:
    with FakeOllama([say("Hello", " there")]) as server, provider_for(server) as provider:
        await play(provider)
        server.close()
        seen: list[ModelChunk] = []
        with pytest.raises(ProviderUnavailable, match="connection refused"):
            await collect(provider, seen)
    assert [one.attempt for one in seen if isinstance(one, ModelRetried)] == [1, 2]


async def test_a_body_that_ends_in_the_middle_of_a_line_is_a_cut_stream() -> None:
    cut = Answer([line("Half"), b'{"model":"fa'])
    with FakeOllama([cut, say("Whole.")]) as server, provider_for(server) as provider:
        chunks = await play(provider)
    assert any(isinstance(chunk, ModelRetried) and "cut" in chunk.reason for chunk in chunks)
    assert message(chunks).text == "Whole."
