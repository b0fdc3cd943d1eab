"""The prefix guard: equal digests for equal requests, and the place where a prefix breaks."""

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_mono.protocol.digest import PrefixDigest
from py_mono.protocol.events import PrefixBroken
from py_mono.protocol.messages import AssistantMessage, Message, ToolMessage, UserMessage
from py_mono.protocol.ports import ModelRequest
from py_mono.protocol.tools import ToolResult, ToolSpec

TOOL = ToolSpec("look", "Look.", {"type": "object"})


def plain(text: str) -> str:
    return text


def request(*messages: Message, system: str = "s", tools: tuple[ToolSpec, ...] = (TOOL,)) -> ModelRequest:
    return ModelRequest(system, messages, tools)


texts = st.text(max_size=20)
messages = st.one_of(
    texts.map(UserMessage),
    texts.map(lambda text: AssistantMessage(text=text)),
    texts.map(lambda text: ToolMessage(ToolResult("id", "look", text))),
)


@given(st.lists(messages, min_size=1, max_size=8), st.data())
def test_a_digest_does_not_depend_on_the_way_there(conversation: list[Any], data: st.DataObject) -> None:
    stepwise, at_once = PrefixDigest(plain), PrefixDigest(plain)
    length, digest = 0, ""
    while length < len(conversation):
        length = data.draw(st.integers(length + 1, len(conversation)))
        digest, broken = stepwise.extend(request(*conversation[:length]), "m")
        assert broken is None
    assert at_once.extend(request(*conversation), "m") == (digest, None)


@given(st.lists(messages, min_size=1, max_size=6), st.integers(0, 5), messages)
def test_another_message_anywhere_is_another_digest(conversation: list[Any], index: int, other: Any) -> None:
    index %= len(conversation)
    changed = [*conversation]
    changed[index] = other
    guard = PrefixDigest(plain)
    first, _ = guard.extend(request(*conversation), "m")
    second, broken = guard.extend(request(*changed), "m")
    if other == conversation[index]:
        assert (second, broken) == (first, None)
    else:
        assert second != first
        assert isinstance(broken, PrefixBroken)
        assert (broken.part, broken.index) == ("message", index)
        assert f"message {index + 1} (" in broken.cause


@pytest.mark.parametrize(
    ("changed", "model", "part", "cause"),
    [
        (request(UserMessage("a"), system="other"), "m", "system", "the system prompt changed"),
        (request(UserMessage("a")), "n", "model", "the model changed from m to n"),
        (request(UserMessage("a"), tools=()), "m", "tools", "the tool list changed (removed: look)"),
        (
            request(UserMessage("a"), tools=(msgspec.structs.replace(TOOL, description="!"), ToolSpec("new", "", {}))),
            "m",
            "tools",
            "the tool list changed (added: new; changed: look)",
        ),
        (request(), "m", "message", "the conversation lost its messages from number 1 on"),
    ],
)
def test_a_break_names_its_place_and_cause(changed: ModelRequest, model: str, part: str, cause: str) -> None:
    guard = PrefixDigest(plain)
    guard.extend(request(UserMessage("a")), "m")
    _, broken = guard.extend(changed, model)
    assert broken == PrefixBroken(part, 0 if part == "message" else -1, cause)  # type: ignore[arg-type]


def test_after_a_break_the_new_request_is_the_prefix() -> None:
    guard = PrefixDigest(plain)
    guard.extend(request(UserMessage("a")), "m")
    guard.extend(request(UserMessage("b"), system="t"), "m")
    digest, broken = guard.extend(request(UserMessage("b"), AssistantMessage(text="c"), system="t"), "m")
    assert broken is None
    fresh = PrefixDigest(plain).extend(request(UserMessage("b"), AssistantMessage(text="c"), system="t"), "m")
    assert fresh == (digest, None)


def test_digests_are_of_the_redacted_form() -> None:
    def hide(text: str) -> str:
        return re.sub("secret-[0-9]", "[hidden]", text)

    live, _ = PrefixDigest(hide).extend(request(UserMessage("my secret-1")), "m")
    journal, _ = PrefixDigest(hide).extend(request(UserMessage("my [hidden]")), "m")
    assert live == journal


def test_a_front_that_changed_together_with_the_model_is_in_the_digest() -> None:
    guard = PrefixDigest(plain)
    guard.extend(request(UserMessage("a")), "m")
    changed = request(UserMessage("a"), system="other")
    digest, broken = guard.extend(changed, "n")
    assert isinstance(broken, PrefixBroken)
    assert broken.part == "model"
    assert digest == PrefixDigest(plain).extend(changed, "n")[0]
