"""Requests in OpenAI's terms: what strict servers take, and the same front each time."""

import re

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from py_mono.llm.clouds.models import Model
from py_mono.llm.clouds.wire import encode, valid_id
from py_mono.protocol.messages import AssistantMessage, ToolMessage, UserMessage
from py_mono.protocol.ports import ModelRequest
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec

GROQ = Model("groq/m", "groq", "k", ("GROQ_API_KEY",))
CLAUDE = Model("anthropic/m", "anthropic", "k", ("ANTHROPIC_API_KEY",))
GEMINI = Model("gemini/m", "gemini", "k", ("GEMINI_API_KEY",))
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}
TOOL = ToolSpec("read_file", "reads", SCHEMA)
CALL = ToolCall("c1", "read_file", {"path": "ä"})
MARK = {"cache_control": {"type": "ephemeral"}}


def result(call: ToolCall, content: str = "text") -> ToolMessage:
    return ToolMessage(ToolResult(call.id, call.name, content))


def test_a_conversation_with_tools() -> None:
    messages = (UserMessage("go"), AssistantMessage("I look.", "hm", (CALL,)), result(CALL))
    assert encode(ModelRequest("be brief", messages, (TOOL,), max_output_tokens=9), GROQ) == {
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "go"},
            {
                "role": "assistant",
                "content": "I look.",
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "read_file", "arguments": '{"path":"ä"}'}}
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "text"},
        ],
        "stream_options": {"include_usage": True},
        "tools": [
            {"type": "function", "function": {"name": "read_file", "description": "reads", "parameters": SCHEMA}}
        ],
        "max_tokens": 9,
    }


def test_what_strict_servers_refuse_is_put_into_a_form_they_take() -> None:
    bad = ToolCall("a b/" + "ü" * 90, "fly to the moon!" * 9, {}, '{"half')
    nameless = ToolCall("", "", {})
    messages = (
        UserMessage(""),
        AssistantMessage(tool_calls=(bad, nameless)),
        result(bad, ""),
        result(nameless),
        AssistantMessage(reasoning="only thought"),
    )
    user, reply, first, second, thought = encode(ModelRequest("s", messages, (TOOL,)), GROQ)["messages"][1:]
    assert user["content"]
    assert reply["content"] is None
    assert thought == {"role": "assistant", "content": "(no text)"}
    ids = [call["id"] for call in reply["tool_calls"]]
    assert ids == [first["tool_call_id"], second["tool_call_id"]]
    assert len(set(ids)) == 2
    assert all(re.fullmatch("[a-zA-Z0-9_-]{1,40}", id_) for id_ in ids)
    functions = [call["function"] for call in reply["tool_calls"]]
    assert all(re.fullmatch("[a-zA-Z0-9_-]{1,64}", function["name"]) for function in functions)
    assert [function["arguments"] for function in functions] == ["{}", "{}"]
    assert first["content"]


@given(st.text(), st.text())
def test_ids_are_valid_and_stay_apart(one: str, other: str) -> None:
    assert re.fullmatch("[a-zA-Z0-9_-]{1,40}", valid_id(one))
    assert (valid_id(one) == valid_id(other)) == (one == other)


def test_a_longer_conversation_begins_with_the_same_messages() -> None:
    short = (UserMessage("go"), AssistantMessage(tool_calls=(CALL,)), result(CALL))
    long = (*short, AssistantMessage("Done."), UserMessage("more"))
    before, after = (encode(ModelRequest("s", messages, (TOOL,)), GROQ) for messages in (short, long))
    assert after["messages"][: len(before["messages"])] == before["messages"]
    assert before | {"messages": []} == after | {"messages": []}


def test_claude_is_told_what_to_cache() -> None:
    messages = (UserMessage("go"), AssistantMessage(tool_calls=(CALL,)), result(CALL))
    first = encode(ModelRequest("s", messages[:1], (TOOL,)), CLAUDE)["messages"]
    assert first == [
        {"role": "system", "content": [{"type": "text", "text": "s", **MARK}]},
        {"role": "user", "content": [{"type": "text", "text": "go", **MARK}]},
    ]
    second = encode(ModelRequest("s", messages, (TOOL,)), CLAUDE)["messages"]
    assert second[1] == {"role": "user", "content": "go"}
    assert second[3] == {"role": "tool", "tool_call_id": "c1", "content": "text", **MARK}
    far = Model("openrouter/anthropic/claude-3.5-sonnet", "openrouter", "k", ("OPENROUTER_API_KEY",))
    assert encode(ModelRequest("s", messages, (TOOL,)), far)["messages"] == second
    assert "cache_control" not in str(encode(ModelRequest("s", messages, (TOOL,)), GROQ))


def test_signatures_go_back_to_the_model_that_made_them_alone() -> None:
    blocks = [{"type": "thinking", "thinking": "hm", "signature": "sig"}]
    thought = AssistantMessage(
        tool_calls=(CALL,), model="anthropic/m", provider_data={"thinking_blocks": blocks, "thought_signatures": {}}
    )
    signed = AssistantMessage(tool_calls=(CALL,), model="gemini/m", provider_data={"thought_signatures": {"c1": "sig"}})
    request = ModelRequest("s", (thought, result(CALL), signed, result(CALL)), (TOOL,))
    _, to_claude, _, foreign, _ = encode(request, CLAUDE)["messages"]
    assert to_claude["thinking_blocks"] == blocks
    assert "provider_specific_fields" not in str(foreign)
    _, foreign, _, to_gemini, _ = encode(request, GEMINI)["messages"]
    assert "thinking_blocks" not in foreign
    assert to_gemini["tool_calls"][0]["provider_specific_fields"] == {"thought_signature": "sig"}


def test_thinking_goes_back_only_to_who_wants_its_own() -> None:
    deepseek = Model("deepseek/m", "deepseek", "k", ("DEEPSEEK_API_KEY",))
    own, foreign = (AssistantMessage("x", "hm", model=name) for name in ("deepseek/m", "groq/m"))
    request = ModelRequest("s", (own, foreign), ())
    assert [m.get("reasoning_content") for m in encode(request, deepseek)["messages"]] == [None, "hm", None]
    assert "hm" not in str(encode(request, GROQ))


def test_one_tool_can_be_forced() -> None:
    asked = ModelRequest("s", (UserMessage("go"),), (TOOL,), only_tool="read_file")
    assert encode(asked, GROQ)["tool_choice"] == {"type": "function", "function": {"name": "read_file"}}
    other = ToolSpec("shell", "runs", {"type": "object", "properties": {}})
    two = replace(asked, tools=(TOOL, other))
    assert [tool["function"]["name"] for tool in encode(two, GROQ)["tools"]] == ["read_file", "shell"]
    held = encode(two, GROQ, by_name=False)
    assert (held["tool_choice"], [tool["function"]["name"] for tool in held["tools"]]) == ("required", ["read_file"])
    free = encode(replace(two, only_tool=""), GROQ, by_name=False)
    assert ("tool_choice" in free, len(free["tools"])) == (False, 2)
    assert "tool_choice" not in encode(asked, Model("ollama_chat/m", "ollama_chat"))
