"""A provider whose model is a recording: a session runs again without a model."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from py_mono.llm.readiness import Readiness
from py_mono.llm.settings import ProviderSettings
from py_mono.protocol.errors import ConfigError, ReplayDiverged
from py_mono.protocol.events import ReasoningDelta, TextDelta
from py_mono.protocol.messages import AssistantMessage
from py_mono.protocol.ports import ModelChunk, ModelRequest


def create(settings: ProviderSettings) -> "ReplayProvider":
    """The provider for ``settings.replies``. Raises ConfigError where there are none."""
    if not settings.replies:
        raise ConfigError(
            "the provider replay plays a session, and none is named",
            remedy="start it with py-mono --provider replay -r ID",
        )
    return ReplayProvider(settings.replies, model=settings.model)


async def ready(settings: ProviderSettings) -> Readiness:
    """See ``llm.readiness``."""
    recorded = len(settings.replies)
    return Readiness(bool(recorded), f"{recorded} replies" if recorded else "py-mono --provider replay -r ID plays one")


class ReplayProvider:
    """Answers the nth request with the nth recorded reply, as it was: text, calls and their ids.

    Args:
        replies: Oldest first.
        model: Its name in what is recorded anew; empty takes the recorded replies' own.
    """

    def __init__(self, replies: Sequence[AssistantMessage], *, model: str = "") -> None:
        self._replies = tuple(replies)
        self._model = model or next((reply.model for reply in replies if reply.model), "replay")
        self._next = 0

    @property
    def name(self) -> str:
        """See ``Provider``."""
        return "replay"

    @property
    def model(self) -> str:
        """See ``Provider``."""
        return self._model

    @property
    def window(self) -> int:
        """Unknown: a recording takes prompts of any length."""
        return 0

    async def prepare(self) -> None:
        """Nothing to find out."""

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk, None]:
        """The next recorded reply, whatever is asked.

        Raises:
            ReplayDiverged: The recording has no further reply.
        """
        del request
        number = self._next
        if number == len(self._replies):
            raise ReplayDiverged(
                f"the recording has {number} replies, and another was asked for",
                remedy="the session went on further than the recorded one: compare the last results of both",
            )
        self._next += 1
        reply = self._replies[number]
        for kind, text in ((ReasoningDelta, reply.reasoning), (TextDelta, reply.text)):
            if text:
                await asyncio.sleep(0)
                yield kind(text)
        yield reply

    async def close(self) -> None:
        """Nothing is held."""
