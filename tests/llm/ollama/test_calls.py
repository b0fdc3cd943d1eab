"""Ollama where its own tool calling fails: a call asked for by its schema, parsers that gave up, models without tools."""

import json
from contextlib import aclosing

import pytest
from msgspec.structs import replace

from py_mono.llm.ollama.provider import OllamaProvider
from py_mono.llm.settings import OllamaSettings, ProviderSettings
from py_mono.protocol.errors import BadResponse, MalformedCall, ProviderError, ToolsUnsupported
from py_mono.protocol.events import ReasoningDelta
from py_mono.protocol.messages import AssistantMessage, Usage, UserMessage
from py_mono.protocol.ports import ModelChunk, ModelRequest
from py_mono.protocol.tools import ToolCall, ToolSpec
from tests.servers.fake_ollama import SHOW, Answer, FakeOllama, as_json, call, done, line, refuse, say

READ = ToolSpec(
    "read_file", "Reads.", {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
)
ASK = ModelRequest("be brief", (UserMessage("hello"),), (READ,))
ALONE = replace(ASK, only_tool="read_file")
CALLED = AssistantMessage(
    tool_calls=(ToolCall("call_1", "read_file", {"path": "a"}),),
    model="fake",
    usage=Usage(120, 30, 0, 0.0),
    stop_reason="tool_use",
)


def provider_for(server: FakeOllama) -> OllamaProvider:
    return OllamaProvider(
        ProviderSettings(model="fake", base_url=server.url, ollama=OllamaSettings(backoff_s=0.0, show_s=30.0))
    )


async def play(server: FakeOllama, *requests: ModelRequest) -> list[list[ModelChunk]]:
    provider = provider_for(server)
    played = []
    try:
        for request in requests:
            async with aclosing(provider.stream(request)) as chunks:
                played.append([chunk async for chunk in chunks])
    finally:
        await provider.close()
    return played


def showing(capabilities: list[str] | None, architecture: str = "llama") -> Answer:
    return as_json(SHOW | {"capabilities": capabilities, "model_info": {"general.architecture": architecture}})


async def test_a_request_held_to_one_tool_sends_its_schema_in_place_of_the_tools() -> None:
    with FakeOllama([say("plain"), say('{"path": ', '"a"}'), say("plain")]) as server:
        first, second, third = await play(server, ASK, ALONE, ASK)
    plain, alone, again = (request.json for request in server.chats)
    assert plain == again
    assert alone == {
        **{name: value for name, value in plain.items() if name not in {"tools", "messages"}},
        "think": False,
        "format": READ.parameters,
        "messages": [
            *plain["messages"],
            {
                "role": "user",
                "content": "The arguments of your call of read_file could not be read. Write them again as one JSON object "
                f"and nothing else, after this schema: {json.dumps(READ.parameters, separators=(',', ':'))}",
            },
        ],
    }
    assert second == [CALLED]
    assert [type(chunk).__name__ for chunk in (*first, *third)] == [
        "TextDelta",
        "ContextChecked",
        "AssistantMessage",
    ] * 2


@pytest.mark.parametrize(
    ("capabilities", "architecture", "think"),
    [
        (["completion", "tools", "thinking"], "qwen3", False),
        (["completion", "tools", "thinking"], "gptoss", None),
        (["completion", "tools"], "llama", None),
        (["completion"], "llama", None),
        (None, "llama", None),
    ],
    ids=["thinks", "thinks whatever it is told", "cannot think", "cannot call tools", "unknown"],
)
async def test_a_call_held_to_a_schema_comes_without_thinking_where_that_can_be_said(
    capabilities: list[str] | None,
    architecture: str,
    think: bool | None,  # noqa: FBT001 - three states
) -> None:
    with FakeOllama([say('{"path": "a"}')], show=showing(capabilities, architecture)) as server:
        assert await play(server, ALONE) == [[CALLED]]
    assert server.chats[0].json.get("think") is think


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('```json\n{"path": "a"}\n```', ToolCall("call_1", "read_file", {"path": "a"})),
        ('\n {"path": "a"} \n', ToolCall("call_1", "read_file", {"path": "a"})),
        ('{"path": "a', ToolCall("call_1", "read_file", {}, '{"path": "a')),
        ("I read it.", ToolCall("call_1", "read_file", {}, "I read it.")),
        ('["a"]', ToolCall("call_1", "read_file", {}, '["a"]')),
        ("[" * 100_000, ToolCall("call_1", "read_file", {}, "[" * 100_000)),
    ],
    ids=["in a fence", "in blanks", "broken", "prose", "a list", "nested without end"],
)
async def test_what_a_server_makes_of_a_schema_is_a_call_or_a_malformed_one(text: str, expected: ToolCall) -> None:
    with FakeOllama([say(text)]) as server:
        assert await play(server, ALONE) == [[replace(CALLED, tool_calls=(expected,))]]


async def test_a_native_call_in_place_of_the_arguments_is_taken() -> None:
    with FakeOllama([say("", thinking="hm", calls=[call("read_file", {"path": "a"})])]) as server:
        assert await play(server, ALONE) == [[ReasoningDelta("hm"), replace(CALLED, reasoning="hm")]]


async def test_arguments_that_the_output_limit_cut_are_no_call() -> None:
    with FakeOllama([say('{"path": "a"}', reason="length")]) as server, pytest.raises(BadResponse, match="cut by"):
        await play(server, ALONE)


RAW = '{"input":"*** Begin Patch\n-  it\'s"}]'

GAVE_UP = [
    # gpt-oss: ollama#12884, #17638
    (f"error parsing tool call: raw='{RAW}', err=invalid character ']' after top-level value", RAW, ""),
    (f"error parsing tool call: raw='{RAW}', err=", RAW, ""),
    # qwen3, qwen3.5, qwen3-vl: ollama#14492, #14570, #17647
    ("failed to parse JSON: unexpected end of JSON input", None, ""),
    ("invalid character ']' after object key:value pair", None, ""),
    # qwen3-coder: ollama#14834, #12380, #12357, #16810, #18563, continuedev/continue#10896
    ("XML syntax error on line 115: unexpected EOF", None, ""),
    ("XML syntax error on line 127: element <parameter> closed by </function>", None, ""),
    ("expected element type <function> but have <parameter>", None, ""),
    # glm: continuedev/continue#10896
    ("failed to parse XML: XML syntax error on line 1: element <tool_call> closed by </arg_value>", None, ""),
    ("mismatched arg_key and arg_value counts: 2 keys, 1 values", None, ""),
    ('tool "fly" is not declared', None, "fly"),
    # others of model/parsers and llm/llama_server.go, and llama.cpp's own (ggml-org/llama.cpp#24644, #27025)
    ("tool 'fly' not found", None, "fly"),
    ("empty function name", None, ""),
    ("failed to parse Laguna JSON tool call arguments: unexpected end of JSON input", None, ""),
    (
        'llama-server returned invalid tool call arguments for "write_file": unexpected end of JSON input',
        None,
        "write_file",
    ),
    ("Failed to parse input at pos 1360: <tool_call>\n<function=write>", None, ""),
    ("The model produced output that does not match the expected peg-native format", None, ""),
    # words of other errors inside the call: it is the call that is broken
    ("error parsing tool call: raw='{\"content\": \"context length exceeded', err=x", '{"content": "context length exceeded', ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "raw", "tool"), GAVE_UP)
@pytest.mark.parametrize("streamed", [False, True], ids=["as a status", "in the stream"])
async def test_a_parser_that_gives_up_is_a_malformed_call(
    text: str, raw: str | None, tool: str, *, streamed: bool
) -> None:
    broken = Answer([line("I wri"), json.dumps({"error": text}).encode() + b"\n"]) if streamed else refuse(500, text)
    with FakeOllama([broken]) as server, pytest.raises(MalformedCall) as caught:
        await play(server, ASK)
    assert (caught.value.raw, caught.value.tool) == (text if raw is None else raw, tool)
    assert text[:100] in str(caught.value)
    assert caught.value.remedy
    assert len(server.chats) == 1


@pytest.mark.parametrize(
    "text",
    [
        "llama runner process has terminated: exit status 2",
        "model runner has unexpectedly stopped, this may be due to resource limitations",
        "an error was encountered while running the model: unexpected EOF",
        "timed out waiting for llama runner to start",
    ],
)
async def test_other_failures_of_the_server_are_none(text: str) -> None:
    with FakeOllama([refuse(500, text)], repeat=True) as server, pytest.raises(ProviderError) as caught:
        await play(server, ASK)
    assert not isinstance(caught.value, MalformedCall)
    assert len(server.chats) == 3


async def test_a_model_that_is_known_to_have_no_tools_is_not_asked_in_vain() -> None:
    with FakeOllama([say("ok")], show=showing(["completion"])) as server:
        with pytest.raises(ToolsUnsupported) as caught:
            await play(server, ASK)
        assert server.chats == []
        assert "ollama.com/search?c=tools" in caught.value.remedy
        (chunks,) = await play(server, replace(ASK, tools=()))
    assert isinstance(chunks[-1], AssistantMessage)


@pytest.mark.parametrize("capabilities", [None, []], ids=["not listed", "an empty list"])
async def test_a_server_that_lists_no_capabilities_is_asked_and_says_so_itself(capabilities: list[str] | None) -> None:
    refused = refuse(400, "registry.ollama.ai/library/gemma3:4b does not support tools")
    with FakeOllama([refused], show=showing(capabilities)) as server, pytest.raises(ToolsUnsupported):
        await play(server, ASK)
    assert len(server.chats) == 1


async def test_a_reply_of_nothing_but_a_call_in_its_thinking_is_asked_again_without_thinking() -> None:
    thought = '<tool_call>{"name": "read_file", "arguments": {"path": "a"}}</tool_call>'
    with FakeOllama([Answer([line(thinking=thought), done()]), say("Hello.")]) as server:
        (chunks,) = await play(server, ASK)
    assert [request.json.get("think") for request in server.chats] == [None, False]
    message = chunks[-1]
    assert isinstance(message, AssistantMessage)
    assert (message.text, message.tool_calls) == ("Hello.", ())
