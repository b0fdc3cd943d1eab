"""What a streamed reply costs the agent's process, with the search for printed calls and without it: ``parsing.py``.

Run by the product's own interpreter: ``streaming.py PORT FOLDER SCREEN ROUNDS PIECES RESULT``. The scripted server at
``PORT`` streams the reply whose pieces are the JSON in ``PIECES`` to each request; ``SCREEN`` is ``print`` (what ``-p`` shows) or ``events`` (``stream-json``, on
stdout). A turn is the real one (sandbox, journal, history), with one provider and then the other, by turns. ``RESULT`` gets
JSON: the CPU of each reply in ms, from the request to the finished message, and what the search takes by itself.
"""

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from py_mono.agent.agent import Agent
from py_mono.agent.guards import Limits
from py_mono.llm.ollama.provider import OllamaProvider
from py_mono.llm.printed.calls import TextCalls
from py_mono.llm.settings import ProviderSettings
from py_mono.protocol.events import Envelope, MessageFinished, SessionStarted, StepStarted, TextDelta
from py_mono.protocol.messages import AssistantMessage, UserMessage
from py_mono.protocol.ports import ModelChunk, ModelRequest, Provider
from py_mono.protocol.tools import ToolSpec
from py_mono.sandbox.branch import WorkerSandbox
from py_mono.sandbox.launch import Launcher
from py_mono.security.redact import Redactor
from py_mono.session.store import Sessions
from py_mono.tools.registry import ToolRegistry
from py_mono.ui.json_mode import EventLines, TurnRecord
from py_mono.ui.output import Output
from py_mono.ui.render import Renderer
from py_mono.ui.terminal import Screen

_REPEATS = 9


class Meter:
    """A subscriber that notes the CPU time at which a reply begins and is whole."""

    def __init__(self) -> None:
        self._began = 0
        self.taken_ms = 0.0

    def __call__(self, envelope: Envelope) -> None:
        """Take one event."""
        if isinstance(envelope.event, StepStarted):
            self._began = time.process_time_ns()
        elif isinstance(envelope.event, MessageFinished):
            self.taken_ms = (time.process_time_ns() - self._began) / 1e6


class Ready:
    """A provider whose reply is there before it is asked for: what is around it is all that costs anything."""

    name, model, window = "ready", "bench", 0

    def __init__(self, chunks: list[ModelChunk]) -> None:
        self._chunks = chunks

    async def prepare(self) -> None:
        """Nothing."""

    async def close(self) -> None:
        """Nothing."""

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        """All of it."""
        del request
        for chunk in self._chunks:
            yield chunk


def _agent(port: str, folder: Path, screen: str, meter: Meter) -> tuple[Agent, dict[str, Provider]]:
    redact = Redactor()
    session = Sessions(folder / "home", redact=redact, notice=print).new(str(folder))
    settings = ProviderSettings(provider="ollama", model="bench", base_url=f"http://127.0.0.1:{port}")
    inner = OllamaProvider(settings)
    providers: dict[str, Provider] = {"without": inner, "with": TextCalls(inner)}
    agent = Agent(
        provider=inner,
        sandbox=WorkerSandbox(Launcher(str(folder))),
        compose=lambda branch, *_, **__: ToolRegistry([branch]),
        system=lambda _: "You are an agent.",
        session=SessionStarted(session.id, str(folder), "0"),
        limits=Limits(),
        redact=redact,
        journal=session.append,
        sync=session.synced,
        wall_clock=time.time,
        monotonic=time.monotonic,
    )
    agent.subscribe(TurnRecord())
    if screen == "events":
        agent.subscribe(EventLines(Output(sys.stdout.buffer)))
    else:
        agent.subscribe(Renderer(Screen(sys.stderr, os.environ, redact=redact), final_text=False))
    agent.subscribe(meter)
    return agent, providers


async def _streamed(port: str, folder: Path, screen: str, rounds: int) -> dict[str, list[float]]:
    meter = Meter()
    agent, providers = _agent(port, folder, screen, meter)
    gc.freeze()
    taken: dict[str, list[float]] = {side: [] for side in providers}
    for number in range(rounds + 1):
        for side in list(providers)[:: 1 if number % 2 else -1]:
            agent.provider = providers[side]
            gc.collect()
            finished = await agent.prompt("Explain it.")
            if finished.stop_reason != "end":
                sys.exit(f"the turn ended with {finished.stop_reason}: {finished.error}")
            if number:  # the first warms up
                taken[side].append(meter.taken_ms)
            await agent.clear()
    await agent.close()
    return taken


async def _alone(pieces: list[str]) -> float:
    """What the search adds to handing on pieces that are there already, in ms of CPU; the least of several."""
    ready = Ready([*map(TextDelta, pieces), AssistantMessage("".join(pieces), model="bench")])
    request = ModelRequest("", (UserMessage("Explain it."),), (ToolSpec("shell", "", {"type": "object"}),))
    taken: dict[str, list[float]] = {"without": [], "with": []}
    for _ in range(_REPEATS):
        for side, provider in (("without", ready), ("with", TextCalls(ready))):
            began = time.process_time_ns()
            async with aclosing(provider.stream(request)) as chunks:
                async for _chunk in chunks:
                    pass
            taken[side].append((time.process_time_ns() - began) / 1e6)
    return min(taken["with"]) - min(taken["without"])


async def _measure(port: str, folder: Path, screen: str, rounds: int, pieces: list[str]) -> dict[str, list[float]]:
    return {**await _streamed(port, folder, screen, rounds), "alone": [await _alone(pieces)]}


if __name__ == "__main__":
    answer = json.loads(Path(sys.argv[5]).read_text(encoding="utf-8"))
    numbers = asyncio.run(_measure(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), answer))
    Path(sys.argv[6]).write_text(json.dumps(numbers), encoding="utf-8")
