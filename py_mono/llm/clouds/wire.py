"""Requests in the terms of OpenAI's chat, which LiteLLM translates for each provider; the same conversation always gives the same.

Sources: OpenAI's API reference ("Chat Completions"), Anthropic's "Prompt caching" and "Extended thinking", Google's
"Thought signatures".
"""

import re
from hashlib import blake2b
from typing import Any

import msgspec

from py_mono.llm.clouds.models import Model
from py_mono.protocol.messages import AssistantMessage, Message, ToolMessage
from py_mono.protocol.ports import ModelRequest
from py_mono.protocol.tools import ToolSpec

_ID = re.compile(r"[a-zA-Z0-9_-]{1,40}")
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")
_NAME_LENGTH = 64
_MARK = {"type": "ephemeral"}
_NOTHING = "(no text)"
_WANT_THEIR_THINKING = frozenset(("deepseek", "moonshot"))
"""Who refuses a conversation in which the thinking of its own replies is missing; others refuse one in which it stands."""

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
    messages = [{"role": "system", "content": request.system}, *(_message(one, model) for one in request.messages)]
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
    """The call's id as every server takes it: the same for the same."""
    return text if _ID.fullmatch(text) else f"call_{blake2b(text.encode(errors='replace'), digest_size=8).hexdigest()}"


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _name(text: str) -> str:
    """A tool's name as every server takes it; a model may have asked for one that no tool has."""
    return _NOT_IN_NAMES.sub("_", text)[:_NAME_LENGTH] or "unnamed"


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
            return {"role": "tool", "tool_call_id": valid_id(result.call_id), "content": result.content or _NOTHING}
        case _:
            return {"role": "user", "content": message.text or _NOTHING}


def _reply(message: AssistantMessage, model: Model) -> dict[str, Any]:
    said: dict[str, Any] = {"role": "assistant", "content": message.text}
    own = message.provider_data if message.model == model.name else {}  # a signature holds for the model that made it
    if message.tool_calls:
        signatures = own.get(SIGNATURES) or {}
        said["content"] = message.text or None
        said["tool_calls"] = []
        for call in message.tool_calls:
            function = {"name": _name(call.name), "arguments": _encoder.encode(call.arguments).decode()}
            encoded: dict[str, Any] = {"id": valid_id(call.id), "type": "function", "function": function}
            if signature := signatures.get(call.id):
                encoded["provider_specific_fields"] = {"thought_signature": signature}
            said["tool_calls"].append(encoded)
    elif not message.text:
        said["content"] = _NOTHING
    if model.provider in _WANT_THEIR_THINKING and message.model == model.name and message.reasoning:
        said["reasoning_content"] = message.reasoning
    if blocks := own.get(THINKING):
        said[THINKING] = blocks
    return said
