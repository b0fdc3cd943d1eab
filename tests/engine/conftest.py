"""A real llama.cpp server in this process, with models that are made here."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from py_mono.llm.clouds.provider import LiteLLMProvider
from py_mono.llm.settings import LiteLLMSettings, ProviderSettings
from tests.journeys.program import Program

xllamacpp = pytest.importorskip("xllamacpp", reason="xllamacpp (llama.cpp) has no wheel for this Python or machine")
tiny_model = pytest.importorskip(
    "tests.engine.tiny_model", reason="gguf, which writes the model's file, is not installed"
)

WINDOW = 16_384


@contextmanager
def serving(path: Path, *, window: int, slots: int = 1) -> Iterator[str]:
    """The base URL of a server that has the model; it listens on 127.0.0.1, at a port of its own."""
    asked = xllamacpp.CommonParams()
    asked.model.path = str(path)
    asked.n_ctx, asked.n_parallel = window * slots, slots
    asked.port, asked.verbosity, asked.warmup = 0, 0, False
    asked.sampling.temp = 0
    asked.cpuparams.n_threads = asked.cpuparams_batch.n_threads = 1  # more of them wait for each other, spinning
    server: Any = xllamacpp.Server(asked)
    yield f"{server.listening_address}/v1"
    del server  # which ends it


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny_model.write_model(folder / "tiny.gguf")
    tiny_model.write_model(folder / "endless.gguf", endless=True)
    return folder


@pytest.fixture(scope="session")
def tiny(models: Path) -> Iterator[str]:
    """A server whose model calls a tool where there are some, and then answers; two conversations at a time."""
    with serving(models / "tiny.gguf", window=WINDOW, slots=2) as url:
        yield url


@pytest.fixture(scope="session")
def small(models: Path) -> Iterator[str]:
    """The same with a small window."""
    with serving(models / "tiny.gguf", window=4_096) as url:
        yield url


@pytest.fixture(scope="session")
def endless(models: Path) -> Iterator[str]:
    """A server whose model never comes to an end."""
    with serving(models / "endless.gguf", window=WINDOW) as url:
        yield url


@pytest.fixture
async def provider_at() -> AsyncIterator[Callable[[str], LiteLLMProvider]]:
    """Makes providers for the server at a URL; they are closed afterwards."""
    made: list[LiteLLMProvider] = []

    def make(url: str) -> LiteLLMProvider:
        made.append(
            LiteLLMProvider(
                ProviderSettings(
                    provider="litellm",
                    model="openai/tiny",
                    environment={"OPENAI_BASE_URL": url},
                    litellm=LiteLLMSettings(attempts=1),
                )
            )
        )
        return made[-1]

    yield make
    for provider in made:
        await provider.close()


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)
