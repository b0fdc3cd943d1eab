"""From HTTP bytes to events, on each wire that LiteLLM speaks for us."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import pytest
from msgspec.structs import replace

from py_mono.protocol.events import ContextChecked, ModelRetried, ModelWaiting, ReasoningDelta, TextDelta
from py_mono.protocol.messages import AssistantMessage, ToolMessage, Usage
from py_mono.protocol.tools import ToolCall, ToolResult
from tests.llm.clouds.serving import ASK, KEY, play, reply, serving
from tests.servers import fake_anthropic, fake_gemini, fake_ollama, fake_openai
from tests.servers.fake_http import Answer, Pause
from tests.servers.fake_openai import DONE, chunk, fragment, stream, usage

GPT = "openai/gpt-4o"
ONE, TWO = ToolCall("c1", "read_file", {"path": "a"}), ToolCall("c2", "read_file", {"path": "ä\n"})
RAW = [(call.id, call.name, call.arguments) for call in (ONE, TWO)]
SIGNED = {"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "c2lnbmVk"}]}

TABLE: dict[str, tuple[Answer, AssistantMessage]] = {
    "groq/qwen/qwen3-32b": (
        fake_openai.say("Hel", "lo", reasoning="hm", calls=RAW),
        AssistantMessage("Hello", "hm", (ONE, TWO), "", Usage(120, 30), "tool_use"),
    ),
    "openai/gpt-4o": (
        fake_openai.say("Hel", "lo", calls=RAW),
        AssistantMessage("Hello", "", (ONE, TWO), "", Usage(120, 30, 0, 0.0006), "tool_use"),
    ),
    "openrouter/qwen/qwen3-coder:free": (
        stream(chunk(reasoning="hm"), chunk(content="Hello"), chunk("stop"), usage(9, 8, 7, cost=0.25), DONE),
        AssistantMessage("Hello", "hm", (), "", Usage(9, 8, 7, 0.25), "end"),
    ),
    "anthropic/claude-3-5-haiku-20241022": (
        fake_anthropic.say("Hel", "lo", thought="hm", calls=RAW),
        AssistantMessage("Hello", "hm", (ONE, TWO), "", Usage(25, 15), "tool_use", SIGNED),
    ),
    "gemini/gemini-2.5-flash": (
        fake_gemini.say(
            "Hel",
            "lo",
            thought="hm",
            calls=[fake_gemini.call(ONE.name, ONE.arguments, "c2ln"), fake_gemini.call(TWO.name, TWO.arguments)],
        ),
        AssistantMessage(
            "Hello",
            "hm",
            (ToolCall("call_1", ONE.name, ONE.arguments), ToolCall("call_2", TWO.name, TWO.arguments)),
            "",
            Usage(12, 7, 0, 12 * 3e-7 + 7 * 2.5e-6),
            "tool_use",
            {"thought_signatures": {"call_1": "c2ln"}},
        ),
    ),
    "ollama/llama3.1:8b": (
        fake_ollama.say("Hel", "lo", thinking="hm", calls=[fake_ollama.call(ONE.name, ONE.arguments)]),
        AssistantMessage(
            "Hello", "hm", (ToolCall("call_1", ONE.name, ONE.arguments),), "", Usage(120, 30, 0, 0.0), "tool_use"
        ),
    ),
}


@pytest.fixture(autouse=True)
async def _all_closed() -> AsyncIterator[None]:
    yield
    for _ in range(100):  # generators that LiteLLM leaves are closed by the loop
        if len(asyncio.all_tasks()) == 1:
            break
        await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("model", TABLE)
async def test_each_row_of_the_table_from_bytes_to_events(model: str) -> None:
    answer, expected = TABLE[model]
    with serving(model, [answer]) as (provider, _):
        chunks = await play(provider)
        await provider.close()
    message = chunks[-1]
    assert isinstance(message, AssistantMessage)
    assert message.text == "".join(one.text for one in chunks if isinstance(one, TextDelta))
    assert message.reasoning == "".join(one.text for one in chunks if isinstance(one, ReasoningDelta))
    cost, known = message.usage.cost_usd, expected.usage.cost_usd
    assert cost == (None if known is None else pytest.approx(known))
    assert replace(message, usage=replace(message.usage, cost_usd=known)) == replace(expected, model=provider.model)


@pytest.mark.parametrize(
    "model",
    [
        "cerebras/x",
        "deepseek/x",
        "github/x",
        "hosted_vllm/x",
        "lm_studio/x",
        "mistral/x",
        "perplexity/x",
        "sambanova/x",
        "xai/x",
    ],
)
async def test_tools_are_sent_to_models_that_no_table_knows(model: str) -> None:
    with serving(model, [fake_openai.say("Hello", calls=RAW)]) as (provider, server):
        message = await reply(provider)
        await provider.close()
    assert (message.text, message.tool_calls, message.usage.cost_usd) == ("Hello", (ONE, TWO), None)
    assert [tool["function"]["name"] for tool in server.requests[0].json["tools"]] == ["read_file"]
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("model", TABLE)
async def test_a_round_with_tools_goes_back_as_it_came_and_keeps_its_front(model: str) -> None:
    answer, _ = TABLE[model]
    with serving(model, [answer, answer]) as (provider, server):
        first = await reply(provider)
        results = [ToolMessage(ToolResult(call.id, call.name, f"text {call.id}")) for call in first.tool_calls]
        await reply(provider, replace(ASK, messages=(*ASK.messages, first, *results)))
        await provider.close()
    one, two = (request.json for request in server.requests)
    for part in ("tools", "system", "system_instruction", "options"):
        assert one.get(part) == two.get(part)
    turns = two.get("messages") or two["contents"]
    assert all(f"text {call.id}" in str(turns) for call in first.tool_calls)
    assert all(
        call.arguments["path"] in str(turns).replace("\\\\n", "\n").replace("\\n", "\n") for call in first.tool_calls
    )
    assert len(turns) > len(one.get("messages") or one["contents"])
    assert server.connections == 1
    assert KEY not in str(two)


async def test_the_signature_of_thinking_goes_back_before_the_calls() -> None:
    answer, expected = TABLE["anthropic/claude-3-5-haiku-20241022"]
    with serving("anthropic/claude-3-5-haiku-20241022", [answer, fake_anthropic.say("Done.")]) as (provider, server):
        first = await reply(provider)
        results = [ToolMessage(ToolResult(call.id, call.name, "text")) for call in first.tool_calls]
        await reply(provider, replace(ASK, messages=(*ASK.messages, first, *results)))
        await provider.close()
    mark = {"cache_control": {"type": "ephemeral"}}
    one, two = (request.json for request in server.requests)
    assert one["system"] == [{"type": "text", "text": "be brief", **mark}]
    assert one["messages"] == [{"role": "user", "content": [{"type": "text", "text": "hello", **mark}]}]
    assert two["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "hello"}]},
        {
            "role": "assistant",
            "content": [
                *SIGNED["thinking_blocks"],
                {"type": "text", "text": "Hello"},
                *({"type": "tool_use", "id": id_, "name": name, "input": given} for id_, name, given in RAW),
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "text"},
                {"type": "tool_result", "tool_use_id": "c2", "content": "text", **mark},
            ],
        },
    ]
    assert two["max_tokens"] == 8192
    assert expected.provider_data == first.provider_data


async def test_the_signature_of_a_thought_goes_back_with_its_call() -> None:
    answer, _ = TABLE["gemini/gemini-2.5-flash"]
    with serving("gemini/gemini-2.5-flash", [answer, fake_gemini.say("Done.")]) as (provider, server):
        first = await reply(provider)
        await reply(provider, replace(ASK, messages=(*ASK.messages, first)))
        await provider.close()
    parts = server.requests[1].json["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == [None, "c2ln", None]


async def test_calls_are_put_together_by_their_number_however_they_are_cut() -> None:
    interleaved = stream(
        chunk(tool_calls=[fragment(0, id="c1", name="read_file"), fragment(1, id="c2", name="shell")]),
        chunk(tool_calls=[fragment(1, '{"comm')]),
        chunk(tool_calls=[fragment(0, '{"path": '), fragment(1, 'and": "ls"}')]),
        chunk(tool_calls=[fragment(0, '"a"}')]),
        chunk("tool_calls"),
        DONE,
    )
    whole_without_ids = stream(
        chunk(tool_calls=[fragment(0, '{"path": "a"}', name="read_file")]),
        chunk(tool_calls=[fragment(0, '{"command": "ls"}', name="shell")]),
        chunk("tool_calls"),
        DONE,
    )
    all_numbered_alike = stream(
        chunk(tool_calls=[fragment(0, '{"path":', id="c1", name="read_file")]),
        chunk(tool_calls=[fragment(0, ' "a"}', id="c1", name="read_file")]),
        chunk(tool_calls=[fragment(0, '{"command": "ls"}', id="c2", name="shell")]),
        chunk("stop"),
        DONE,
    )
    calls = [("read_file", {"path": "a"}), ("shell", {"command": "ls"})]
    with serving(GPT, [interleaved, whole_without_ids, all_numbered_alike]) as (provider, _):
        for ids in (["c1", "c2"], ["call_1", "call_2"], ["c1", "c2"]):
            message = await reply(provider)
            assert [(call.id, call.name, call.arguments) for call in message.tool_calls] == [
                (id_, *call) for id_, call in zip(ids, calls, strict=True)
            ]
            assert message.stop_reason == "tool_use"
        await provider.close()


@pytest.mark.parametrize(
    ("written", "arguments", "malformed"),
    [
        ("", {}, ""),
        ("{}", {}, ""),
        ('"{\\"path\\": \\"a\\"}"', {"path": "a"}, ""),
        ('{"path": "a"', {}, '{"path": "a"'),
        ('["a"]', {}, '["a"]'),
        ("path=a", {}, "path=a"),
    ],
)
async def test_arguments_that_are_no_object_are_never_guessed(
    written: str, arguments: dict[str, Any], malformed: str
) -> None:
    with serving(GPT, [fake_openai.say(calls=[("c1", "read_file", written)])]) as (provider, _):
        message = await reply(provider)
        await provider.close()
    assert message.tool_calls == (ToolCall("c1", "read_file", arguments, malformed),)


@pytest.mark.parametrize(
    ("model", "answer"),
    [
        (GPT, fake_openai.say("Half", calls=RAW, finish="length")),
        ("anthropic/m", fake_anthropic.say("Half", calls=RAW, reason="max_tokens")),
        ("gemini/m", fake_gemini.say("Half", calls=[fake_gemini.call("read_file", {})], finish="MAX_TOKENS")),
        ("ollama/m", fake_ollama.say("Half", calls=[fake_ollama.call("read_file", {})], reason="length")),
    ],
)
async def test_a_call_in_a_reply_that_was_cut_by_its_limit_never_runs(model: str, answer: Answer) -> None:
    with serving(model, [answer]) as (provider, _):
        message = await reply(provider)
        await provider.close()
    assert (message.text, message.tool_calls, message.stop_reason) == ("Half", (), "length")


async def test_a_call_that_was_sent_twice_is_made_once() -> None:
    twice = [("c", "read_file", '{"path": "a"}')] * 2
    with serving("openai/gpt-4o", [fake_openai.say(calls=[*twice, ("d", "read_file", '{"path": "a"}')])]) as (
        provider,
        _,
    ):
        message = await reply(provider)
        await provider.close()
    assert [(call.id, call.arguments) for call in message.tool_calls] == [("c", {"path": "a"}), ("d", {"path": "a"})]


async def test_tokens_that_nobody_counted_are_not_made_up() -> None:
    with serving("openai/mine", [stream(chunk(content="Hello there"), chunk("stop"), DONE)]) as (provider, _):
        message = await reply(provider)
        await provider.close()
    assert message.usage == Usage(0, 0, 0, None)


async def test_tokens_from_a_cache_are_counted_as_such() -> None:
    claude = fake_anthropic.stream(
        fake_anthropic.start(5, read=90, written=3), *fake_anthropic.text(0, "Hi"), *fake_anthropic.end()
    )
    gemini = fake_gemini.stream(fake_gemini.data({"text": "Hi"}, finish="STOP", tokens=(98, 7), cached=90))
    for model, answer in {"anthropic/m": claude, "gemini/m": gemini}.items():
        with serving(model, [answer]) as (provider, _):
            message = await reply(provider)
            await provider.close()
        assert (message.usage.input_tokens, message.usage.cached_tokens, message.usage.cost_usd) == (98, 90, None)


async def test_the_longest_reply_and_the_only_tool_are_asked_for() -> None:
    asked = replace(ASK, max_output_tokens=77, only_tool="read_file")
    answers = {GPT: TABLE[GPT][0], "gemini/m": fake_gemini.say("x"), "anthropic/m": fake_anthropic.say("x")}
    sent = {}
    for model, answer in answers.items():
        with serving(model, [answer]) as (provider, server):
            await reply(provider, asked)
            await provider.close()
        sent[model] = server.requests[0].json
    assert (sent[GPT]["max_tokens"], sent[GPT]["tool_choice"]["function"]) == (77, {"name": "read_file"})
    assert sent["gemini/m"]["generationConfig"]["max_output_tokens"] == 77
    assert sent["gemini/m"]["toolConfig"]["functionCallingConfig"]["allowed_function_names"] == ["read_file"]
    assert (sent["anthropic/m"]["max_tokens"], sent["anthropic/m"]["tool_choice"]["name"]) == (77, "read_file")


async def test_the_window_is_what_the_table_says_and_for_ollama_what_is_asked_for() -> None:
    windows = {}
    for model in (GPT, "groq/qwen/qwen3-32b", "ollama/llama3"):
        with serving(model, [fake_ollama.say("x")]) as (provider, server):
            await provider.prepare()
            windows[model] = provider.window
            if model.startswith("ollama"):
                chunks = await play(provider)
                checked = next(chunk for chunk in chunks if isinstance(chunk, ContextChecked))
                assert (checked.verdict, checked.counted_tokens, checked.window) == ("seen", 120, 32_768)
                assert server.requests[0].json["options"] == {"num_ctx": 32_768}
            await provider.close()
    assert windows == {GPT: 128_000, "groq/qwen/qwen3-32b": 0, "ollama/llama3": 32_768}


async def test_a_server_that_takes_long_is_waited_for_and_then_given_up() -> None:
    slow = stream(*fake_openai.say("Hello").pieces, before=Pause(0.1))
    with serving(GPT, [slow, Answer(before=Pause()), Answer(before=Pause())], notice_s=0.02, first_token_s=2.0) as (
        provider,
        server,
    ):
        assert (await play(provider))[0] == ModelWaiting("first_token")
        async with aclosing(provider.stream(ASK)) as chunks:
            assert await anext(chunks) == ModelWaiting("first_token")
            while len(server.requests) < 2:
                await asyncio.sleep(0.01)
        while not server.gone:
            await asyncio.sleep(0.01)
        await provider.close()


ASKED: list[str] = []


def note_connection(event: str, arguments: Sequence[Any]) -> None:
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        ASKED.append(f"{arguments[1][0]}:{arguments[1][1]}")
    elif event == "socket.getaddrinfo":
        ASKED.append(str(arguments[0]))


sys.addaudithook(note_connection)


@pytest.mark.parametrize("model", TABLE)
async def test_nothing_but_the_server_is_ever_asked(model: str) -> None:
    ASKED.clear()
    with serving(model, [TABLE[model][0]]) as (provider, server):
        await reply(provider)
        await asyncio.sleep(0.05)
        await provider.close()
    assert set(ASKED) == {f"127.0.0.1:{server.port}"}
    assert len(server.requests) == 1


async def test_a_cut_stream_is_asked_again_and_nothing_is_doubled() -> None:
    cut = {
        GPT: [stream(chunk(content="lost")), stream(chunk(content="lost"), cut_at=300)],
        "anthropic/m": [fake_anthropic.stream(fake_anthropic.start(), *fake_anthropic.text(0, "lost"))],
        "gemini/m": [fake_gemini.stream(fake_gemini.data({"text": "lost"}))],
        "ollama/m": [Answer([fake_ollama.line("lost")])],
    }
    whole = {
        GPT: fake_openai.say("Whole."),
        "anthropic/m": fake_anthropic.say("Whole."),
        "gemini/m": fake_gemini.say("Whole."),
        "ollama/m": fake_ollama.say("Whole."),
    }
    for model, answers in cut.items():
        with serving(model, [*answers, whole[model]]) as (provider, _):
            chunks = await play(provider)
            await provider.close()
        retries = [place for place, one in enumerate(chunks) if isinstance(one, ModelRetried)]
        assert len(retries) == len(answers), model
        after = [one.text for one in chunks[retries[-1] :] if isinstance(one, TextDelta)]
        message = chunks[-1]
        assert isinstance(message, AssistantMessage)
        assert message.text == "".join(after) == "Whole."


@pytest.mark.parametrize("moment", [0.0, 0.002, 0.005, 0.01, 0.02, 0.05])
async def test_cancelled_at_any_moment_the_connection_is_closed_and_the_next_reply_is_whole(moment: float) -> None:
    slow = [piece for one in fake_openai.say("Hello", calls=RAW).pieces[:-1] for piece in (one, Pause(0.004))]
    patient = [stream(*slow, Pause())]

    def answer(_: object) -> Answer:
        return patient[0] if patient else fake_openai.say("Whole.")

    with serving(GPT, [answer], repeat=True, notice_s=5.0) as (provider, _):
        await provider.prepare()
        task = asyncio.ensure_future(play(provider))
        await asyncio.sleep(moment)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        patient.clear()
        assert (await reply(provider)).text == "Whole."
        await provider.close()
