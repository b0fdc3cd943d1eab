"""A scripted server that speaks Ollama's chat interface and notes when requests arrive and replies leave.

A process of its own (``python -I server.py``), so that its work is on nobody's account. It prints ``{"port": N}`` and
then takes one command a line on stdin, each answered with one line of JSON:

* ``{"steps": N, "hold": false}`` starts a script: N - 1 replies that call ``shell`` with ``echo step-K``, then a text.
  With ``hold`` the first chat request gets no reply; instead ``{"held": T}`` is printed when it arrives.
* ``{"answer": [PIECE, ...], "gap_us": G}`` starts another: each request is answered with this text, a line for each piece,
  written one by one with a pause of G microseconds and what the system adds to it; all at once where G is 0.
* ``"report"`` answers what happened since: see ``_report``.

Times are ``time.monotonic_ns()``, the one clock that all processes of a machine share.
"""

import asyncio
import json
import sys
import time
from typing import Any

MODEL = "bench"
_HEADER_END = b"\r\n\r\n"


class Script:
    """What to answer, and what came."""

    def __init__(self) -> None:
        self.steps = 1
        self.hold = False
        self.answer: list[str] = []
        self.gap_us = 0
        self.chats: list[tuple[int, int, bytes]] = []  # arrived, reply sent (0: never), body
        self.others: list[str] = []

    def start(self, steps: int, *, hold: bool) -> None:
        """Begin a script; everything noted so far is forgotten."""
        self.steps, self.hold, self.chats, self.others = steps, hold, [], []
        self.answer = []

    def stream(self, answer: list[str], gap_us: int) -> None:
        """Begin a script whose every reply is this text."""
        self.start(1, hold=False)
        self.answer, self.gap_us = answer, gap_us

    def chat_reply(self, number: int) -> bytes:
        """Reply ``number`` (from 1), as it goes over the line."""
        message: dict[str, Any] = {"role": "assistant", "content": ""}
        if number < self.steps:
            message["tool_calls"] = [{"function": {"name": "shell", "arguments": {"command": f"echo step-{number}"}}}]
        else:
            message["content"] = "All steps are done."
        return b"".join(self._framed([message]))

    def streamed(self) -> list[bytes]:
        """The answer as it goes over the line, piece by piece."""
        return self._framed([{"role": "assistant", "content": piece} for piece in self.answer])

    def _framed(self, messages: list[dict[str, Any]]) -> list[bytes]:
        """A reply of these messages: what goes out before them, with each of them, and after them."""
        head = {"model": MODEL, "created_at": "2026-01-01T00:00:00Z"}
        size = len(self.chats[-1][2]) // 4
        done = {"done": True, "done_reason": "stop", "prompt_eval_count": size, "eval_count": 20}
        lines = [
            *(head | {"message": message, "done": False} for message in messages),
            head | {"message": {"role": "assistant", "content": ""}} | done,
        ]
        chunks = [json.dumps(line).encode() + b"\n" for line in lines]
        head_lines = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
        return [head_lines, *(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks), b"0\r\n\r\n"]

    def report(self) -> dict[str, Any]:
        """Arrival and sending times in ns; the first body; the requests that lacked the output they should hold."""
        wrong = [
            number
            for number, (_, _, body) in enumerate(self.chats, start=1)
            if number > 1 and not _holds_output(body, f"step-{number - 1}")
        ]
        return {
            "arrived": [arrived for arrived, _, _ in self.chats],
            "sent": [sent for _, sent, _ in self.chats],
            "wrong": wrong,
            "others": self.others,
            "first": json.loads(self.chats[0][2]) if self.chats else None,
        }


def _holds_output(body: bytes, text: str) -> bool:
    """Whether the request's newest tool message carries the command's output: a run whose tools fail is worth nothing."""
    newest = [message for message in json.loads(body)["messages"] if message["role"] == "tool"][-1:]
    return bool(newest) and text in newest[0]["content"]


def _plain_reply(path: str) -> bytes:
    name = f"{MODEL}:latest"
    bodies: dict[str, Any] = {
        "/api/show": {
            "details": {"family": "bench"},
            "model_info": {"general.architecture": "bench", "bench.context_length": 131072},
            "capabilities": ["completion", "tools"],
        },
        "/api/tags": {"models": [{"name": name, "model": name}]},
        "/api/ps": {"models": [{"name": name, "model": name, "context_length": 131072, "size": 1, "size_vram": 1}]},
        "/api/version": {"version": "0.12.0"},
    }
    status = "200 OK" if path in bodies else "404 Not Found"
    body = json.dumps(bodies.get(path, {"error": f"no {path} here"})).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Connection(asyncio.Protocol):
    """One client's connection, kept for as long as the client likes."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._buffer = bytearray()
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        arrived = time.monotonic_ns()
        self._buffer += data
        while (end := self._buffer.find(_HEADER_END)) >= 0:
            request, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            size = int(headers.get("content-length", 0))
            start = end + len(_HEADER_END)
            if len(self._buffer) < start + size:
                return
            body = bytes(self._buffer[start : start + size])
            del self._buffer[: start + size]
            self._answer(request.split(" ")[1], body, arrived)

    def _answer(self, path: str, body: bytes, arrived: int) -> None:
        script = self._script
        if path != "/api/chat":
            script.others.append(path)
            self._transport.write(_plain_reply(path))
            return
        script.chats.append((arrived, 0, body))
        if script.hold:
            _say({"held": arrived})
            return
        if script.answer:
            self._stream(script.streamed(), script.gap_us / 1e6)
        else:
            self._transport.write(script.chat_reply(len(script.chats)))
        script.chats[-1] = (arrived, time.monotonic_ns(), body)

    def _stream(self, pieces: list[bytes], gap_s: float) -> None:
        """Write piece by piece; nobody else is served meanwhile, for the loop's own clock is too coarse."""
        if not gap_s:
            pieces = [b"".join(pieces)]
        for piece in pieces:
            if self._transport.is_closing():  # whoever asked is gone
                return
            self._transport.write(piece)
            time.sleep(gap_s)


def _say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


async def serve() -> None:
    """Serve until stdin ends."""
    script, over = Script(), asyncio.Event()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(script), "127.0.0.1", 0)

    def on_command() -> None:
        line = sys.stdin.readline()
        if not line:
            loop.remove_reader(0)
            over.set()
        elif (command := json.loads(line)) == "report":
            _say(script.report())
        elif "answer" in command:
            script.stream(command["answer"], command["gap_us"])
            _say({"started": True})
        else:
            script.start(command["steps"], hold=command["hold"])
            _say({"started": True})

    loop.add_reader(0, on_command)
    _say({"port": server.sockets[0].getsockname()[1]})
    await over.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
