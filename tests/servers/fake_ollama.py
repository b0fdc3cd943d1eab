"""An Ollama server that says what it is told to, on 127.0.0.1, in a thread of its own.

It speaks the wire shapes of Ollama's ``docs/api.md``: ``/api/chat`` as chunked NDJSON, ``/api/show``, ``/api/tags``. Each
chat takes the next of ``answers`` (the last one again and again with ``repeat``); any answer can break at any byte.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

SHOW: dict[str, Any] = {
    "details": {"format": "gguf", "family": "llama", "parameter_size": "8.0B", "quantization_level": "Q4_0"},
    "model_info": {"general.architecture": "llama", "llama.context_length": 131072, "llama.embedding_length": 4096},
    "capabilities": ["completion", "tools", "thinking"],
}
NDJSON = "application/x-ndjson"


@dataclass(frozen=True)
class Pause:
    """Nothing is sent for so long; without a number, until the client is gone."""

    seconds: float | None = None


@dataclass(frozen=True)
class Answer:
    """One HTTP response.

    Attributes:
        pieces: The body; each piece of bytes is sent as one chunk.
        status: Of the status line.
        content_type: Of the body.
        headers: Further ones.
        cut_at: The connection breaks after so many bytes of the response, head included.
        raw: Sent in place of a response.
        close: Whether the connection is closed after the response.
        before: Happens before the head is sent.
    """

    pieces: Sequence[bytes | Pause] = ()
    status: int = 200
    content_type: str = NDJSON
    headers: dict[str, str] = field(default_factory=dict)
    cut_at: int | None = None
    raw: bytes | None = None
    close: bool = False
    before: Pause | None = None


@dataclass(frozen=True)
class Request:
    """What a client sent; ``connection`` counts from 1."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


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


Reaction = Answer | Callable[[Request], Answer]


class FakeOllama:
    """The server; a context manager.

    Attributes:
        requests: Everything that was asked, in order.
        gone: How many chats the client left before their end.
    """

    def __init__(
        self,
        answers: Sequence[Reaction] = (),
        *,
        show: Reaction | None = None,
        tags: Reaction | None = None,
        repeat: bool = False,
    ) -> None:
        self.requests: list[Request] = []
        self.gone = 0
        self._answers = list(answers)
        self._repeat = repeat
        self._others = {"/api/show": show or as_json(SHOW), "/api/tags": tags or as_json({"models": []})}
        self._connections = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def chats(self) -> list[Request]:
        """The requests to ``/api/chat``."""
        return [request for request in self.requests if request.target.endswith("/api/chat")]

    @property
    def connections(self) -> int:
        """How many connections were opened."""
        return self._connections

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and break every connection; may be called twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._run())

    async def _run(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        task = asyncio.get_running_loop().create_task(self._talk(reader, writer, self._connections))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        try:
            while await self._exchange(reader, writer, number):
                pass
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        """One request and its response; False where the connection is to be closed."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {name.lower(): value for name, value in (row.split(": ", 1) for row in head[1:] if row)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = Request(method, target, headers, body, number)
        self.requests.append(request)
        answer = self._answer(request)
        try:
            return await self._send(answer, reader, writer)
        except OSError:
            self.gone += 1
            return False

    def _answer(self, request: Request) -> Answer:
        path = request.target.removeprefix("http://").partition("/")[2] if "://" in request.target else request.target
        reaction = self._others.get("/" + path.lstrip("/"))
        if reaction is None:
            if not self._answers:
                return refuse(418, "the fake has no answer left")
            reaction = self._answers[0] if self._repeat and len(self._answers) == 1 else self._answers.pop(0)
        return reaction if isinstance(reaction, Answer) else reaction(request)

    async def _send(self, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        left = answer.cut_at if answer.cut_at is not None else 1 << 62
        for piece in _wire(answer):
            if isinstance(piece, Pause):
                if piece.seconds is None:
                    await reader.read()
                    self.gone += 1
                    return False
                await asyncio.sleep(piece.seconds)
                continue
            writer.write(piece[:left])
            await writer.drain()
            left -= len(piece)
            if left <= 0:
                writer.close()
                await writer.wait_closed()
                return False
        return not answer.close and answer.raw is None


def _wire(answer: Answer) -> list[bytes | Pause]:
    """The response as pieces of bytes and pauses."""
    if answer.raw is not None:
        return [answer.raw]
    headers = {"Content-Type": answer.content_type, "Transfer-Encoding": "chunked", **answer.headers}
    if answer.close:
        headers["Connection"] = "close"
    rows = [f"HTTP/1.1 {answer.status} Whatever", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    wire: list[bytes | Pause] = [answer.before] if answer.before else []
    wire.append("\r\n".join(rows).encode())
    wire += [
        piece if isinstance(piece, Pause) else b"%x\r\n%b\r\n" % (len(piece), piece) for piece in answer.pieces if piece
    ]
    return [*wire, b"0\r\n\r\n"]
