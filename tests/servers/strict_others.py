"""What servers with OpenAI's wire refuse besides: Groq, Mistral, and those that want their own thinking back."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from tests.servers import strict_openai
from tests.servers.fake_http import Request
from tests.servers.strict_openai import StrictOpenAI
from tests.servers.strictness import Body, Rule, Violation, broken

_SKIP = "skip_thought_signature_validator"


def _reasoning(body: Body) -> Iterator[str]:
    for at, message in enumerate(body["messages"]):
        for key in sorted({"reasoning", "reasoning_content", "thinking_blocks"} & set(message)):
            role = message["role"]
            yield f"'messages.{at}' : for 'role:{role}' the following must be satisfied[('messages.{at}' : property '{key}' is unsupported)]"


def _nine(body: Body) -> Iterator[str]:
    for message in body["messages"]:
        for call in message.get("tool_calls") or ():
            if not re.fullmatch("[a-zA-Z0-9]{9}", call["id"]):
                yield f"Tool call id was {call['id']} but must be a-z, A-Z, 0-9, with a length of 9."


def _order(body: Body) -> Iterator[str]:
    roles = [message["role"] for message in body["messages"]]
    for before, after in pairwise(roles):
        if (before, after) in {("tool", "user"), ("user", "tool"), ("assistant", "assistant"), ("user", "system")}:
            yield f"Unexpected role '{after}' after role '{before}'"
    if roles[-1] == "assistant":
        yield "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant"


def _thoughtful(body: Body) -> Iterator[str]:
    for at, message in enumerate(body["messages"]):
        if message.get("tool_calls") and not message.get("reasoning_content"):
            yield f"thinking is enabled but reasoning_content is missing in assistant tool call message at index {at}"


def _said(body: Body) -> Iterator[str]:
    for message in body["messages"]:
        if message["role"] == "assistant" and not message.get("content") and not message.get("tool_calls"):
            yield "Assistant message must have either content or tool_calls, but not none."


def _texts(body: Body) -> Iterator[str]:
    for at, message in enumerate(body["messages"]):
        if not isinstance(message.get("content") or "", str):
            role = message["role"]
            yield (
                f"'messages.{at}' : for 'role:{role}' the following must be satisfied[('messages.{at}.content' : value must "
                "be a string)]"
            )


def _first_id(message: dict[str, Any]) -> str:
    return next((call["id"] for call in message.get("tool_calls") or ()), "")


def _details(body: Body) -> Iterator[str]:
    for at, message in enumerate(body["messages"]):
        details = [one for one in message.get("reasoning_details") or () if one["type"] == "reasoning.encrypted"]
        calls = message.get("tool_calls") or ()
        if calls and not details:
            yield (
                "Gemini models require OpenRouter reasoning details to be preserved in each request. Please refer to our docs: "
                "https://openrouter.ai/docs/use-cases/reasoning-tokens#preserving-reasoning-blocks. Upstream error: Function "
                "call is missing a thought_signature in functionCall parts. Additional data, function call "
                f"`default_api:{calls[0]['function']['name']}` , position {at + 1}."
            )
        elif details and [(one["id"], one["index"], one["data"]) for one in details] != [
            (_first_id(message), 0, _SKIP)
        ]:
            yield "Unable to submit request because Thought signature is not valid"


GROQ = (
    Rule("no thinking", "https://github.com/janhq/jan/issues/8136", _reasoning),
    Rule("content is text", "https://github.com/tidyverse/ellmer/issues/162", _texts),
)
MISTRAL = (
    Rule("ids of nine letters", "https://github.com/anomalyco/opencode/issues/1680", _nine),
    Rule("order of roles", "https://github.com/BerriAI/litellm/issues/6323", _order),
    Rule("something said", "https://docs.mistral.ai/api/#tag/chat", _said),
)
THINKERS = (Rule("their thinking", "https://github.com/mastra-ai/mastra/issues/12592", _thoughtful),)

OPENROUTER_GEMINI = (Rule("reasoning details", "https://github.com/RooCodeInc/Roo-Code/pull/10640", _details),)


def groq(body: Body) -> list[Violation]:
    """What Groq would refuse."""
    return broken((*strict_openai.RULES[:-1], *GROQ), body)


def mistral(body: Body) -> list[Violation]:
    """What Mistral would refuse."""
    return broken((*strict_openai.RULES[:3], *strict_openai.RULES[4:], *MISTRAL), body)


def thinker(body: Body) -> list[Violation]:
    """What Moonshot's thinking models would refuse; DeepSeek's want the same, in other words."""
    return broken((*strict_openai.RULES[:-1], *THINKERS), body)


def openrouter_gemini(body: Body) -> list[Violation]:
    """What OpenRouter would refuse where Google's models answer: signatures of one of its places are none at another."""
    return broken((*strict_openai.RULES[:-1], *OPENROUTER_GEMINI), body)


class StrictGroq(StrictOpenAI):
    """OpenAI's wire with Groq's rules."""

    def check(self, request: Request) -> list[Violation]:
        return groq(request.json)


class StrictMistral(StrictOpenAI):
    """OpenAI's wire with Mistral's rules."""

    def check(self, request: Request) -> list[Violation]:
        return mistral(request.json)


class StrictOpenRouter(StrictOpenAI):
    """OpenAI's wire with OpenRouter's rules for Gemini."""

    def check(self, request: Request) -> list[Violation]:
        return openrouter_gemini(request.json)
