"""The floor with what py-mono promises added part by part, each in its least form: what they cost, not how we do them.

Run as ``python -I build_up.py HOST PORT PROMPT LEVEL JOURNAL``. Each level holds those before it:

1. ``asyncio`` and ``h11`` instead of ``http.client``: a turn can be steered and interrupted at any moment;
2. commands run in another process: there is something that can be locked in;
3. a process of its own watches over the commands: nothing of one is left behind, and its neighbours live on;
4. every fact in a journal before the next step, brought onto the disk by a thread: a killed session goes on;
5. facts redacted, requests digested: no secret in the journal, and a replay can be compared.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h11

if TYPE_CHECKING:
    from collections.abc import Callable

PARAMETERS = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
SHELL = {"name": "shell", "description": "Run a command.", "parameters": PARAMETERS}
SYSTEM = "You are an agent."
WORKER, WATCHER, JOURNAL, REDACTION = 2, 3, 4, 5

host, port, prompt, level, journal_path = *sys.argv[1:4], int(sys.argv[4]), sys.argv[5]


def start_worker(hops: int) -> socket.socket:
    """Start the process that runs commands, before anything else is done."""
    ours, theirs = socket.socketpair()
    argv = [sys.executable, "-I", "-S", str(Path(__file__).parent / "hops.py"), str(hops)]
    os.posix_spawn(argv[0], argv, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), 3)])
    theirs.close()
    return ours


class Server:
    """One kept connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.http = h11.Connection(h11.CLIENT)

    async def ask(self, body: bytes) -> list[dict[str, Any]]:
        """Send a request; the messages of its reply."""
        headers = [("Host", host), ("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        events = (
            h11.Request(method="POST", target="/api/chat", headers=headers),
            h11.Data(data=body),
            h11.EndOfMessage(),
        )
        self.writer.write(b"".join(self.http.send(event) or b"" for event in events))
        text = b""
        while True:
            event = self.http.next_event()
            if event is h11.NEED_DATA:
                self.http.receive_data(await self.reader.read(65536))
            elif isinstance(event, h11.Data):
                text += event.data
            elif isinstance(event, h11.EndOfMessage):
                self.http.start_next_cycle()
                return [json.loads(line)["message"] for line in text.splitlines()]


class Facts:
    """Where what happens is told: nowhere below ``JOURNAL``."""

    def __init__(self) -> None:
        self.seq = 0
        self.journal: Any = None
        self.redact: Callable[[str], str] = str
        if level >= JOURNAL:
            self.events, self.messages = (
                import_module("py_mono.protocol.events"),
                import_module("py_mono.protocol.messages"),
            )
            self.tools, self.ports = import_module("py_mono.protocol.tools"), import_module("py_mono.protocol.ports")
        if level >= REDACTION:
            self.redact = import_module("py_mono.security.redact").Redactor()
            self.prefix = import_module("py_mono.protocol.digest").PrefixDigest(self.redact)
            self.sent: list[Any] = []
        if level >= JOURNAL:
            journal = import_module("py_mono.session.journal").Journal
            self.journal = journal(journal_path, redact=self.redact, notice=print)

    def _tell(self, event: Any) -> None:  # noqa: ANN401 - any event
        self.seq += 1
        self.journal.append(self.events.Envelope(self.seq, time.time(), event))

    def step(self) -> None:
        """A request is about to be sent."""
        if self.journal:
            digest = (
                self.prefix.extend(self.ports.ModelRequest(SYSTEM, tuple(self.sent), ()), "bench")[0]
                if level >= REDACTION
                else ""
            )
            self._tell(self.events.StepStarted(self.seq, "bench", digest))

    def reply(self, text: str, calls: list[dict[str, Any]]) -> None:
        """A reply came, whose first call is about to be run."""
        if self.journal:
            found = tuple(self.tools.ToolCall(f"{self.seq}", "shell", call["function"]["arguments"]) for call in calls)
            message = self.messages.AssistantMessage(text=text, tool_calls=found)
            self._tell(self.events.MessageFinished(message))
            for call in found:
                self._tell(self.events.ToolStarted(call))
            if level >= REDACTION:
                self.sent.append(message)

    def result(self, output: str) -> None:
        """A call has run."""
        if self.journal:
            result = self.tools.ToolResult(f"{self.seq}", "shell", output)
            self._tell(self.events.ToolFinished(result, 1))
            if level >= REDACTION:
                self.sent.append(self.messages.ToolMessage(result))

    async def end(self) -> None:
        """Everything onto the disk."""
        if self.journal:
            await self.journal.synced()


async def main(worker: socket.socket | None) -> None:
    """The loop of ``floor.py``."""
    facts = Facts()
    server = Server(*await asyncio.open_connection(host, int(port)))
    hop = await asyncio.open_connection(sock=worker) if worker else None
    messages: list[dict[str, object]] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}]
    while True:
        request = {"model": "bench", "messages": messages, "tools": [{"type": "function", "function": SHELL}]}
        facts.step()
        text, calls = "", []
        for message in await server.ask(json.dumps(request).encode()):
            text += message.get("content", "")
            calls += message.get("tool_calls", ())
        messages.append({"role": "assistant", "content": text, "tool_calls": calls})
        facts.reply(text, calls)
        if not calls:
            break
        for call in calls:
            output = await run(call["function"]["arguments"]["command"], hop)
            facts.result(output)
            messages.append({"role": "tool", "tool_name": "shell", "content": output})
    await facts.end()
    print(text, flush=True)
    os._exit(0)


async def run(command: str, hop: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None) -> str:
    """A command's output."""
    if hop is None:
        argv = ["/bin/sh", "-c", command]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # noqa: ASYNC221 - as the floor does it
        return done.stdout + done.stderr
    hop[1].write(json.dumps(command).encode() + b"\n")
    output: str = json.loads(await hop[0].readline())
    return output


if __name__ == "__main__":
    started = None if level < WORKER else start_worker(1 if level < WATCHER else 2)
    asyncio.run(main(started))
