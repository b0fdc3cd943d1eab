"""A program for the terminal tests: the real REPL, with an agent that emits real events and asks no model."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from py_mono.llm.readiness import Readiness
from py_mono.protocol.commands import CommandRun
from py_mono.protocol.errors import ConfigError
from py_mono.protocol.events import (
    ContextChecked,
    Envelope,
    Event,
    HistoryCleared,
    MessageFinished,
    MessageSteered,
    ModelWaiting,
    ReasoningDelta,
    StepStarted,
    TextDelta,
    ToolFinished,
    ToolOutput,
    ToolStarted,
    TurnFinished,
    TurnStarted,
)
from py_mono.protocol.history import History
from py_mono.protocol.messages import AssistantMessage, Usage, UserMessage
from py_mono.protocol.ports import ModelChunk, ModelRequest, Provider, Redact
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec
from py_mono.security.approvals.consents import Consents
from py_mono.security.approvals.rules import Rules
from py_mono.security.keys.manager import KeyManager
from py_mono.security.redact import Redactor
from py_mono.session.manager import SessionManager
from py_mono.ui.account import Account
from py_mono.ui.app import App
from py_mono.ui.lock import Lock
from py_mono.ui.repl import run
from py_mono.ui.signals import Signals, guarded

if TYPE_CHECKING:
    from py_mono.protocol.errors import SandboxError
    from py_mono.security.approvals.questions import Ask


LONG = """\
# Two causes

- the **first** one, which says why with so many words that it is wrapped
- the second 文字文字文字

```python
def f(x):
    return x¦ + 1
```

| file | why it is looked at again |
|------|---------------------------|
| a.py | 文字 and e\u0301 and 👩 |

The end.
"""
TOOLS = (
    (
        ToolCall("1", "read_file", {"path": "a.py"}),
        ToolResult("1", "read_file", "".join(f"row {n}\n" for n in range(9))),
    ),
    (
        ToolCall("2", "edit_file", {"path": "a.py"}),
        ToolResult(
            "2", "edit_file", "ok", details={"diff": "--- a.py\n+++ a.py\n@@ -9,2 +9,2 @@\n same\n-old\n+new\n"}
        ),
    ),
)


class FakeAgent:
    """Answers by what a prompt begins with: ``slow`` waits, ``tool`` calls, ``evil`` tries the terminal, else an echo."""

    def __init__(self) -> None:
        self.tools: tuple[ToolSpec, ...] = (ToolSpec("shell", "Run a command. And more.", {}),)
        self.running = False
        self.failure: SandboxError | None = None
        self._subscribers: list[Callable[[Envelope], None]] = []
        self._queued: list[str] = []
        self._interrupted = asyncio.Event()
        self._steered = asyncio.Event()
        self._seq = 0
        self._turn = 0
        self._late = ""
        self.history = History()

    def subscribe(self, subscriber: Callable[[Envelope], None]) -> Callable[[], None]:
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def steer(self, text: str) -> None:
        self._queued.append(text)
        self._steered.set()

    def take_queued(self) -> tuple[str, ...]:
        if self._late:  # a person who types right after this look
            asyncio.get_running_loop().call_soon(self.steer, self._late)
            self._late = ""
        queued, self._queued = tuple(self._queued), []
        return queued

    async def list_tools(self) -> tuple[ToolSpec, ...]:
        if self.failure is not None:
            raise self.failure
        return self.tools

    def interrupt(self) -> None:
        self._interrupted.set()

    async def clear(self) -> None:
        self._emit(HistoryCleared())

    async def run_command(self, command: str, *, told: bool, on_output: Callable[[str], None]) -> ToolResult:
        self.running = True
        self._interrupted.clear()
        on_output(f"{'told' if told else 'kept'}: {command}\n")
        stopped = command.startswith("sleep")
        if stopped:
            await self._interrupted.wait()
        on_output("no newline")
        self.running = False
        self._turn += 1
        code = 3 if command == "fail" else 0
        failed = stopped or code != 0
        self._emit(CommandRun(self._turn, command, failed, 3))
        return ToolResult("own", "shell", "…", is_error=failed, details={"exit_code": code})

    async def prompt(self, text: str) -> TurnFinished:
        self.running = True
        self._interrupted.clear()
        self._steered.clear()
        self._turn += 1
        self._late = "typed too late" if text == "late" else ""
        self._emit(TurnStarted(self._turn, UserMessage(text)))
        self._emit(StepStarted(1, "fake", "00"))
        self._emit(ModelWaiting("first_token"))
        try:
            stop = await self._answer(text)
        finally:
            self.running = False
        finished = TurnFinished("cancelled" if stop else "end", Usage(10, 5), 1)
        self._emit(finished)
        return finished

    async def _answer(self, text: str) -> bool:
        kind = text.partition(" ")[0]
        if kind == "slow":
            self._say("first line\nopen line")
            return await self._wait()
        if kind == "deaf":
            self._say("not listening\n")
            await self._interrupted.wait()
            return True
        if kind in {"tool", "long"}:
            await (self._tool() if kind == "tool" else self._long())
        elif kind == "evil":
            self._say("\x1b]0;owned\x07\x1b[2J\x1b[31mred\x9b5m \u202egnp.exe\n")
            self._say("split \x1b")
            self._say("[8mhidden\n")
        elif kind == "think":
            self._emit(ReasoningDelta("let me see"))
            self._say("seen\n")
        elif kind == "flood":
            for number in range(20_000):
                self._say(f"line {number} of many\n" if number % 2 else "x" * 20)
        elif kind == "print":
            sys.stdout.write("stray \x1b[31mprint\n")
        else:
            for word in ("you said ", text.replace("\n", "|"), "\n"):
                self._say(word)
                await asyncio.sleep(0.01)
        self._emit(MessageFinished(AssistantMessage("done")))
        return False

    async def _wait(self) -> bool:
        waits = [asyncio.ensure_future(event.wait()) for event in (self._interrupted, self._steered)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if self._interrupted.is_set():
            return True
        for said in self.take_queued():
            self._emit(MessageSteered(UserMessage(said)))
            self._emit(StepStarted(2, "fake", "00"))
            self._say(f"steered by {said}\n")
        self._emit(MessageFinished(AssistantMessage("done")))
        return False

    async def _tool(self) -> None:
        call = ToolCall("1", "shell", {"command": "make 文件文件文件文件文件"})
        self._emit(ToolStarted(call))
        self._emit(ToolOutput("1", "50 %\n"))
        await asyncio.sleep(0.2)
        self._emit(ToolFinished(ToolResult("1", "shell", "no rule\n\x1b[2Jmore", is_error=True), 200))

    async def _long(self) -> None:
        """Thinks, says half of an answer, waits until something is typed, says the rest, reads and edits."""
        self._emit(ReasoningDelta("let me see\nwhat there is"))
        await asyncio.sleep(0.2)
        said, rest = LONG.split("¦")
        for at in range(0, len(said), 3):
            self._say(said[at : at + 3])
        await self._steered.wait()
        self.take_queued()
        self._say(rest)
        usage = Usage(12_345, 678, 9_000)
        self._emit(ContextChecked("seen", 12_000, 12_345, 32_768))
        self._emit(MessageFinished(AssistantMessage("done", usage=usage)))
        for call, result in TOOLS:
            self._emit(ToolStarted(call))
            self._emit(ToolFinished(result, 20))

    def _say(self, text: str) -> None:
        self._emit(TextDelta(text))

    def _emit(self, event: Event) -> None:
        self._seq += 1
        envelope = Envelope(self._seq, time.time(), event)
        for subscriber in self._subscribers:
            subscriber(envelope)


class FakeProvider:
    window = 0

    def __init__(self, name: str = "fake", model: str = "none") -> None:
        self.name = name
        self.model = model

    async def prepare(self) -> None:
        pass

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk]:
        yield AssistantMessage(str(request))

    async def close(self) -> None:
        pass


class FakeProviders:
    """Two providers, of which ``locked`` has no key; ``other`` has models that take a moment to be listed."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def names(self) -> Sequence[str]:
        return ("fake", "other", "locked")

    def create(self, name: str, model: str) -> Provider:
        if name == "locked":
            raise ConfigError("there is no key for locked", remedy="/key locked")
        return FakeProvider(name, model or "usual")

    def clouds(self, name: str, model: str) -> frozenset[str]:
        del model
        return frozenset((name,))

    def forgive(self) -> None:
        pass

    def preload(self, name: str, model: str) -> None:
        pass

    def asked_freely(self, name: str) -> bool:
        return name == "other"

    async def ready(self, name: str, model: str) -> Readiness:
        return Readiness(name != "locked", f"pretended {model}".strip())

    async def models(self, name: str) -> Sequence[str]:
        self.asked.append(name)
        await asyncio.sleep(0.05)
        return ("quick:8b", "quiet:1b", "slow:70b") if name == "other" else ("none",)


class FakeGate:
    """What was agreed to in a workspace, the real way; who asks is set by the REPL."""

    def __init__(self, workspace: str) -> None:
        self.ask: Ask | None = None
        self.consents = Consents(os.path.join(workspace, "state"), workspace)
        self.rules = Rules(os.path.join(workspace, "state"), workspace, notice=print, clock=lambda: 1.0)


class FakeApp:
    def __init__(self, signals: Signals | None = None) -> None:
        self.agent = FakeAgent()
        self.providers = SessionManager(FakeProvider(), FakeProviders(), lambda _: None)
        self.workspace = os.getcwd()
        redactor = Redactor()
        self.redact: Redact = redactor
        self.learn = redactor.add
        home = os.environ.get("TEST_STATE", os.path.join(self.workspace, "state"))
        self.keys = KeyManager(self.workspace, home, os.environ, learned=redactor.add)
        self.key_names: Sequence[str] = ()
        self.keys_changed = False
        self.ask_key: Callable[[str], Awaitable[str]] | None = None
        self.covered = lambda: True
        self.uncovered = self._uncovered
        self.account = Account()
        self.agent.subscribe(self.account)
        self.past: tuple[Envelope, ...] = ()
        self.signals = signals or Signals()
        self.gate = FakeGate(self.workspace)
        self.review = None
        self.mcp = None
        self.dry_run = False
        self.version = "0"
        self.environment = dict(os.environ)
        self.history_file = os.environ.get("TEST_HISTORY", "")

    @property
    def provider(self) -> Provider:
        return self.providers.active

    async def ask(self, text: str) -> TurnFinished:
        once = self.providers.take_once()
        return await self.agent.prompt(f"[{once.name} {once.model}] {text}" if once else text)

    @asynccontextmanager
    async def _uncovered(self) -> AsyncGenerator[None, None]:
        yield

    async def lock(self) -> Lock:
        return Lock("lock: pretended", ("A gap.",) if os.environ.get("TEST_GAP") else ())

    async def diagnose(self) -> str:
        return "ok      pretended"

    def on_shown(self) -> None:
        if os.environ.get("TEST_CPU"):
            sys.stderr.write(f"drawn after {time.process_time() * 1000:.0f} ms of CPU\n")


def fake_app(signals: Signals | None = None) -> tuple[App, FakeAgent]:
    """The pretended app, and the agent in it."""
    app = FakeApp(signals)
    return cast("App", app), app.agent


async def main() -> int:
    prompt = sys.argv[1] if len(sys.argv) > 1 else None
    return await guarded(lambda signals: run(fake_app(signals)[0], prompt))


if __name__ == "__main__":
    status = asyncio.run(main())
    sys.stderr.write(f"status {status}\n")
    sys.exit(status)
