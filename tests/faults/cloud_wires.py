"""The wires of the clouds, as LiteLLM reads them, to break: OpenAI's chat completions, Anthropic's messages, Gemini's stream."""

import json
from collections.abc import Callable
from typing import Any

from py_mono.llm.clouds.provider import LiteLLMProvider
from py_mono.protocol.messages import AssistantMessage
from tests.faults.wires import SAYING, THINKING, Wire, arguments, compact, good_message
from tests.llm.clouds.serving import provider_at

_SSE = "text/event-stream"
_PLACES = {
    "in reasoning": (b"Let me think", 5),
    "within a character of the reasoning": ("é 🙂 of".encode(), 1),
    "in text": (b" to ", 2),
    "within a character of the text": ("🙂 to".encode(), 2),
    "within an escape": (b'\\"quoted', 1),
    "between two escapes of one character": (b"\\ud83d\\ude43", 6),
    "in a call's name": (b'"write_file"', 6),
    "in a call's arguments": (b"one-", 3),
    "within a character of a call's arguments": ("ça va".encode(), 1),
}


def _data(value: object, *, ascii_only: bool = False) -> bytes:
    return b"data: " + compact(value, ascii_only=ascii_only) + b"\n\n"


def _texts(tag: str) -> list[tuple[str, str, bool]]:
    """What is said, piece by piece: its kind, the text, and whether it is written in ASCII."""
    said = [("reasoning", text.format(tag=tag), False) for text in THINKING]
    return [*said, *(("text", text.format(tag=tag), index == 2) for index, text in enumerate(SAYING))]


def _calls(tag: str) -> list[tuple[str, str, list[str]]]:
    """The calls: name of the file, id, and the arguments' JSON in two pieces."""
    found = []
    for name in ("one", "two"):
        text = json.dumps(arguments(tag, name), ensure_ascii=False)
        found.append((name, f"id-{name}-{tag}", [text[: len(text) // 2], text[len(text) // 2 :]]))
    return found


def _chunk(delta: dict[str, Any], finish: str | None = None, *, ascii_only: bool = False) -> bytes:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1767225600, "model": "fake"}
    return _data(head | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}, ascii_only=ascii_only)


def _openai(tag: str) -> bytes:
    body = [_chunk({"role": "assistant", "content": ""})]
    for kind, text, ascii_only in _texts(tag):
        body.append(_chunk({"content" if kind == "text" else "reasoning_content": text}, ascii_only=ascii_only))
    for index, (_, id_, parts) in enumerate(_calls(tag)):
        first = {"index": index, "id": id_, "type": "function", "function": {"name": "write_file", "arguments": ""}}
        body.append(_chunk({"tool_calls": [first]}))
        body += [_chunk({"tool_calls": [{"index": index, "function": {"arguments": part}}]}) for part in parts]
    body.append(_chunk({}, "tool_calls"))
    usage = {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150}
    body.append(_data({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [], "usage": usage}))
    return b"".join([*body, b"data: [DONE]\n\n"])


def _event(kind: str, *, ascii_only: bool = False, **members: Any) -> bytes:
    return f"event: {kind}\n".encode() + _data({"type": kind, **members}, ascii_only=ascii_only)


def _block(index: int, first: dict[str, Any], deltas: list[tuple[dict[str, Any], bool]]) -> bytes:
    body = [_event("content_block_start", index=index, content_block=first)]
    body += [_event("content_block_delta", index=index, delta=delta, ascii_only=plain) for delta, plain in deltas]
    return b"".join([*body, _event("content_block_stop", index=index)])


def _anthropic(tag: str) -> bytes:
    usage = {"input_tokens": 120, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "fake", "usage": usage}
    thoughts: list[tuple[dict[str, Any], bool]] = []
    texts: list[tuple[dict[str, Any], bool]] = []
    for kind, text, ascii_only in _texts(tag):
        if kind == "text":
            texts.append(({"type": "text_delta", "text": text}, ascii_only))
        else:
            thoughts.append(({"type": "thinking_delta", "thinking": text}, ascii_only))
    thoughts.append(({"type": "signature_delta", "signature": "c2lnbmVk"}, False))
    body = [_event("message_start", message=message)]
    body.append(_block(0, {"type": "thinking", "thinking": "", "signature": ""}, thoughts))
    body.append(_block(1, {"type": "text", "text": ""}, texts))
    for index, (_, id_, parts) in enumerate(_calls(tag), 2):
        first = {"type": "tool_use", "id": id_, "name": "write_file", "input": {}}
        body.append(
            _block(index, first, [({"type": "input_json_delta", "partial_json": part}, False) for part in parts])
        )
    body.append(_event("message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 30}))
    return b"".join([*body, _event("message_stop")])


def _piece(parts: list[dict[str, Any]], finish: str | None = None, *, ascii_only: bool = False) -> bytes:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    usage = {"promptTokenCount": 120, "candidatesTokenCount": 30, "totalTokenCount": 150}
    return _data({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "fake"}, ascii_only=ascii_only)


def _gemini(tag: str) -> bytes:
    body = []
    for kind, text, ascii_only in _texts(tag):
        body.append(
            _piece([{"text": text} | ({"thought": True} if kind == "reasoning" else {})], ascii_only=ascii_only)
        )
    for name, _, _ in _calls(tag):
        body.append(_piece([{"functionCall": {"name": "write_file", "args": arguments(tag, name)}}]))
    return b"".join([*body, _piece([{"text": ""}], "STOP")])


def _creator(model: str, path: str = "") -> Callable[..., LiteLLMProvider]:
    return lambda url, **limits: provider_at(model, url + path, **({"notice_s": 5.0, "show_s": 0.0} | limits))


def _message(model: str) -> Callable[[str], AssistantMessage]:
    return lambda tag: good_message(tag, model=model)


_GARBAGE = {
    "a list": b"[]",
    "a text": b'"hello"',
    "a number": b"7",
    "null": b"null",
    "nothing": b"",
}


def _wire(name: str, model: str, target: str, body: Callable[[str], bytes], last: bytes, **members: Any) -> Wire:
    return Wire(
        name=name,
        target=target,
        content_type=_SSE,
        body=body,
        end_of_message=b"\n\n",
        wrapped=lambda line: b"data: " + line + b"\n\n",
        last=last,
        message=_message(model),
        create=_creator(model, "/v1" if model.startswith("openai") else ""),
        **members,
    )


OPENAI = _wire(
    "openai",
    "openai/fake",
    "/chat/completions",
    _openai,
    b"data: [DONE]",
    ended=_chunk({}, "tool_calls"),
    places=_PLACES | {
        "in the name of a field": (b"data: " + compact({"id": "chatcmpl-1"})[:-1], 3),
        "between two calls": (_chunk({"tool_calls": [{"index": 1}]}).partition(b"1}")[0] + b"1", 0),
        "before the reason to end": (_chunk({}, "tool_calls"), 0),
        "after the reason to end": (_chunk({}, "tool_calls"), len(_chunk({}, "tool_calls"))),
    },
    error=b'{"error":{"message":"the server had an error","type":"server_error","code":500}}',
    text=compact(json.loads(_chunk({"content": "TEXT"})[6:])),
    nothing=compact(json.loads(_chunk({"content": ""})[6:])),
    wrong=_GARBAGE | {
        "a list for the delta": compact({"choices": [{"index": 0, "delta": []}]}),
        "an object for the choices": compact({"choices": {}}),
        "null for the choices": compact({"choices": None}),
        "a number for the text": compact({"choices": [{"index": 0, "delta": {"content": 7}}]}),
        "an object for the calls": compact({"choices": [{"index": 0, "delta": {"tool_calls": {}}}]}),
        "null for a call": compact({"choices": [{"index": 0, "delta": {"tool_calls": [None]}}]}),
        "null for the function": compact({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": None}]}}]}),
        "a text for the index": compact({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": "x", "function": {"arguments": "}"}}]}}]}),
    },
)  # fmt: skip

ANTHROPIC = _wire(
    "anthropic",
    "anthropic/fake",
    "/v1/messages",
    _anthropic,
    b"event: message_stop",
    ended=b"event: message_delta",
    places=_PLACES | {
        "in the name of a field": (b"event: content_block_start", 3),
        "between the event's name and its data": (b"data: " + b'{"type":"content_block_delta"', 0),
        "between two calls": (_event("content_block_start", index=3)[:-2].removesuffix(b"}"), 0),
        "before the reason to end": (b"event: message_delta", 0),
    },
    error=b'{"type":"error","error":{"type":"api_error","message":"Internal server error"}}',
    text=compact({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "TEXT"}}),
    nothing=compact({"type": "ping"}),
    wrong=_GARBAGE | {
        "a number for the text": compact({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": 7}}),
        "a list for the delta": compact({"type": "content_block_delta", "index": 1, "delta": []}),
        "null for the delta": compact({"type": "content_block_delta", "index": 1, "delta": None}),
        "no delta": compact({"type": "content_block_delta", "index": 1}),
        "null for the block": compact({"type": "content_block_start", "index": 1, "content_block": None}),
    },
)  # fmt: skip

GEMINI = _wire(
    "gemini",
    "gemini/fake",
    ":streamGenerateContent?alt=sse",
    _gemini,
    _piece([{"text": ""}], "STOP")[:60],
    ended=_piece([{"text": ""}], "STOP")[:60],
    places=_PLACES | {
        "in the name of a field": (b"data: ", 3),
        "between two calls": (_piece([{"functionCall": {"name": "write_file", "args": {"path": "two-"}}}]).partition(b'"two')[0], 0),
    },
    error=b'{"error":{"code":500,"message":"An internal error has occurred","status":"INTERNAL"}}',
    text=compact({"candidates": [{"content": {"parts": [{"text": "TEXT"}], "role": "model"}}]}),
    nothing=compact({"candidates": [{"content": {"parts": [{"text": ""}], "role": "model"}}]}),
    wrong=_GARBAGE | {
        "an object for the candidates": compact({"candidates": {}}),
        "null for the candidates": compact({"candidates": None}),
        "null for the content": compact({"candidates": [{"content": None}]}),
        "a text for the parts": compact({"candidates": [{"content": {"parts": "x"}}]}),
        "null for a part": compact({"candidates": [{"content": {"parts": [None]}}]}),
        "a number for the text": compact({"candidates": [{"content": {"parts": [{"text": 7}]}}]}),
        "a text for the call": compact({"candidates": [{"content": {"parts": [{"functionCall": "x"}]}}]}),
    },
)  # fmt: skip
