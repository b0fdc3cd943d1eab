"""An Ollama server that says what it is told to, on 127.0.0.1, in a thread of its own.

It speaks the wire shapes of Ollama's ``docs/api.md``: ``/api/chat`` as chunked NDJSON, ``/api/show``, ``/api/tags``,
``/api/ps``, ``/api/version``. Each chat takes the next of ``answers`` (the last one again and again with ``repeat``); any
answer can break at any byte. Left alone it is honest: ``/api/ps`` shows the window that the last chat asked for.
"""

import json
from collections.abc import Callable, Sequence
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
    "count",
    "counting",
    "done",
    "line",
    "loaded",
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


def done(
    reason: str = "stop", tokens: tuple[int | None, int] = (120, 30), load_s: float = 0.021, **members: Any
) -> bytes:
    """The last line of a chat; ``tokens`` of prompt and reply, ``load_s`` the seconds that loading took."""
    numbers: dict[str, Any] = {
        "total_duration": 3244883583,
        "load_duration": int(load_s * 1e9),
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


def count(request: Request, bytes_per_token: int = 4) -> int:
    """How many tokens a request has, for a tokenizer that takes so many bytes for one."""
    sent = request.json
    texts = [str(message) for message in sent["messages"]] + [str(tool) for tool in sent.get("tools", ())]
    return sum(-(-len(text.encode()) // bytes_per_token) for text in texts)


def counting(prompt: Callable[[Request], int | None], answer: Answer, load_s: float = 0.021) -> Reaction:
    """The answer, its last line with the count that ``prompt`` makes of the request (None: without any)."""

    def react(request: Request) -> Answer:
        tokens = prompt(request)
        end = done(tokens=(tokens, 30), load_s=load_s)
        if tokens is None:
            end = end.replace(b'"prompt_eval_count": null, ', b"")
        return Answer([*answer.pieces[:-1], end])

    return react


def loaded(window: int, name: str = "fake:latest", **members: Any) -> Answer:
    """``/api/ps`` of a server that has one model loaded."""
    return as_json({"models": [{"name": name, "model": name, "size": 1, "context_length": window, **members}]})


def refuse(status: int, text: str, **members: Any) -> Answer:
    """A failure as Ollama tells it."""
    return Answer([json.dumps({"error": text}).encode()], status, "application/json; charset=utf-8", **members)


def as_json(value: object) -> Answer:
    """A whole body of JSON."""
    return Answer([json.dumps(value).encode()], content_type="application/json; charset=utf-8")


class FakeOllama(FakeServer):
    """The server; ``show``, ``tags``, ``ps`` and ``version`` are what it says of its models and itself."""

    exhausted = refuse(418, "the fake has no answer left")

    def __init__(
        self,
        answers: Sequence[Reaction] = (),
        *,
        show: Reaction | None = None,
        tags: Reaction | None = None,
        ps: Reaction | None = None,
        version: Reaction | None = None,
        repeat: bool = False,
    ) -> None:
        super().__init__(answers, repeat=repeat)
        self._others: dict[str, Reaction] = {
            "/api/show": show or as_json(SHOW),
            "/api/tags": tags or as_json({"models": []}),
            "/api/ps": ps or self._as_asked,
            "/api/version": version or as_json({"version": "0.33.0"}),
        }

    @property
    def chats(self) -> list[Request]:
        """The requests to ``/api/chat``."""
        return [request for request in self.requests if request.target.endswith("/api/chat")]

    @property
    def connections(self) -> int:
        """How many connections were opened, those left out that only asked about the server itself."""
        beside = ("/api/ps", "/api/version")
        aside = {request.connection for request in self.requests if request.target.endswith(beside)}
        return super().connections - len(aside)

    def asked(self, path: str) -> int:
        """How often the server was asked for ``path``."""
        return sum(request.target.endswith(path) for request in self.requests)

    def _as_asked(self, _: Request) -> Answer:
        if not self.chats:
            return as_json({"models": []})
        sent = self.chats[-1].json
        return loaded(sent["options"]["num_ctx"], sent["model"])

    def _reaction(self, request: Request) -> Reaction:
        path = request.target.removeprefix("http://").partition("/")[2] if "://" in request.target else request.target
        return self._others.get("/" + path.lstrip("/")) or super()._reaction(request)
