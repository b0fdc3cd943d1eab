"""The lists of a server, page by page, as far as anybody wants them."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

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


_PageT = TypeVar("_PageT", bound=mcp_types.PaginatedResult)
_ItemT = TypeVar("_ItemT")


async def listing(client: Client[ClientTransport], has: mcp_types.ServerCapabilities) -> Listing:
    """All that it names. Raises what the library raises; a list of resources or prompts that fails is left out."""
    tools = await _items(lambda cursor: client.list_tools_mcp(cursor=cursor), _tools, MOST_TOOLS) if has.tools else []
    fit, notes = judged(
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
        if has.resources:
            resources = await _items(lambda cursor: client.list_resources_mcp(cursor=cursor), _resources, _MOST_ITEMS)
        if has.prompts:
            prompts = await _items(lambda cursor: client.list_prompts_mcp(cursor=cursor), _prompts, _MOST_ITEMS)
    except (MCPError, ValidationError) as error:
        notes = (*notes, f"its resources or prompts cannot be listed: {line(str(error), _LONGEST_HINT)}")
    return Listing(fit, _fit_resources(resources), _fit_prompts(prompts), notes)


async def _items(
    ask: Callable[[str | None], Awaitable[_PageT]], of: Callable[[_PageT], list[_ItemT]], most: int
) -> list[_ItemT]:
    """What stands on the pages, until there is none, or one comes again, or there were more than anybody wants."""
    found: list[_ItemT] = []
    seen: set[str] = set()
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = await ask(cursor)
        found += of(page)
        cursor = page.next_cursor
        if cursor is None or cursor in seen or len(found) > most:
            break
        seen.add(cursor)
    return found


def _tools(page: mcp_types.ListToolsResult) -> list[mcp_types.Tool]:
    return page.tools


def _resources(page: mcp_types.ListResourcesResult) -> list[mcp_types.Resource]:
    return page.resources


def _prompts(page: mcp_types.ListPromptsResult) -> list[mcp_types.Prompt]:
    return page.prompts


def _fit_resources(found: list[mcp_types.Resource]) -> tuple[Resource, ...]:
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


def _fit_prompts(found: list[mcp_types.Prompt]) -> tuple[Prompt, ...]:
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
        if all(_plain(name) for name in (one.name, *(part.name for part in one.arguments or ())))
    )


def _plain(name: str) -> bool:
    """Whether a name can be shown as it is, and so be typed."""
    return line(name, _LONGEST_HINT) == name
