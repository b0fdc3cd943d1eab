"""A provider whose model is a recording: a session runs again without a model, and it is found out where it differs."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from py_mono.llm.settings import ProviderSettings
from py_mono.protocol.digest import PrefixDigest
from py_mono.protocol.errors import ConfigError, ReplayDiverged
from py_mono.protocol.events import ReasoningDelta, TextDelta
from py_mono.protocol.messages import AssistantMessage
from py_mono.protocol.ports import ModelChunk, ModelRequest, Redact


def create(settings: ProviderSettings) -> "ReplayProvider":
    """The provider for ``settings.replies``.

    Raises:
        ConfigError: There are digests, but not one for each reply, or no ``redact``.
    """
    return ReplayProvider(
        settings.replies, digests=settings.digests, redact=settings.redact, model=settings.model, name="replay"
    )


class ReplayProvider:
    """Answers the nth request with the nth recorded reply, as it was: text, calls and their ids.

    Args:
        replies: Oldest first.
        digests: Where given, the nth request must have the nth digest (``StepStarted.request_digest``).
        redact: What the digests were taken through.
        model: Its name in what is recorded anew, and in the digests; empty takes the recorded replies' own.
        name: The registry's name.
    """

    def __init__(
        self,
        replies: Sequence[AssistantMessage],
        *,
        digests: Sequence[str] = (),
        redact: Redact | None = None,
        model: str = "",
        name: str = "replay",
    ) -> None:
        if digests and len(digests) != len(replies):
            raise ConfigError(f"the recording has {len(replies)} replies but {len(digests)} digests")
        if digests and redact is None:
            raise ConfigError("digests can only be compared through the redaction they were taken with")
        self._replies = tuple(replies)
        self._digests = tuple(digests)
        self._digest = PrefixDigest(redact) if redact else None
        self._model = model or next((reply.model for reply in replies if reply.model), "replay")
        self._name = name
        self._next = 0

    @property
    def name(self) -> str:
        """See ``Provider``."""
        return self._name

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
        """The next recorded reply.

        Raises:
            ReplayDiverged: The recording has no further reply, or the request is not the recorded one.
        """
        number = self._next
        if number == len(self._replies):
            raise ReplayDiverged(
                f"the recording has {number} replies, and another was asked for",
                remedy="the session went on further than the recorded one: compare the last results of both",
            )
        self._check(number, request)
        self._next += 1
        reply = self._replies[number]
        for kind, text in ((ReasoningDelta, reply.reasoning), (TextDelta, reply.text)):
            if text:
                await asyncio.sleep(0)
                yield kind(text)
        yield reply

    async def close(self) -> None:
        """Nothing is held."""

    def _check(self, number: int, request: ModelRequest) -> None:
        if self._digest is None or not self._digests:
            return
        digest, _ = self._digest.extend(request, self._model)
        if digest != self._digests[number]:
            raise ReplayDiverged(
                f"request {number + 1} is not the recorded one: its digest is {digest}, recorded was {self._digests[number]}",
                remedy="system prompt, tools, or a result differ from when the session was recorded",
            )
