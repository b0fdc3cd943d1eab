"""An Ollama server that says what it is told to, on 127.0.0.1, in a thread of its own.

It speaks the wire shapes of Ollama's ``docs/api.md``: ``/api/chat`` as chunked NDJSON, ``/api/show``, ``/api/tags``. Each
chat takes the next of ``answers`` (the last one again and again with ``repeat``); any answer can break at any byte.
"""

import json
from collections.abc import Sequence
from typing import Any

from tests.servers.fake_http import NDJSON, Answer, FakeServer, Pause, Reaction, Request

__all__ = [
    "NDJSON",
    "Answer",
    "FakeOllama",
    "Pause",
    "Reaction",
    "Request",
    "as_json",
    "call",
    "done",
    "line",
    "refuse",
    "say",
]

SHOW: dict[str, Any] = {
    "details": {"format": "gguf", "family": "llama", "parameter_size": "8.0B", "quantization_level": "Q4_0"},
    "model_info": {"general.architecture": "llama", "llama.context_length": 131072, "llama.embedding_length": 4096},
    "capabilities": ["completion", "tools", "thinking"],
}


def line(content: str = "", **members: Any) -> bytes:
    """One NDJSON line of a chat that goes on; ``thinking`` and ``tool_calls`` go into the message."""
    message = {"role": "assistant", "content": content}
    message |= {key: members.pop(key) for key in ("thinking", "tool_calls") if key in members}
    head = {"model": "fake", "created_at": "2026-01-01T00:00:00Z", "message": message, "done": False}
    return json.dumps(head | members).encode() + b"\n"


def done(reason: str = "stop", tokens: tuple[int, int] = (120, 30), **members: Any) -> bytes:
    """The last line of a chat; ``tokens`` of prompt and reply."""
    numbers: dict[str, Any] = {
        "total_duration": 3244883583,
        "load_duration": 2969184542,
        "prompt_eval_count": tokens[0],
        "prompt_eval_duration": 141656333,
        "eval_count": tokens[1],
        "eval_duration": 133293625,
    }
    return line(done=True, done_reason=reason, **numbers, **members)


def call(name: str, arguments: object, **members: Any) -> dict[str, Any]:
    """A tool call as Ollama sends it."""
    return {"function": {"name": name, "arguments": arguments}, **members}


def say(*texts: str, thinking: str = "", calls: Sequence[dict[str, Any]] = (), reason: str = "stop") -> Answer:
    """A whole reply, a line for each text, then one with the calls, then the end."""
    pieces = [line(thinking=thinking)] if thinking else []
    pieces += [line(text) for text in texts]
    if calls:
        pieces.append(line(tool_calls=list(calls)))
    return Answer([*pieces, done(reason)])


def refuse(status: int, text: str, **members: Any) -> Answer:
    """A failure as Ollama tells it."""
    return Answer([json.dumps({"error": text}).encode()], status, "application/json; charset=utf-8", **members)


def as_json(value: object) -> Answer:
    """A whole body of JSON."""
    return Answer([json.dumps(value).encode()], content_type="application/json; charset=utf-8")


class FakeOllama(FakeServer):
    """The server; ``show`` and ``tags`` are what it says of its models."""

    exhausted = refuse(418, "the fake has no answer left")

    def __init__(
        self,
        answers: Sequence[Reaction] = (),
        *,
        show: Reaction | None = None,
        tags: Reaction | None = None,
        repeat: bool = False,
    ) -> None:
        super().__init__(answers, repeat=repeat)
        self._others = {"/api/show": show or as_json(SHOW), "/api/tags": tags or as_json({"models": []})}

    @property
    def chats(self) -> list[Request]:
        """The requests to ``/api/chat``."""
        return [request for request in self.requests if request.target.endswith("/api/chat")]

    def _reaction(self, request: Request) -> Reaction:
        path = request.target.removeprefix("http://").partition("/")[2] if "://" in request.target else request.target
        return self._others.get("/" + path.lstrip("/")) or super()._reaction(request)
