"""The lists of a server, page by page, as far as anybody wants them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar

import mcp_types
from fastmcp import Client
from fastmcp.client.transports import ClientTransport
from mcp import MCPError
from pydantic import ValidationError

from py_mono.mcp_integration.catalogue import MOST_TOOLS, judged
from py_mono.mcp_integration.listing import Listing, Prompt, PromptArgument, Resource
from py_mono.mcp_integration.words import hidden, line

_MOST_PAGES = 50
_MOST_ITEMS = 500
_MOST_ARGUMENTS = 20
_LONGEST_URI = 1_000
_LONGEST_HINT = 200


class _Page(Protocol):
    next_cursor: str | None


_PageT = TypeVar("_PageT", bound=_Page)


async def listing(client: Client[ClientTransport], has: mcp_types.ServerCapabilities) -> Listing:
    """All that it names. Raises what the library raises; a list of resources or prompts that fails is left out."""
    notes: list[str] = []
    tools: list[mcp_types.Tool] = []
    if has.tools is not None:
        async for page in _pages(lambda cursor: client.list_tools_mcp(cursor=cursor)):
            tools.extend(page.tools)
            if len(tools) > MOST_TOOLS:
                break
    fit, left_out = judged(
        (
            tool.name,
            tool.description or "",
            tool.input_schema,
            bool(tool.annotations and tool.annotations.read_only_hint),
        )
        for tool in tools
    )
    resources: list[mcp_types.Resource] = []
    prompts: list[mcp_types.Prompt] = []
    try:
        if has.resources is not None:
            async for found in _pages(lambda cursor: client.list_resources_mcp(cursor=cursor)):
                resources.extend(found.resources)
                if len(resources) > _MOST_ITEMS:
                    break
        if has.prompts is not None:
            async for named in _pages(lambda cursor: client.list_prompts_mcp(cursor=cursor)):
                prompts.extend(named.prompts)
                if len(prompts) > _MOST_ITEMS:
                    break
    except (MCPError, ValidationError) as error:
        notes.append(f"its resources or prompts cannot be listed: {line(str(error), _LONGEST_HINT)}")
    return Listing(fit, _resources(resources), _prompts(prompts), (*left_out, *notes))


async def _pages(ask: Callable[[str | None], Awaitable[_PageT]]) -> AsyncIterator[_PageT]:
    """Each page, until there is none, or one comes again, or there were many."""
    seen: set[str] = set()
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = await ask(cursor)
        yield page
        cursor = page.next_cursor
        if cursor is None or cursor in seen:
            return
        seen.add(cursor)


def _resources(found: list[mcp_types.Resource]) -> tuple[Resource, ...]:
    return tuple(
        Resource(
            str(one.uri),
            line(one.name, _LONGEST_HINT),
            line(one.description or "", _LONGEST_HINT),
            line(one.mime_type or "", 80),
        )
        for one in found[:_MOST_ITEMS]
        if len(str(one.uri)) <= _LONGEST_URI and not hidden(str(one.uri)) and "\n" not in str(one.uri)
    )


def _prompts(found: list[mcp_types.Prompt]) -> tuple[Prompt, ...]:
    return tuple(
        Prompt(
            one.name,
            line(one.description or "", _LONGEST_HINT),
            tuple(
                PromptArgument(part.name, line(part.description or "", _LONGEST_HINT), bool(part.required))
                for part in (one.arguments or [])[:_MOST_ARGUMENTS]
            ),
        )
        for one in found[:_MOST_ITEMS]
        if line(one.name, _LONGEST_HINT) == one.name
    )
