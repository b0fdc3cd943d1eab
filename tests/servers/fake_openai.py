"""A server that speaks OpenAI's chat completions as a stream: Groq, OpenRouter and local servers speak the same.

Shapes: the API reference of OpenAI ("Chat Completions, streaming"), of Groq and of OpenRouter.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.servers.fake_http import Answer, FakeServer, Pause, Reaction, Request

SSE = "text/event-stream"
DONE = b"data: [DONE]\n\n"


def data(value: object) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def chunk(finish: str | None = None, **delta: Any) -> bytes:
    """A piece of the reply: ``content``, ``reasoning_content``, ``reasoning`` or ``tool_calls``."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return data(_head() | {"choices": [choice]})


def fragment(index: int, arguments: str = "", *, id: str | None = None, name: str | None = None) -> dict[str, Any]:  # noqa: A002 - the wire's name
    """A piece of a tool call, as it stands in ``tool_calls``."""
    function: dict[str, Any] = {"arguments": arguments} | ({"name": name} if name is not None else {})
    first = {"id": id, "type": "function"} if id is not None else {}
    return {"index": index, **first, "function": function}


def usage(prompt: int = 120, completion: int = 30, cached: int | None = None, **members: Any) -> bytes:
    """The last event before the end, where ``stream_options`` asks for it."""
    numbers: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": completion}
    numbers["total_tokens"] = prompt + completion
    if cached is not None:
        numbers["prompt_tokens_details"] = {"cached_tokens": cached}
    return data(_head() | {"choices": [], "usage": numbers | members})


def say(
    *texts: str, reasoning: str = "", calls: Sequence[tuple[str, str, object]] = (), finish: str | None = None
) -> Answer:
    """A whole reply; each call is id, name and arguments (an object, or the text of one), in three fragments."""
    pieces = [chunk(role="assistant", content="")]
    pieces += [chunk(reasoning_content=reasoning)] if reasoning else []
    pieces += [chunk(content=text) for text in texts]
    for index, (id_, name, arguments) in enumerate(calls):
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        half = len(text) // 2
        pieces.append(chunk(tool_calls=[fragment(index, id=id_, name=name)]))
        pieces += [chunk(tool_calls=[fragment(index, part)]) for part in (text[:half], text[half:])]
    pieces.append(chunk(finish or ("tool_calls" if calls else "stop")))
    return Answer([*pieces, usage(), DONE], content_type=SSE)


def stream(*pieces: bytes | Pause, **members: Any) -> Answer:
    """A reply of these pieces."""
    return Answer(pieces, content_type=SSE, **members)


def refuse(status: int, message: str, *, code: str | None = None, type_: str = "", **members: Any) -> Answer:
    """A failure as OpenAI tells it."""
    error = {"message": message, "type": type_ or "invalid_request_error", "param": None, "code": code}
    return Answer([json.dumps({"error": error}).encode()], status, "application/json", **members)


def listed(*names: str, **members: Any) -> Answer:
    """What ``GET /models`` says; ``members`` are in each entry."""
    entries = [{"id": name, "object": "model", "created": 1767225600, "owned_by": "fake", **members} for name in names]
    return Answer([json.dumps({"object": "list", "data": entries}).encode()], content_type="application/json")


def _head() -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1767225600, "model": "fake"}


class FakeOpenAI(FakeServer):
    """The server; its base URL ends in ``/v1``.

    Every ``GET`` is an aside, answered as ``tells`` says for its path: left alone, the server says nothing of itself.
    """

    def __init__(
        self, answers: Sequence[Reaction] = (), *, repeat: bool = False, tells: Mapping[str, Reaction] | None = None
    ) -> None:
        super().__init__(answers, repeat=repeat)
        self._tells = tells or {}

    @property
    def connections(self) -> int:
        """How many connections were opened, those left out that only asked about the server itself."""
        return super().connections - len({request.connection for request in self.asides})

    def _is_aside(self, request: Request) -> bool:
        return request.method == "GET"

    def _reaction(self, request: Request) -> Reaction:
        if self._is_aside(request):
            return self._tells.get(request.target, refuse(404, "File Not Found"))
        return super()._reaction(request)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def chats(self) -> list[Request]:
        """The requests for a reply."""
        return [request for request in self.requests if request.target.endswith("/chat/completions")]
