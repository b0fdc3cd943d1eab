"""An HTTP server that answers what it is told to; any answer can break at any byte."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.servers.server_thread import ServerThread

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


Reaction = Answer | Callable[[Request], Answer]


class FakeServer(ServerThread):
    """The server. Each request takes the next of ``answers``, the last one again and again with ``repeat``.

    Attributes:
        requests: Everything that was asked, in order.
        asides: What was asked of the server itself, of those that tell it apart.
        gone: How many replies the client left before their end.
    """

    exhausted = Answer([b'{"error": {"message": "the fake has no answer left"}}'], 418, "application/json")

    def __init__(self, answers: Sequence[Reaction] = (), *, repeat: bool = False) -> None:
        super().__init__()
        self.requests: list[Request] = []
        self.asides: list[Request] = []
        self.gone = 0
        self._answers = list(answers)
        self._repeat = repeat

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while await self._exchange(reader, writer, number):
            pass

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        """One request and its response; False where the connection is to be closed."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {name.lower(): value for name, value in (row.split(": ", 1) for row in head[1:] if row)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = Request(method, target, headers, body, number)
        (self.asides if self._is_aside(request) else self.requests).append(request)
        answer = self._answer(request)
        try:
            return await self._send(answer, reader, writer)
        except OSError:
            self.gone += 1
            return False

    def _is_aside(self, request: Request) -> bool:
        del request
        return False

    def _answer(self, request: Request) -> Answer:
        reaction = self._reaction(request)
        return reaction if isinstance(reaction, Answer) else reaction(request)

    def _reaction(self, request: Request) -> Reaction:
        """What to do about a request."""
        del request
        if not self._answers:
            return self.exhausted
        return self._answers[0] if self._repeat and len(self._answers) == 1 else self._answers.pop(0)

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
