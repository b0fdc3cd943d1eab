import os
import re
from pathlib import Path

import pytest

from py_mono.llm.registry import create
from py_mono.llm.scripted.provider import ScriptedProvider
from py_mono.llm.settings import ProviderSettings
from py_mono.protocol.attempts import AttemptFailed
from py_mono.protocol.errors import AccessDenied, BadResponse, ConfigError, ProviderError, RateLimited
from py_mono.protocol.events import ModelRetried, ModelWaiting, ReasoningDelta, TextDelta
from py_mono.protocol.messages import AssistantMessage, Message, ToolMessage, Usage, UserMessage
from py_mono.protocol.ports import ModelChunk, ModelRequest
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec

DOCS = Path(__file__).parents[3] / "docs" / "scripted-provider.md"
TOOLS = (ToolSpec("read_file", "Reads.", {"type": "object"}),)


def request(*messages: Message, system: str = "be brief", tools: tuple[ToolSpec, ...] = TOOLS) -> ModelRequest:
    return ModelRequest(system, messages or (UserMessage("hello"),), tools)


async def play(provider: ScriptedProvider, asked: ModelRequest) -> list[ModelChunk]:
    return [chunk async for chunk in provider.stream(asked)]


async def answer(script: str, *asked: ModelRequest) -> AssistantMessage:
    provider = ScriptedProvider(script)
    chunks: list[ModelChunk] = []
    for one in asked or (request(),):
        chunks = await play(provider, one)
    assert isinstance(chunks[-1], AssistantMessage)
    return chunks[-1]


async def test_a_reply_has_text_reasoning_calls_and_usage() -> None:
    script = 'reasoning: Hm.\ntext: I look.\ncall: read_file {"path": "a"}\ncall: list_files\nusage: 120 30 7'
    assert await answer(script) == AssistantMessage(
        text="I look.",
        reasoning="Hm.",
        tool_calls=(ToolCall("call_1", "read_file", {"path": "a"}), ToolCall("call_2", "list_files", {})),
        model="script",
        usage=Usage(120, 30, 7, 0.0),
        stop_reason="tool_use",
    )


async def test_bars_keep_blanks_separators_and_comments_inside_a_value() -> None:
    script = "call: write_file\nargument content:\n|   a\n|\n| ---\n| # b\n|\ttab\n|"
    message = await answer(script)
    assert message.tool_calls[0].arguments == {"content": "  a\n\n---\n# b\n\ttab\n"}


async def test_a_first_line_and_bars_make_one_value() -> None:
    assert (await answer("text: one\n| two")).text == "one\ntwo"


async def test_text_comes_in_several_pieces_that_join_to_the_message() -> None:
    chunks = await play(ScriptedProvider("reasoning: thinking\ntext: " + "long words " * 20), request())
    message = chunks[-1]
    assert isinstance(message, AssistantMessage)
    deltas = [chunk.text for chunk in chunks if isinstance(chunk, TextDelta)]
    assert len(deltas) > 5
    assert "".join(deltas) == message.text
    assert "".join(chunk.text for chunk in chunks if isinstance(chunk, ReasoningDelta)) == message.reasoning


async def test_a_cut_voids_what_came_before_it() -> None:
    chunks = await play(ScriptedProvider("text: lost\ncall: lost\ncut: reset\ntext: kept\nloading: 0"), request())
    assert chunks == [
        TextDelta("lost"),
        AttemptFailed("scripted", "script", 1, "provider_unavailable", "reset", Usage(cost_usd=0.0)),
        ModelRetried(1, 0.0, "reset"),
        TextDelta("kept"),
        ModelWaiting("loading"),
        AssistantMessage(text="kept", model="script", usage=Usage(cost_usd=0.0)),
    ]


async def test_a_fault_took_what_its_reply_says() -> None:
    chunks = ScriptedProvider("fault: access_denied no\nusage: 5 6 0 0.5").stream(request())
    assert await anext(chunks) == AttemptFailed("scripted", "script", 1, "access_denied", "no", Usage(5, 6, 0, 0.5))
    with pytest.raises(AccessDenied):
        await anext(chunks)


async def test_a_fault_raises_its_kind_with_message_and_remedy() -> None:
    provider = ScriptedProvider("fault: rate_limited too many\nremedy: wait a little\n---\ntext: fine")
    with pytest.raises(RateLimited, match="too many") as caught:
        await play(provider, request())
    assert caught.value.remedy == "wait a little"
    assert (await play(provider, request()))[-1] == AssistantMessage("fine", model="script", usage=Usage(cost_usd=0.0))
    with pytest.raises(BadResponse):
        await answer("fault: bad_response")


async def test_call_ids_go_on_from_the_conversation() -> None:
    earlier = AssistantMessage(tool_calls=(ToolCall("call_1", "a", {}), ToolCall("call_2", "b", {})))
    message = await answer("call: c\ncall: d", request(UserMessage("x"), earlier))
    assert [call.id for call in message.tool_calls] == ["call_3", "call_4"]


async def test_a_block_can_answer_several_requests() -> None:
    provider = ScriptedProvider("repeat: 2\ntext: again\n---\ntext: end")
    texts = [(await play(provider, request()))[-1] for _ in range(3)]
    assert [message.text for message in texts if isinstance(message, AssistantMessage)] == ["again", "again", "end"]


async def test_a_request_after_the_last_reply_is_an_error_that_says_so() -> None:
    with pytest.raises(ProviderError, match="no reply for request 2; the last message was: hello"):
        await answer("text: only", request(), request())


RESULT = ToolMessage(ToolResult("call_1", "read_file", "return a - b"))


@pytest.mark.parametrize(
    "line",
    [
        "expect-result: return a",
        "expect-no-result: Traceback",
        "expect-user: hel",
        "expect-no-user: return",
        "expect-system: brief",
        "expect-tools: read_file",
        "expect-no-tools: write_file",
        'expect-messages: read_file {"path": "a"}',
    ],
)
async def test_an_expectation_that_holds_lets_the_reply_through(line: str) -> None:
    asked = request(
        UserMessage("hello"), AssistantMessage(tool_calls=(ToolCall("call_1", "read_file", {"path": "a"}),)), RESULT
    )
    assert (await answer(f"{line}\ntext: ok", asked)).text == "ok"


async def test_an_expectation_that_fails_names_its_line_and_what_is_there() -> None:
    with pytest.raises(ProviderError, match=r"script line 3: result must hold 'a \+ b'; it is: 'return a - b'"):
        await answer("# comment\ntext: ok\nexpect-result: a + b", request(UserMessage("x"), RESULT))
    with pytest.raises(ProviderError, match="system must not hold 'brief'"):
        await answer("expect-no-system: brief")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("", "holds no reply"),
        ("# nothing\n---\n", "holds no reply"),
        ("text: a\nnonsense", "line 2: 'nonsense' is not a line of the form key: value"),
        ("| lost", "line 1: .* continues a directive, and none stands before it"),
        ("texxt: a", "line 1: there is no directive 'texxt'; there are text"),
        ("text: a\n---\ncall: f {", "line 3: the arguments of f are not JSON"),
        ("call: f [1]", "must be a JSON object"),
        ("call:", "a call needs a tool"),
        ("argument x: y", "belongs to the call right before it"),
        ("call: f\nargument: y", "needs its name"),
        ('call: f {"x": 1}\nargument x: y', "already has an argument 'x'"),
        ("malformed: f", "needs a tool and the broken text"),
        ("wait: soon", "'soon' is not a number of seconds"),
        ("wait: nan", "'nan' is not a number of seconds"),
        ("wait: -1", "from 0 to 3600"),
        ("fault: lightning", "there is no fault 'lightning'; there are provider, unavailable"),
        ("remedy: x", "belongs to the fault right before it"),
        ("usage: 1", "write usage: INPUT OUTPUT"),
        ("usage: 1 2 3 4 5", "write usage: INPUT OUTPUT"),
        ("usage: -1 2", "write usage: INPUT OUTPUT"),
        ("stop: maybe", "there are end, tool_use, length"),
        ("repeat: 0", "not a count"),
        ("expect-moon: x", "looks nowhere"),
        ("expect-result:", "needs the text to look for"),
        ("text b: x", "takes no name"),
    ],
)
def test_a_wrong_line_is_named_with_what_would_be_right(script: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ScriptedProvider(script)


async def test_windows_line_ends_and_a_byte_order_mark_are_taken() -> None:
    assert (await answer("\ufefftext: a\r\n| b\r\n")).text == "a\nb"


async def test_a_malformed_call_carries_its_raw_text() -> None:
    message = await answer('malformed: write_file {"path": "a')
    assert message.tool_calls == (ToolCall("call_1", "write_file", {}, '{"path": "a'),)


async def test_the_example_of_the_documentation_plays() -> None:
    found = re.search(r"```text\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    first = request(UserMessage("please fix the test"))
    message = await answer(found[1], first)
    second = request(*first.messages, message, RESULT)
    edit = await answer(found[1], first, second)
    assert edit.tool_calls == (
        ToolCall(
            "call_2",
            "edit_file",
            {
                "path": "calc.py",
                "old_content": "return a - b",
                "new_content": "# the sum, not the difference\n    return a + b",
            },
        ),
    )
    assert (await answer(found[1], first, second, second)).text == "Done: `add` now adds."


async def test_the_registry_plays_a_script_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "s.txt"
    path.write_text("text: hi", encoding="utf-8")
    provider = create(ProviderSettings(provider="scripted", model="m", script=str(path)))
    chunks = [chunk async for chunk in provider.stream(request())]
    assert (provider.name, provider.model, provider.window) == ("scripted", "m", 0)
    assert chunks[-1] == AssistantMessage("hi", model="m", usage=Usage(cost_usd=0.0))


def test_a_script_that_cannot_be_read_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no script"):
        create(ProviderSettings(provider="scripted"))
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        create(ProviderSettings(provider="scripted", script=str(tmp_path / "none")))
    with pytest.raises(ConfigError, match="is not a regular file"):
        create(ProviderSettings(provider="scripted", script=str(tmp_path)))
    (tmp_path / "b").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        create(ProviderSettings(provider="scripted", script=str(tmp_path / "b")))


def test_an_unknown_provider_is_named_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"no provider 'nope': .* are ollama, litellm, groq, .*, scripted, replay"):
        create(ProviderSettings(provider="nope"))


def test_a_script_that_is_a_fifo_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "script")
    with pytest.raises(ConfigError, match="not a regular file"):
        create(ProviderSettings(provider="scripted", script=str(tmp_path / "script")))
