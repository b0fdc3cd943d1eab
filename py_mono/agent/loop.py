"""Ask, act, repeat, until the model has answered or a guard ends it."""

from collections.abc import Callable, Sequence
from contextlib import aclosing

from msgspec import Struct

from py_mono.agent.executor import ToolExecutor
from py_mono.agent.guards import LimitGuard, StepGuard, Stop
from py_mono.protocol.attempts import AttemptFailed
from py_mono.protocol.digest import PrefixDigest
from py_mono.protocol.errors import BadResponse
from py_mono.protocol.events import ErrorInfo, MessageFinished, MessageSteered, Notice, StepStarted
from py_mono.protocol.history import History
from py_mono.protocol.late_tools import ToolList
from py_mono.protocol.messages import AssistantMessage, UserMessage
from py_mono.protocol.ports import Emit, ModelRequest, Provider
from py_mono.protocol.tools import ToolSpec

TakeQueued = Callable[[], Sequence[str]]
"""What the person typed since it was last asked, oldest first."""


class Loop(Struct, frozen=True):
    """What the loop is given; it knows nothing else."""

    provider: Provider
    tools: ToolList
    specs: tuple[ToolSpec, ...]
    system: str
    history: History
    prefix: PrefixDigest
    limits: LimitGuard
    guard: StepGuard
    take_queued: TakeQueued
    emit: Emit
    clock: Callable[[], float]

    async def run(self) -> Stop | None:
        """Run to the end of the turn: None where the model answered.

        Raises:
            ProviderError: The model could not be asked.
            SandboxError: No tool can be called any more.
            CancelledError: At any await; every call is closed by then.
        """
        executor = ToolExecutor(self.tools, self.specs, self.emit, self.clock)
        while True:
            if stop := self.limits.before_step():
                return stop
            message = await self._ask()
            if not message.tool_calls:
                if self._steer():
                    continue
                return _cut_short(message) if message.stop_reason == "length" else None
            results = await executor.run(message.tool_calls)
            verdict = self.guard.after_step(message.tool_calls, results)
            if isinstance(verdict, Stop):
                return verdict
            if verdict:
                self.emit(MessageSteered(UserMessage(verdict), "guard"))
            self._steer()

    def _steer(self) -> bool:
        """Put what the person typed meanwhile at the end of the conversation."""
        texts = self.take_queued()
        for text in texts:
            self.emit(MessageSteered(UserMessage(text)))
        return bool(texts)

    async def _ask(self) -> AssistantMessage:
        # First of all: in front of what the person said a note has no place.
        if announced := await self.tools.late(self.history.told):
            self.emit(announced)
        if note := self.history.jobs.note():
            self.emit(MessageSteered(UserMessage(note), "job"))
        request = ModelRequest(self.system, tuple(self.history.messages), self.specs)
        digest, broken = self.prefix.extend(request, self.provider.model)
        if broken:
            self.emit(broken)
        self.emit(StepStarted(self.limits.start_step(), self.provider.model, digest))
        message: AssistantMessage | None = None
        async with aclosing(self.provider.stream(request)) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, AssistantMessage):
                    message = chunk
                    break
                if isinstance(chunk, AttemptFailed):
                    self._counted(chunk)
                else:
                    self.emit(chunk)
        if message is None:
            raise BadResponse(f"{self.provider.name} ended its stream without a message")
        self._counted(MessageFinished(message))  # no await from here until its calls are run: each gets its result
        return message

    def _counted(self, fact: MessageFinished | AttemptFailed) -> None:
        self.emit(fact)
        for note in self.limits.count(fact):
            self.emit(Notice(note))


def _cut_short(message: AssistantMessage) -> Stop:
    used = message.usage.output_tokens
    text = f"the reply was cut by the output limit{f' after {used} tokens' if used else ''}"
    return Stop("length", ErrorInfo("length", text, "continue the session, and the model goes on"))
