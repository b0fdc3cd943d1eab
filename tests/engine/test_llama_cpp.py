"""The provider ``litellm`` and the whole program against a real llama.cpp: tokenizer, template, grammar, HTTP and SSE."""

import asyncio
import json
import urllib.request
from collections.abc import Callable
from contextlib import aclosing

import pytest
from msgspec.structs import replace

from py_mono.llm.clouds.provider import LiteLLMProvider
from py_mono.protocol.errors import ContextTooLong
from py_mono.protocol.events import ContextChecked, TextDelta
from py_mono.protocol.messages import AssistantMessage, ToolMessage, Usage, UserMessage
from py_mono.protocol.ports import ModelChunk, ModelRequest
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec
from tests.engine.conftest import WINDOW
from tests.journeys.program import Program

Make = Callable[[str], LiteLLMProvider]

_PATH = {
    "type": "object",
    "properties": {"path": {"type": "string"}},
    "required": ["path"],
    "additionalProperties": False,
}
READ, WRITE = ToolSpec("read_file", "Read a file.", _PATH), ToolSpec("write_file", "Write a file.", _PATH)
ASK = ModelRequest("be brief", (UserMessage("Which files are here?"),), ())
TOOLS = replace(ASK, tools=(READ, WRITE))


async def play(provider: LiteLLMProvider, asked: ModelRequest = ASK) -> list[ModelChunk]:
    async with aclosing(provider.stream(asked)) as chunks:
        return [chunk async for chunk in chunks]


def post(url: str, path: str, body: object) -> dict[str, object]:
    request = urllib.request.Request(
        f"{url.removesuffix('/v1')}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, object] = json.load(answer)
    return found


def tokens_of(url: str, asked: ModelRequest) -> int:
    """What the server's own template and tokenizer make of a request without tools."""
    messages = [{"role": "system", "content": asked.system}]
    messages += [{"role": "user", "content": one.text} for one in asked.messages if isinstance(one, UserMessage)]
    prompt = post(url, "/apply-template", {"messages": messages})["prompt"]
    tokens = post(url, "/tokenize", {"content": prompt, "parse_special": True})["tokens"]
    assert isinstance(tokens, list)
    return len(tokens)


async def test_text_comes_in_pieces_with_the_counts_of_a_real_tokenizer(provider_at: Make, tiny: str) -> None:
    *chunks, message = await play(provider_at(tiny))
    counted = tokens_of(tiny, ASK)
    texts = [chunk.text for chunk in chunks if isinstance(chunk, TextDelta)]
    assert ("".join(texts), len(texts) > 1) == ("Done.", True)
    assert isinstance(message, AssistantMessage)
    assert replace(message, usage=replace(message.usage, cached_tokens=0)) == AssistantMessage(
        "Done.", "", (), "openai/tiny", Usage(counted, 6), "end"
    )


async def test_the_window_is_that_of_one_conversation_and_each_prompt_was_seen_whole(
    provider_at: Make, tiny: str
) -> None:
    provider = provider_at(tiny)
    await provider.prepare()
    assert provider.window == WINDOW  # the server's whole context is twice that
    longer = replace(ASK, messages=(*ASK.messages, AssistantMessage("Done."), UserMessage("thanks, " * 200)))
    for asked in (ASK, ASK, longer):  # the second one is in the server's cache, and counted all the same
        checked = [chunk for chunk in await play(provider, asked) if isinstance(chunk, ContextChecked)]
        if asked is ASK:
            counted = tokens_of(tiny, ASK)
            assert [replace(one, sent_tokens=0) for one in checked] == [ContextChecked("seen", 0, counted, WINDOW)]
        else:
            assert [(one.verdict, one.counted_tokens > counted + 1_000) for one in checked] == [("seen", True)]


async def test_an_output_limit_cuts_the_reply_and_says_so(provider_at: Make, endless: str) -> None:
    message = (await play(provider_at(endless), replace(ASK, max_output_tokens=9)))[-1]
    assert isinstance(message, AssistantMessage)
    assert (message.stop_reason, message.usage.output_tokens, message.text) == ("length", 9, "Done.\nDon")


async def test_a_tool_is_called_and_its_result_answered(provider_at: Make, tiny: str) -> None:
    provider = provider_at(tiny)
    message = (await play(provider, TOOLS))[-1]
    assert isinstance(message, AssistantMessage)
    (call,) = message.tool_calls
    assert (message.stop_reason, call) == ("tool_use", ToolCall(call.id, "read_file", {"path": "f.py"}))
    result = ToolMessage(ToolResult(call.id, "read_file", "nothing in it"))
    answer = (await play(provider, replace(TOOLS, messages=(*TOOLS.messages, message, result))))[-1]
    assert isinstance(answer, AssistantMessage)
    assert (answer.text, answer.tool_calls, answer.stop_reason) == ("Done.", (), "end")


async def test_a_reply_that_is_held_to_one_tool_is_a_call_of_that_one(provider_at: Make, tiny: str) -> None:
    """The server takes a tool's name for no choice at all, and its model would call the first tool."""
    message = (await play(provider_at(tiny), replace(TOOLS, only_tool="write_file")))[-1]
    assert isinstance(message, AssistantMessage)
    (call,) = message.tool_calls
    assert call == ToolCall(call.id, "write_file", {"path": "f.py"})


async def test_a_schema_rules_what_the_model_can_write(provider_at: Make, tiny: str) -> None:
    schema = {
        "type": "object",
        "properties": {"kind": {"enum": ["plan", "code"]}, "deep": {"type": "boolean"}},
        "required": ["kind", "deep"],
        "additionalProperties": False,
    }
    asked = replace(ASK, tools=(ToolSpec("look", "Look.", schema),), only_tool="look")
    message = (await play(provider_at(tiny), asked))[-1]
    assert isinstance(message, AssistantMessage)
    (arguments,) = (call.arguments for call in message.tool_calls)
    assert set(arguments) == {"kind", "deep"}
    assert arguments["kind"] in {"plan", "code"}
    assert isinstance(arguments["deep"], bool)


@pytest.mark.parametrize("words", [4_000, 40_000], ids=["refused by the server", "not even sent"])
async def test_a_prompt_that_does_not_fit_is_an_error_and_never_cut(provider_at: Make, small: str, words: int) -> None:
    provider = provider_at(small)
    with pytest.raises(ContextTooLong) as caught:
        await play(provider, replace(ASK, messages=(UserMessage("words " * words),)))
    assert ("was not sent" in str(caught.value)) == (words > 4_000)
    assert "/clear" in caught.value.remedy
    assert (await play(provider))[-1].text == "Done."  # type: ignore[union-attr]  # the last is the message


async def test_a_reply_that_is_left_in_the_middle_leaves_the_server_ready(provider_at: Make, endless: str) -> None:
    provider = provider_at(endless)
    for _ in range(2):
        begun = asyncio.Event()

        async def read(begun: asyncio.Event = begun) -> None:
            async with aclosing(provider.stream(ASK)) as chunks:
                async for chunk in chunks:
                    if isinstance(chunk, TextDelta):
                        begun.set()

        reading = asyncio.create_task(read())
        await asyncio.wait_for(begun.wait(), 30)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    message = (await play(provider, replace(ASK, max_output_tokens=6)))[-1]
    assert isinstance(message, AssistantMessage)
    assert message.text.startswith("Done.")


def test_the_program_runs_a_turn_with_tools_on_a_real_server(program: Program, tiny: str) -> None:
    program.write({"f.py": "answer = 42\n"})
    program.more = {"LLM_PROVIDER": "litellm", "LITELLM_MODEL": "openai/tiny", "OPENAI_BASE_URL": tiny}
    played = program.run("-p", "look into f.py", "--json")
    assert (played.status, played.stderr) == (0, "")
    found = {kind: [event for event in played.events if event["type"] == kind] for kind in (
        "message_finished", "tool_finished", "context_checked", "turn_finished"
    )}  # fmt: skip
    first, last = (event["message"] for event in found["message_finished"])
    assert [(call["name"], call["arguments"]) for call in first["tool_calls"]] == [("read_file", {"path": "f.py"})]
    assert "answer = 42" in found["tool_finished"][0]["result"]["content"]
    assert last["text"] == "Done."
    assert [(one["verdict"], one["window"]) for one in found["context_checked"]] == [("seen", WINDOW)] * 2
    one, two = (event["counted_tokens"] for event in found["context_checked"])
    assert 500 < one < two
    assert found["turn_finished"][0]["stop_reason"] == "end"


def test_a_small_window_of_a_real_server_gets_the_short_front(program: Program, small: str) -> None:
    program.write({"f.py": "answer = 42\n"})
    program.more = {"LLM_PROVIDER": "litellm", "LITELLM_MODEL": "openai/tiny", "OPENAI_BASE_URL": small}
    played = program.run("-p", "look into f.py", "--json")
    assert (played.status, played.stderr) == (0, "")
    frozen = next(event for event in played.events if event["type"] == "prompt_frozen")
    assert frozen["tools"] == ["read_file", "write_file", "edit_file", "shell", "call_tool"]
