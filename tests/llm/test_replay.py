import pytest

from py_mono.llm.registry import create
from py_mono.llm.replay import ReplayProvider
from py_mono.llm.settings import ProviderSettings
from py_mono.protocol.errors import ReplayDiverged
from py_mono.protocol.events import ReasoningDelta, TextDelta
from py_mono.protocol.messages import AssistantMessage, Usage, UserMessage
from py_mono.protocol.ports import ModelChunk, ModelRequest
from py_mono.protocol.tools import ToolCall

FIRST = AssistantMessage("I look.", "Hm.", (ToolCall("x9", "shell", {}),), "qwen3", Usage(5, 6, 0, 0.0), "tool_use")
SECOND = AssistantMessage("Done.", model="qwen3")


def request(*texts: str) -> ModelRequest:
    return ModelRequest("system", tuple(UserMessage(text) for text in texts), ())


async def play(provider: ReplayProvider, asked: ModelRequest) -> list[ModelChunk]:
    return [chunk async for chunk in provider.stream(asked)]


async def test_replies_come_back_as_they_were_recorded() -> None:
    provider = create(ProviderSettings(provider="replay", replies=(FIRST, SECOND)))
    assert isinstance(provider, ReplayProvider)
    assert (provider.name, provider.model) == ("replay", "qwen3")
    assert await play(provider, request("a")) == [ReasoningDelta("Hm."), TextDelta("I look."), FIRST]
    assert await play(provider, request("other")) == [TextDelta("Done."), SECOND]


async def test_asking_past_the_end_is_a_divergence() -> None:
    provider = ReplayProvider([SECOND])
    await play(provider, request("a"))
    with pytest.raises(ReplayDiverged, match="has 1 replies, and another was asked for"):
        await play(provider, request("a", "b"))
