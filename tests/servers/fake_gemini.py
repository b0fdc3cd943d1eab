"""A server that speaks Gemini's ``streamGenerateContent?alt=sse``. Shapes: the Gemini API's reference and "Thought signatures"."""

import json
from collections.abc import Sequence
from typing import Any

from tests.servers.fake_http import Answer, FakeServer, Pause

SSE = "text/event-stream"


def data(
    *parts: dict[str, Any], finish: str | None = None, tokens: tuple[int, int] = (12, 7), cached: int = 0
) -> bytes:
    """One piece of the reply; ``tokens`` of prompt and reply."""
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    usage = {"promptTokenCount": tokens[0], "candidatesTokenCount": tokens[1], "totalTokenCount": sum(tokens)}
    if cached:
        usage["cachedContentTokenCount"] = cached
    whole = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "fake", "responseId": "r1"}
    return b"data: " + json.dumps(whole).encode() + b"\r\n\r\n"


def call(name: str, arguments: dict[str, Any], signature: str = "") -> dict[str, Any]:
    """A part that is a tool call; Gemini sends it whole."""
    part: dict[str, Any] = {"functionCall": {"name": name, "args": arguments}}
    return part | ({"thoughtSignature": signature} if signature else {})


def say(*texts: str, thought: str = "", calls: Sequence[dict[str, Any]] = (), finish: str = "STOP") -> Answer:
    """A whole reply; ``calls`` are parts."""
    pieces = [data({"text": thought, "thought": True})] if thought else []
    pieces += [data({"text": text}) for text in texts]
    pieces += [data(*calls)] if calls else []
    return stream(*pieces, data({"text": ""}, finish=finish))


def stream(*pieces: bytes | Pause, **members: Any) -> Answer:
    """A reply of these pieces."""
    return Answer(pieces, content_type=SSE, **members)


def refuse(status: int, kind: str, message: str, **members: Any) -> Answer:
    """A failure as Gemini tells it; ``details`` go into the error."""
    details = members.pop("details", [])
    error = {"code": status, "message": message, "status": kind, "details": details}
    return Answer([json.dumps({"error": error}).encode()], status, "application/json; charset=UTF-8", **members)


def listed(*names: str, methods: Sequence[str] = ("generateContent", "countTokens"), after: str = "") -> Answer:
    """A page of ``GET /v1beta/models``; ``after`` is the token of the next."""
    entries = [{"name": f"models/{name}", "version": "001", "supportedGenerationMethods": [*methods]} for name in names]
    page = {"models": entries} | ({"nextPageToken": after} if after else {})
    return Answer([json.dumps(page).encode()], content_type="application/json; charset=UTF-8")


class FakeGemini(FakeServer):
    """The server; its base URL has no path."""
