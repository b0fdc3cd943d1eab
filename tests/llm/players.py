"""Providers made of a function, and what a request of one gave."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from py_mono.protocol.errors import ProviderError
from py_mono.protocol.messages import AssistantMessage, UserMessage
from py_mono.protocol.ports import ModelChunk, ModelRequest, Provider

ASK = ModelRequest("be brief", (UserMessage("hello"),), ())


class Player:
    """A provider whose requests ``play`` answers, given the provider and the request."""

    def __init__(
        self,
        play: "Callable[[Player, ModelRequest | None], AsyncGenerator[ModelChunk, None]]",
        *,
        name: str = "played",
        model: str = "m",
        window: int = 0,
        unready: ProviderError | None = None,
    ) -> None:
        self.name = name
        self.model = model
        self.window = window
        self.unready = unready
        self.prepared = 0
        self.asked = 0
        self.closed = 0
        self._play = play

    async def prepare(self) -> None:
        self.prepared += 1
        if self.unready is not None:
            raise self.unready

    def stream(self, request: ModelRequest | None) -> AsyncGenerator[ModelChunk, None]:
        self.asked += 1
        return self._play(self, request)

    async def close(self) -> None:
        self.closed += 1


@dataclass
class Played:
    """What a request gave."""

    chunks: list[ModelChunk]
    error: ProviderError | None = None

    @property
    def message(self) -> AssistantMessage | None:
        last = self.chunks[-1] if self.chunks else None
        return last if isinstance(last, AssistantMessage) else None


async def play(provider: Provider, request: ModelRequest = ASK) -> Played:
    """One request, whatever comes of it; what is no ``ProviderError`` is raised."""
    seen = Played([])
    try:
        async with aclosing(provider.stream(request)) as chunks:
            async for chunk in chunks:
                seen.chunks.append(chunk)
    except ProviderError as error:
        seen.error = error
    return seen
