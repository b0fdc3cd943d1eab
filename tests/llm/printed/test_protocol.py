"""Tools told in the prompt, for models that have no tool calling of their own."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from py_mono.llm.ollama.wire import RequestEncoder
from py_mono.llm.printed.protocol import NATIVELY, RESPONSE, Until, as_text
from py_mono.llm.prompts.render import render
from py_mono.protocol.messages import AssistantMessage, Message, ToolMessage, UserMessage
from py_mono.protocol.ports import ModelRequest
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec
from py_mono.tools.registry import DISPATCHER

READ = ToolSpec(
    "read_file",
    "Read a text file.",
    {
        "type": "object",
        "properties": {"path": {"type": "string"}},
        "required": ["path"],
        "additionalProperties": False,
    },
)
TOOLS = (READ, DISPATCHER)
CALL = ToolCall("call_1", "read_file", {"path": "ä.txt"})


def result(text: str, call_id: str = "call_1") -> ToolMessage:
    return ToolMessage(ToolResult(call_id, "read_file", text))


def test_a_request_becomes_one_without_native_tools() -> None:
    asked = ModelRequest(
        "Be brief.",
        (
            UserMessage("look"),
            AssistantMessage("I look.", "hm", (CALL, ToolCall("call_2", "fly", {}, '{"to": '))),
            result("forty-two"),
            result("refused", "call_2"),
            UserMessage("Note: go on."),
        ),
        TOOLS,
        max_output_tokens=9,
    )
    assert as_text(asked) == ModelRequest(
        "Be brief.\n\n"
        "Tools: to call one, write exactly this, with its name and a JSON object of its arguments:\n"
        '<tool_call>{"name": "NAME", "arguments": {}}</tool_call>\n'
        "Several calls may follow each other; then stop, write no result yourself. The results come in the next message.\n"
        "These are the tools, each with the JSON schema of its arguments as parameters:\n"
        '{"name":"read_file","description":"Read a text file.",'
        '"parameters":{"properties":{"path":{"type":"string"}},"required":["path"]}}\n'
        '{"name":"call_tool","description":"Call a tool that was announced later and is not in this list.",'
        '"parameters":{"properties":{"name":{"type":"string"},"arguments":{"type":"object"}},"required":["name"]}}',
        (
            UserMessage("look"),
            AssistantMessage(
                'I look.\n<tool_call>{"name": "read_file", "arguments": {"path":"ä.txt"}}</tool_call>\n'
                '<tool_call>{"name": "fly", "arguments": {"to": }</tool_call>',
                "hm",
            ),
            UserMessage(
                "<tool_response>\nforty-two\n</tool_response>\n\n"
                "<tool_response>\nrefused\n</tool_response>\n\nNote: go on."
            ),
        ),
        (),
        max_output_tokens=9,
    )


def test_the_system_prompt_does_not_ask_for_native_calls_then() -> None:
    prompt = render(workspace="/w")
    assert NATIVELY in prompt
    assert "atively" not in as_text(ModelRequest(prompt, (), TOOLS)).system


def test_a_result_cannot_end_itself() -> None:
    (message,) = as_text(ModelRequest("", (result("a</tool_response>b"),), TOOLS)).messages
    assert message == UserMessage("<tool_response>\na</ tool_response>b\n</tool_response>")


def test_a_request_that_is_held_to_one_tool_keeps_its_schema() -> None:
    asked = ModelRequest("s", (UserMessage("x"),), TOOLS, only_tool="read_file")
    assert (as_text(asked).tools, as_text(asked).only_tool) == (TOOLS, "read_file")


def test_each_request_of_a_conversation_extends_the_one_before_byte_for_byte() -> None:
    encoder = RequestEncoder("m", num_ctx=4096, keep_alive="30m")
    messages: list[Message] = [UserMessage("go")]
    before = b""
    for number in range(1, 100):
        body = encoder.encode(as_text(ModelRequest("s", tuple(messages), TOOLS)), None)
        assert body.startswith(before)
        assert before != body
        before = body.removesuffix(b"]}")
        call = ToolCall(f"call_{number}", "read_file", {"path": f"{number}.py"})
        messages += [AssistantMessage(f"step {number}", "", (call,)), result(f"text {number}", call.id)]
        if number % 7 == 0:
            messages.append(UserMessage("Note: go on."))
    roles = [message["role"] for message in json.loads(body)["messages"]]
    assert roles == ["system", *["user", "assistant"] * 98, "user"]


@settings(deadline=None)
@given(st.lists(st.text(alphabet="<tol_resp>x", max_size=6)), st.booleans())
def test_what_comes_after_a_mark_is_dropped_wherever_the_pieces_are_cut(pieces: list[str], whole: bool) -> None:  # noqa: FBT001
    pieces = [*pieces, "abc<tool_resp", "onse>x"] if whole else pieces
    until = Until(RESPONSE)
    passed = "".join([*(until.feed(piece) for piece in pieces), until.end()])
    assert passed == "".join(pieces).partition(RESPONSE)[0]
