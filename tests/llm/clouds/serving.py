"""A place for LiteLLM's provider to ask: one server for each wire, on this machine."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import NamedTuple

from py_mono.llm.clouds.provider import LiteLLMProvider
from py_mono.llm.settings import LiteLLMSettings, ProviderSettings
from py_mono.protocol.errors import ConfigError
from py_mono.protocol.messages import AssistantMessage, UserMessage
from py_mono.protocol.ports import ModelChunk, ModelRequest
from py_mono.protocol.tools import ToolSpec
from tests.servers.fake_anthropic import FakeAnthropic
from tests.servers.fake_gemini import FakeGemini
from tests.servers.fake_http import FakeServer, Reaction
from tests.servers.fake_ollama import FakeOllama
from tests.servers.fake_openai import FakeOpenAI

KEY = "sk-do-not-show-me-1234567890"
TOOL = ToolSpec("read_file", "reads", {"type": "object", "properties": {"path": {"type": "string"}}})
ASK = ModelRequest("be brief", (UserMessage("hello"),), (TOOL,))
SERVERS: dict[str, type[FakeServer]] = {
    "openai": FakeOpenAI,
    "groq": FakeOpenAI,
    "openrouter": FakeOpenAI,
    "anthropic": FakeAnthropic,
    "gemini": FakeGemini,
    "ollama": FakeOllama,
}


CLOSED = ConfigError("the stored keys cannot be opened", remedy="set LLM_MASTER_KEY")


class Looked(NamedTuple):
    """What a look for a key came to: ``llm.settings.FoundKey``."""

    key: str
    origin: str
    trouble: ConfigError | None = None


class StoredKeys:
    """Keys as a store has them, by the providers' names; each look is counted, with the thread that it was made in."""

    def __init__(self, stored: dict[str, str] | None = None, *, closed: bool = False) -> None:
        self.stored = stored or {}
        self.closed = closed
        self.found_in: list[str] = []

    def may_have(self, provider: str, variables: Sequence[str]) -> bool:
        del variables
        return self.closed or provider in self.stored

    def look(self, provider: str, variables: Sequence[str]) -> Looked:
        del variables
        self.found_in.append(threading.current_thread().name)
        if self.closed:
            raise CLOSED
        return Looked(self.stored.get(provider, ""), "stored" if provider in self.stored else "")


@contextmanager
def serving(
    model: str, answers: Sequence[Reaction], *, repeat: bool = False, **settings: float
) -> Iterator[tuple[LiteLLMProvider, FakeServer]]:
    """The provider for a model string, and the server it asks: one that speaks OpenAI's wire where the table has none."""
    with SERVERS.get(model.partition("/")[0], FakeOpenAI)(answers, repeat=repeat) as server:
        yield provider_at(model, server.url, **settings), server


def provider_at(model: str, url: str, **settings: float) -> LiteLLMProvider:
    """The provider for a model string, aimed at ``url``."""
    prefix = model.partition("/")[0].upper()
    environment = {f"{prefix}_API_KEY": KEY, f"{prefix}_BASE_URL": url}
    given = {"backoff_s": 0.0, **settings}
    return LiteLLMProvider(
        ProviderSettings(
            provider="litellm",
            model=model,
            base_url=url,
            environment=environment,
            litellm=LiteLLMSettings(**given),  # type: ignore[arg-type]  # attempts is whole
        )
    )


async def play(provider: LiteLLMProvider, asked: ModelRequest = ASK) -> list[ModelChunk]:
    """Every chunk of one reply."""
    async with aclosing(provider.stream(asked)) as chunks:
        return [chunk async for chunk in chunks]


async def reply(provider: LiteLLMProvider, asked: ModelRequest = ASK) -> AssistantMessage:
    """The message of one reply."""
    message = (await play(provider, asked))[-1]
    assert isinstance(message, AssistantMessage)
    return message
