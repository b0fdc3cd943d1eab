"""What a server gives back, of any type, as text within limits."""

import base64
import binascii
from collections.abc import Iterable, Sequence

import mcp_types
import msgspec

from py_mono.mcp_integration.link import Said
from py_mono.mcp_integration.words import cleaned, line

LONGEST_TEXT = 100_000
"""Characters of a result; the registry holds it to the model's window after that."""
_MOST_BLOCKS = 200
_LONGEST_NAME = 200
_EMPTY = "(the server answered with nothing)"


def said(result: mcp_types.CallToolResult) -> Said:
    """A tool's result. Structured content is shown where no text says the same."""
    parts = _blocks(result.content)
    if result.structured_content is not None and not any(block.type == "text" for block in result.content):
        parts.append(msgspec.json.encode(result.structured_content).decode("utf-8", "replace"))
    return Said(_joined(parts), is_error=result.is_error)


def resource_text(contents: Sequence[mcp_types.TextResourceContents | mcp_types.BlobResourceContents]) -> str:
    """A resource that was read."""
    return _joined(_rest(contents, [_resource(part) for part in contents[:_MOST_BLOCKS]]))


def prompt_text(result: mcp_types.GetPromptResult) -> str:
    """A prompt; where it is a conversation, each message with who says it."""
    messages = result.messages[:_MOST_BLOCKS]
    alone = len({message.role for message in messages}) <= 1
    texts = [_block(message.content) if alone else f"{message.role}: {_block(message.content)}" for message in messages]
    return _joined(_rest(result.messages, texts))


def _blocks(content: Sequence[mcp_types.ContentBlock]) -> list[str]:
    return _rest(content, [_block(block) for block in content[:_MOST_BLOCKS]])


def _rest(whole: Sequence[object], shown: list[str]) -> list[str]:
    left = len(whole) - len(shown)
    return [*shown, f"[{left:,} more parts, not shown]"] if left else shown


def _block(block: mcp_types.ContentBlock) -> str:
    if isinstance(block, mcp_types.TextContent):
        return block.text
    if isinstance(block, mcp_types.ImageContent | mcp_types.AudioContent):
        return _not_shown(block.mime_type, block.data)
    if isinstance(block, mcp_types.ResourceLink):
        about = f": {line(block.description, _LONGEST_NAME)}" if block.description else ""
        return f"[resource {line(str(block.uri), _LONGEST_NAME)} ({line(block.name, _LONGEST_NAME)}){about}]"
    return _resource(block.resource)


def _resource(part: mcp_types.TextResourceContents | mcp_types.BlobResourceContents) -> str:
    head = f"[{line(str(part.uri), _LONGEST_NAME)}]"
    if isinstance(part, mcp_types.TextResourceContents):
        return f"{head}\n{part.text}"
    return f"{head} {_not_shown(part.mime_type or 'application/octet-stream', part.blob)}"


def _not_shown(kind: str, data: str) -> str:
    try:
        size = f"{len(base64.b64decode(data, validate=True)):,} bytes"
    except (binascii.Error, ValueError):
        size = f"{len(data):,} characters that are not base64"
    return f"[{line(kind, 80)}, {size}, not shown]"


def _joined(parts: Iterable[str]) -> str:
    return cleaned("\n".join(parts), LONGEST_TEXT).strip("\n") or _EMPTY
