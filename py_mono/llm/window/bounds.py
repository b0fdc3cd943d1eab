"""How many tokens any tokenizer makes of a request, at most and at least: what a server's count is held against."""

import re

from py_mono.protocol.codec import encode
from py_mono.protocol.messages import AssistantMessage, Message, ToolMessage
from py_mono.protocol.ports import ModelRequest

CHARS_PER_TOKEN = 16
"""More than text of any language has in any tokenizer, once runs (of blanks, of dashes: often one token) are one. Prose
and code come to 3 to 5; only single words have more."""

_RUNS = re.compile(r"(.{1,4}?)\1{2,}", re.DOTALL)

_FRAME_TOKENS = 64
"""A template writes at most so much round one message."""


def most_of_request(request: ModelRequest, size: int) -> int:
    """The most tokens that any tokenizer makes of a request of ``size`` bytes, a template's words included."""
    return size + _FRAME_TOKENS * (len(request.messages) + len(request.tools) + 1)


def most_of(messages: tuple[Message, ...]) -> int:
    """The most tokens that any tokenizer makes of them: one for each byte, and the template's."""
    return sum(len(encode(message)) + _FRAME_TOKENS for message in messages)


def least_of_request(request: ModelRequest) -> int:
    """The fewest tokens that any tokenizer makes of the request."""
    texts = [request.system, *_sure_texts(request.messages)]
    return sum(len(_RUNS.sub(r"\1", text)) for text in texts) // CHARS_PER_TOKEN


def sure_chars(messages: tuple[Message, ...]) -> int:
    """The characters that every template writes out."""
    return sum(len(text.strip()) for text in _sure_texts(messages))


def droppable(request: ModelRequest) -> int:
    """The most tokens of it that templates may leave out of a later prompt: all that the model said and thought."""
    return sum(len(encode(message)) for message in request.messages if isinstance(message, AssistantMessage))


def _sure_texts(messages: tuple[Message, ...]) -> list[str]:
    """What every template writes out: the words of people and tools. Thinking is often left out, calls are rewritten."""
    return [
        message.result.content if isinstance(message, ToolMessage) else message.text
        for message in messages
        if not isinstance(message, AssistantMessage)
    ]
