"""Ollama's native chat, as a wire to break."""

import json
from typing import Any

from py_mono.llm.ollama.provider import OllamaProvider
from py_mono.llm.settings import OllamaSettings, ProviderSettings
from tests.faults.wires import SAYING, THINKING, Wire, arguments, compact, good_message
from tests.servers.faults import End, Plan

_HEAD = {"model": "fake", "created_at": "2026-01-01T00:00:00Z"}
_START = compact(_HEAD)[:-1] + b',"message":{"role":"assistant","content":""'


def _line(message: dict[str, Any], *, ascii_only: bool = False, done: bool = False, **members: Any) -> bytes:
    line = _HEAD | {"message": {"role": "assistant", "content": "", **message}, "done": done} | members
    return compact(line, ascii_only=ascii_only) + b"\n"


def _call(tag: str, name: str) -> dict[str, Any]:
    return {"id": f"id-{name}-{tag}", "function": {"name": "write_file", "arguments": arguments(tag, name)}}


def _body(tag: str) -> bytes:
    lines = [_line({"thinking": text.format(tag=tag)}) for text in THINKING]
    lines += [_line({"content": text.format(tag=tag)}) for text in SAYING[:2]]
    lines.append(_line({"content": SAYING[2]}, ascii_only=True))
    lines += [_line({"tool_calls": [_call(tag, name)]}) for name in ("one", "two")]
    lines.append(_line({}, done=True, done_reason="stop", prompt_eval_count=120, eval_count=30))
    return b"".join(lines)


def message_lines(text: str, *calls: str) -> bytes:
    """The body of a reply that says a text and makes calls, each given as JSON."""
    made = [json.loads(call) for call in calls]
    said = _line({"content": text, **({"tool_calls": made} if made else {})})
    return said + _line({}, done=True, done_reason="stop", prompt_eval_count=900, eval_count=9)


def create(url: str, **limits: Any) -> OllamaProvider:
    settings = OllamaSettings(**{"backoff_s": 0.0, "notice_s": 5.0, "max_line_bytes": 1 << 18} | limits)
    return OllamaProvider(ProviderSettings(model="fake", base_url=url, ollama=settings))


_SHOW = compact({"model_info": {"x.context_length": 8192}, "capabilities": ["completion", "tools", "thinking"]})
SHOW: Plan = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(_SHOW), _SHOW), End.FIN]
NOT_SHOWN: Plan = [b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", End.FIN]

OLLAMA = Wire(
    name="ollama",
    target="/api/chat",
    content_type="application/x-ndjson",
    body=_body,
    end_of_message=b"\n",
    wrapped=lambda line: line + b"\n",
    last=_START + b'},"done":true',
    places={
        "in reasoning": (b"Let me think", 5),
        "within a character of the reasoning": ("é 🙂 of".encode(), 1),
        "between reasoning and text": (_START[:-1] + b"Gr", 0),
        "in text": (b" to ", 2),
        "within a character of the text": ("🙂 to".encode(), 2),
        "within an escape": (b'\\"quoted', 1),
        "between two escapes of one character": (b"\\ud83d\\ude43", 6),
        "within a unicode escape": (b"\\ud83d\\ude43", 9),
        "between text and calls": (_START + b',"tool', 0),
        "in a call's name": (b'"write_file"', 6),
        "in a call's arguments": (b"one-", 3),
        "within a character of a call's arguments": ("ça va".encode(), 1),
        "within an escape of a call's arguments": (b'\\"line', 1),
        "between two calls": (_START + b',"tool_calls":[{"id":"id-two', 0),
    },
    message=good_message,
    create=create,
    routes={"/api/show": SHOW, "/api/ps": NOT_SHOWN, "/api/version": NOT_SHOWN},
    error=b'{"error":"an error was encountered while running the model"}',
    text=b'{"message":{"content":"TEXT"}}',
    nothing=b'{"message":{"content":""}}',
    wrong={
        "a list": b"[]",
        "a text": b'"hello"',
        "a number": b"7",
        "null": b"null",
        "a list for the message": b'{"message":[]}',
        "a number for the text": b'{"message":{"content":7}}',
        "an object for the text": b'{"message":{"content":{"text":"x"}}}',
        "a number for the thinking": b'{"message":{"thinking":7}}',
        "an object for the calls": b'{"message":{"tool_calls":{}}}',
        "null for a call": b'{"message":{"tool_calls":[null]}}',
        "a call without its function": b'{"message":{"tool_calls":[{"id":"x"}]}}',
        "null for the function": b'{"message":{"tool_calls":[{"function":null}]}}',
        "a number for the name": b'{"message":{"tool_calls":[{"function":{"name":7,"arguments":{}}}]}}',
        "a list for the id": b'{"message":{"tool_calls":[{"id":[],"function":{"name":"x"}}]}}',
        "a text for done": b'{"done":"true"}',
        "null for done": b'{"done":null}',
        "a list for the reason": b'{"done_reason":["stop"]}',
        "a text for the count": b'{"eval_count":"many"}',
        "a count beyond all numbers": b'{"eval_count":1e999}',
    },
)
