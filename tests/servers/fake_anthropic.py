"""A server that speaks Anthropic's messages as a stream. Shapes: "Streaming messages" and "Errors" in the API's documentation."""

import json
from collections.abc import Sequence
from typing import Any

from tests.servers.fake_http import Answer, FakeServer, Pause

SSE = "text/event-stream; charset=utf-8"


def event(kind: str, **members: Any) -> bytes:
    """One server-sent event."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n".encode()


def start(input_tokens: int = 25, read: int = 0, written: int = 0) -> bytes:
    """The first event; ``input_tokens`` are those neither read from the cache nor written to it."""
    usage = {
        "input_tokens": input_tokens,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": 1,
    }
    message: dict[str, Any] = {
        "id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "fake",
        "stop_reason": None, "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    return event("message_start", message=message)


def block(index: int, first: dict[str, Any], *deltas: dict[str, Any]) -> list[bytes]:
    """A content block from its start to its stop."""
    pieces = [event("content_block_start", index=index, content_block=first)]
    pieces += [event("content_block_delta", index=index, delta=delta) for delta in deltas]
    return [*pieces, event("content_block_stop", index=index)]


def text(index: int, *texts: str) -> list[bytes]:
    """A block of text."""
    return block(index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": part} for part in texts))


def thinking(index: int, said: str, signature: str) -> list[bytes]:
    """A block of thinking, signed."""
    deltas = [{"type": "thinking_delta", "thinking": said}, {"type": "signature_delta", "signature": signature}]
    return block(index, {"type": "thinking", "thinking": "", "signature": ""}, *deltas)


def tool_use(index: int, id_: str, name: str, *parts: str) -> list[bytes]:
    """A tool call; the parts are pieces of its arguments' JSON."""
    deltas = [{"type": "input_json_delta", "partial_json": part} for part in ("", *parts)]
    return block(index, {"type": "tool_use", "id": id_, "name": name, "input": {}}, *deltas)


def end(reason: str = "end_turn", output_tokens: int = 15) -> list[bytes]:
    """The last two events."""
    delta = {"stop_reason": reason, "stop_sequence": None}
    return [event("message_delta", delta=delta, usage={"output_tokens": output_tokens}), event("message_stop")]


def say(
    *texts: str, thought: str = "", calls: Sequence[tuple[str, str, object]] = (), reason: str | None = None
) -> Answer:
    """A whole reply; each call is id, name and arguments."""
    pieces, index = [start(), event("ping")], 0
    if thought:
        pieces += thinking(index, thought, "c2lnbmVk")
        index += 1
    if texts:
        pieces += text(index, *texts)
        index += 1
    for id_, name, arguments in calls:
        whole = arguments if isinstance(arguments, str) else json.dumps(arguments)
        half = len(whole) // 2
        pieces += tool_use(index, id_, name, whole[:half], whole[half:])
        index += 1
    return stream(*pieces, *end(reason or ("tool_use" if calls else "end_turn")))


def stream(*pieces: bytes | Pause, **members: Any) -> Answer:
    """A reply of these pieces."""
    return Answer(pieces, content_type=SSE, **members)


def refuse(status: int, kind: str, message: str, **members: Any) -> Answer:
    """A failure as Anthropic tells it."""
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    return Answer([json.dumps(body).encode()], status, "application/json", **members)


def listed(*names: str, more: bool = False) -> Answer:
    """A page of ``GET /v1/models``; ``more``: it is not the last."""
    entries = [{"type": "model", "id": name, "display_name": name.title()} for name in names]
    page = {"data": entries, "has_more": more, "first_id": names[:1], "last_id": names[-1] if names else None}
    return Answer([json.dumps(page).encode()], content_type="application/json")


class FakeAnthropic(FakeServer):
    """The server; its base URL has no path."""
