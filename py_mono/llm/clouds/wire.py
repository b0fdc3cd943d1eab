"""Requests in the terms of OpenAI's chat, which LiteLLM translates for each provider; the same conversation always gives the same.

Sources: OpenAI's API reference ("Chat Completions"), Anthropic's "Prompt caching" and "Extended thinking", Google's
"Thought signatures", and for what each server refuses the rules in ``tests/servers/strict_*.py``.
"""

import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from py_mono.llm.clouds.models import Model
from py_mono.llm.foreign import each_call_once, is_own
from py_mono.llm.printed.protocol import as_text
from py_mono.protocol.messages import AssistantMessage, Message, ToolMessage, UserMessage
from py_mono.protocol.ports import ModelRequest
from py_mono.protocol.tools import ToolSpec

_ID = re.compile(r"(?!.*__thought__)[a-zA-Z0-9_-]{1,40}")
"""What OpenAI and Anthropic take; LiteLLM takes what follows ``__thought__`` for a signature of Gemini's."""

_MISTRALS_ID = re.compile(r"[a-zA-Z0-9]{9}")
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")
_NOT_AT_FRONT = re.compile(r"^(?=[^a-zA-Z_])")
_NAME_LENGTH = 64
_MARK = {"type": "ephemeral"}
_NOTHING = "(no text)"
_GO_ON = AssistantMessage("Understood.")
"""Said by the model between a result and what the person says, where they may not follow each other."""

_WITHOUT_CALL_IDS = frozenset(("gemini", "vertex_ai"))
"""Where LiteLLM drops a call that stands in the reply already, and keeps its result."""

_WANT_THEIR_THINKING = frozenset(("deepseek", "moonshot"))
"""Who refuses a conversation in which the thinking of its own replies is missing; others refuse one in which it stands."""

_UNSIGNED = {
    "type": "reasoning.encrypted",
    "data": "skip_thought_signature_validator",
    "format": "google-gemini-v1",
    "index": 0,
}
"""Google's placeholder for a signature, as OpenRouter hands it on.

It stands for Gemini's own signatures too: OpenRouter asks at two places, and each refuses the other's.
"""

THINKING = "thinking_blocks"
SIGNATURES = "thought_signatures"
"""Members of ``provider_data``: Anthropic's signed thinking, and Gemini's signature of each call by its id."""

_encoder = msgspec.json.Encoder()


def encode(request: ModelRequest, model: Model, *, default_output: int = 0, by_name: bool = True) -> dict[str, Any]:
    """The arguments of LiteLLM's ``acompletion`` that say what is asked.

    Args:
        request: The question.
        model: Whom it is asked of.
        default_output: The longest reply to ask for where the request does not say; 0 leaves it to the server.
        by_name: Whether the server takes a tool's name as the choice; else it is held to a call, and offered no other tool.
    """
    if not request.tools and any(isinstance(one, ToolMessage) for one in request.messages):
        request = as_text(request)  # Anthropic refuses calls where no tools are offered
    messages: list[dict[str, Any]] = [{"role": "system", "content": request.system}]
    messages += [_message(one, model) for one in _suited(request.messages, model)]
    if model.caches_by_mark:
        messages[0]["content"] = [_marked(request.system)]
        _mark_newest(messages)
    asked: dict[str, Any] = {"messages": messages, "stream_options": {"include_usage": True}}
    if request.tools:
        offered = [tool for tool in request.tools if by_name or request.only_tool in {"", tool.name}]
        asked["tools"] = [_tool(tool) for tool in offered]
    if request.only_tool and model.provider != "ollama_chat":  # which has no such choice
        named = {"type": "function", "function": {"name": request.only_tool}}
        asked["tool_choice"] = named if by_name else "required"
    if longest := request.max_output_tokens or default_output:
        asked["max_tokens"] = longest
    return asked


def valid_id(text: str) -> str:
    """The call's id as every server but Mistral's takes it: the same for the same."""
    return text if _ID.fullmatch(text) else f"call_{_digest(text)}"


def _digest(text: str) -> str:
    return blake2b(text.encode(errors="replace"), digest_size=8).hexdigest()


def _is_mistrals(model: Model) -> bool:
    return model.provider in {"codestral", "mistral"} or model.name.startswith("openrouter/mistralai/")


def _id(text: str, model: Model) -> str:
    if not _is_mistrals(model):
        return valid_id(text)
    return text if _MISTRALS_ID.fullmatch(text) else _digest(text)[:9]


def _suited(messages: Sequence[Message], model: Model) -> Iterator[Message]:
    """The messages that this provider can be sent."""
    if model.provider in _WITHOUT_CALL_IDS:
        yield from each_call_once(messages)
        return
    before: Message | None = None
    for message in messages:
        if isinstance(before, ToolMessage) and isinstance(message, UserMessage) and _is_mistrals(model):
            yield _GO_ON
        yield message
        before = message


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _name(text: str) -> str:
    """A tool's name as every server takes it; a model may have asked for one that no tool has."""
    return _NOT_AT_FRONT.sub("_", _NOT_IN_NAMES.sub("_", text) or "unnamed")[:_NAME_LENGTH]


def _text(text: str) -> str:
    """A text as every server takes it: none that is blank."""
    return text if text.strip() else _NOTHING


def _marked(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text, "cache_control": _MARK}


def _mark_newest(messages: list[dict[str, Any]]) -> None:
    """Have the conversation cached up to its end: the mark is no part of what is compared with the cache."""
    newest = messages[-1]
    if newest["role"] == "tool":
        newest["cache_control"] = _MARK
    elif newest["role"] == "user":
        newest["content"] = [_marked(newest["content"])]


def _message(message: Message, model: Model) -> dict[str, Any]:
    match message:
        case AssistantMessage():
            return _reply(message, model)
        case ToolMessage(result):
            return {"role": "tool", "tool_call_id": _id(result.call_id, model), "content": _text(result.content)}
        case _:
            return {"role": "user", "content": _text(message.text)}


def _reply(message: AssistantMessage, model: Model) -> dict[str, Any]:
    said: dict[str, Any] = {"role": "assistant", "content": _text(message.text)}
    own = message.provider_data if is_own(message, model.name) else {}
    if message.tool_calls:
        signatures = own.get(SIGNATURES) or {}
        said["content"] = message.text if message.text.strip() else None
        said["tool_calls"] = []
        for call in message.tool_calls:
            function = {"name": _name(call.name), "arguments": _encoder.encode(call.arguments).decode()}
            encoded: dict[str, Any] = {"id": _id(call.id, model), "type": "function", "function": function}
            if signature := signatures.get(call.id):
                encoded["provider_specific_fields"] = {"thought_signature": signature}
            said["tool_calls"].append(encoded)
    if model.provider in _WANT_THEIR_THINKING and is_own(message, model.name) and message.reasoning:
        said["reasoning_content"] = message.reasoning
    if message.tool_calls and model.name.startswith("openrouter/google/gemini-"):
        said["reasoning_details"] = [{**_UNSIGNED, "id": said["tool_calls"][0]["id"]}]
    if blocks := own.get(THINKING):
        said[THINKING] = blocks
    return said
