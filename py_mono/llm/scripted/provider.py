"""A provider that plays a script: for tests, demos, and machines without a model. ``docs/scripted-provider.md``."""

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path

from py_mono.llm.call_ids import with_unique_ids
from py_mono.llm.readiness import Readiness
from py_mono.llm.retrying import failed
from py_mono.llm.scripted.format import parse
from py_mono.llm.scripted.steps import FAULTS, Cut, Expectation, Fault, Reply, Say, Step, Wait
from py_mono.llm.settings import ProviderSettings
from py_mono.protocol.errors import ConfigError, ProviderError, ProviderUnavailable
from py_mono.protocol.events import ModelRetried, ModelWaiting, ReasoningDelta, TextDelta
from py_mono.protocol.messages import AssistantMessage, ToolMessage, UserMessage
from py_mono.protocol.ports import ModelChunk, ModelRequest
from py_mono.protocol.tools import ToolCall

PIECE = 24
"""Characters in a delta: small, so that whoever joins pieces wrongly is found out."""

_SHOWN = 400


def create(settings: ProviderSettings) -> "ScriptedProvider":
    """The provider for the script at ``settings.script``.

    Raises:
        ConfigError: No script is named, it cannot be read, or it is not a script.
    """
    if not settings.script:
        raise ConfigError("the scripted provider has no script", remedy="set PY_MONO_SCRIPT to the path of one")
    path = Path(settings.script)
    try:
        if path.exists() and not path.is_file():  # reading a FIFO would wait for ever
            raise ConfigError(
                f"the script {path} is not a regular file", remedy="set PY_MONO_SCRIPT to the path of one"
            )
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"the script {path} cannot be read: {error.strerror}",
            remedy="set PY_MONO_SCRIPT to a file that can be read",
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"the script {path} is not UTF-8 text", remedy="save it as UTF-8") from error
    return ScriptedProvider(text, source=path.name, model=settings.model or "script")


async def ready(settings: ProviderSettings) -> Readiness:
    """See ``llm.readiness``."""
    script = settings.script
    return Readiness(bool(script), f"plays {script}" if script else "no script: set PY_MONO_SCRIPT to the path of one")


class ScriptedProvider:
    """Answers the nth request with the script's nth reply."""

    def __init__(self, text: str, *, source: str = "script", model: str = "script") -> None:
        self._source = source
        self._model = model
        self._replies = parse(text, source)
        self._next = 0
        self._played = 0

    @property
    def name(self) -> str:
        """See ``Provider``."""
        return "scripted"

    @property
    def model(self) -> str:
        """See ``Provider``."""
        return self._model

    @property
    def window(self) -> int:
        """Unknown: a script takes prompts of any length."""
        return 0

    async def prepare(self) -> None:
        """Nothing to find out."""

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        """Play the next reply; a request that is not what the script expects is a ``ProviderError`` with its line."""
        reply = self._take(request)
        for expectation in reply.expectations:
            self._check(expectation, request)
        text, reasoning, calls = "", "", list[ToolCall]()
        attempt = 0
        for step in reply.steps:
            match step:
                case Say():
                    text, reasoning = (text, reasoning + step.text) if step.reasoning else (text + step.text, reasoning)
                case ToolCall():
                    calls.append(step)
                case Cut():
                    attempt += 1
                    text, reasoning, calls = "", "", []
                    yield failed(self, attempt, ProviderUnavailable(step.reason))
                case Fault():
                    error = FAULTS[step.kind](step.message, remedy=step.remedy)
                    error.usage = reply.usage
                    yield failed(self, attempt + 1, error)
                    raise error
                case _:
                    pass
            async for chunk in _play(step, attempt):
                yield chunk
        yield AssistantMessage(
            text=text,
            reasoning=reasoning,
            tool_calls=with_unique_ids(calls, request.messages),
            model=self._model,
            usage=reply.usage,
            stop_reason=reply.stop or ("tool_use" if calls else "end"),
        )

    async def close(self) -> None:
        """Nothing is held."""

    def _take(self, request: ModelRequest) -> Reply:
        if self._next == len(self._replies):
            last = request.messages[-1] if request.messages else None
            asked = (
                f"; the last message was: {_text(last)[:_SHOWN]}" if isinstance(last, UserMessage | ToolMessage) else ""
            )
            raise ProviderError(
                f"the script {self._source} is over: it has no reply for request {self._count() + 1}{asked}",
                remedy="add a reply after a line of ---",
            )
        reply = self._replies[self._next]
        self._played += 1
        if self._played == reply.repeat:
            self._next, self._played = self._next + 1, 0
        return reply

    def _count(self) -> int:
        return sum(reply.repeat for reply in self._replies[: self._next]) + self._played

    def _check(self, expectation: Expectation, request: ModelRequest) -> None:
        held = _place(expectation.place, request)
        if (expectation.text in held) != expectation.absent:
            return
        must = "must not hold" if expectation.absent else "must hold"
        raise ProviderError(
            f"{self._source} line {expectation.line}: {expectation.place} {must} {expectation.text!r}; "
            f"it is: {_shortened(held)}",
            remedy="mend the script or the agent: the request is not what the script expects",
        )


async def _play(step: Step, attempt: int) -> AsyncGenerator[ModelChunk, None]:
    """The chunks of one step."""
    match step:
        case Say():
            kind = ReasoningDelta if step.reasoning else TextDelta
            for start in range(0, len(step.text), PIECE):
                await asyncio.sleep(0)
                yield kind(step.text[start : start + PIECE])
        case Wait():
            if step.phase is not None:
                yield ModelWaiting(step.phase)
            await asyncio.sleep(step.seconds)
        case Cut():
            yield ModelRetried(attempt, 0.0, step.reason)
        case _:
            await asyncio.sleep(0)


def _place(place: str, request: ModelRequest) -> str:
    """The text that an ``expect-`` line looks at; empty where there is none."""
    match place:
        case "system":
            return request.system
        case "tools":
            return " ".join(tool.name for tool in request.tools)
        case "user":
            return next((m.text for m in reversed(request.messages) if isinstance(m, UserMessage)), "")
        case "result":
            return "\n".join(_newest_results(request))
        case _:
            return "\n".join(_text(message) for message in request.messages)


def _newest_results(request: ModelRequest) -> list[str]:
    """The results since the newest reply, in order."""
    results: list[str] = []
    for message in reversed(request.messages):
        if isinstance(message, AssistantMessage):
            break
        if isinstance(message, ToolMessage):
            results.insert(0, message.result.content)
    return results


def _text(message: UserMessage | AssistantMessage | ToolMessage | None) -> str:
    match message:
        case UserMessage():
            return message.text
        case ToolMessage():
            return message.result.content
        case AssistantMessage():
            calls = [f"{call.name} {json.dumps(call.arguments, ensure_ascii=False)}" for call in message.tool_calls]
            return "\n".join([message.text, *calls])
        case None:
            return ""


def _shortened(text: str) -> str:
    half = _SHOWN // 2
    return repr(text) if len(text) <= _SHOWN else f"{text[:half]!r} … {text[-half:]!r}"
