"""The web, searched through a SearXNG instance: ``python -m mcp_servers.search.server``."""

import sys
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import httpx2
from fastmcp import FastMCP
from fastmcp.tools.base import ToolResult
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from mcp_servers.common.backend import Backend, address, gap
from mcp_servers.common.refusing import refused
from mcp_servers.common.serving import main, make, reading
from mcp_servers.common.words import clean

PORT = 50054
LONGEST_QUERY = 300
MOST = 10
LONGEST_TITLE, LONGEST_URL, LONGEST_SNIPPET = 120, 400, 240
GAP_S = 0.5
KEPT_S = 600
SHAPE = {
    "type": "object",
    "properties": {
        "results": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("title", "url", "snippet")},
                "required": ["title", "url", "snippet"],
            },
        }
    },
    "required": ["results"],
}

Query = Annotated[str, Field(description="What to search for")]
Most = Annotated[int, Field(ge=1, le=MOST, description="How many results at most")]


class Hit(BaseModel):
    """One result of SearXNG's JSON (https://docs.searxng.org/dev/search_api.html)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    url: str | None = None
    title: str | None = None
    content: str | None = None


class Hits(BaseModel):
    """The answer; ``unresponsive_engines`` holds pairs of name and reason."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    results: list[Hit]
    unresponsive_engines: list[list[str | None]] = []


HITS = TypeAdapter(Hits)


def web_address(text: str) -> str:
    """The address, if it is one of a web page that can be shown whole; else nothing."""
    try:
        url = httpx2.URL(text)
    except (httpx2.InvalidURL, ValueError):
        return ""
    whole = str(url)
    return whole if url.scheme in {"http", "https"} and url.host and len(whole) <= LONGEST_URL else ""


def told(hits: Iterable[Hit], limit: int) -> list[dict[str, str]]:
    """The first results with an address, each address once."""
    results: dict[str, dict[str, str]] = {}
    for hit in hits:
        url = web_address(hit.url or "")
        if url and url not in results:
            title = clean(hit.title or "", LONGEST_TITLE) or url
            results[url] = {"title": title, "url": url, "snippet": clean(hit.content or "", LONGEST_SNIPPET)}
            if len(results) == limit:
                break
    return list(results.values())


class Search:
    """The tool, at one SearXNG."""

    def __init__(self, searxng: Backend) -> None:
        self._searxng = searxng

    async def web_search(self, query: Query, limit: Most = 5) -> ToolResult:
        """Search the web; gives titles, addresses and snippets."""
        query = " ".join(query.split())
        if not query or len(query) > LONGEST_QUERY:
            raise refused(f"query must have 1 to {LONGEST_QUERY} characters; use a few words")
        answer = await self._searxng.get("/search", {"q": query, "format": "json", "pageno": "1"}, HITS)
        results = told(answer.results, limit)
        content: dict[str, Any] = {"results": results}
        if results:
            lines = [f"{n}. {one['title']}\n   {one['url']}\n   {one['snippet']}" for n, one in enumerate(results, 1)]
            return ToolResult(content="\n".join(text.rstrip() for text in lines), structured_content=content)
        silent = ", ".join(clean(pair[0] or "", 30) for pair in answer.unresponsive_engines[:5] if pair)
        why = f" These engines did not answer: {silent}." if silent else ""
        return ToolResult(content=f"No results for {query!r}.{why} Try other words.", structured_content=content)


def build(environ: Mapping[str, str]) -> FastMCP:
    """The server, with the SearXNG that the environment names: ``SEARXNG_URL``, ``SEARXNG_GAP_S``."""
    tools = Search(
        Backend(
            "SearXNG",
            address(environ, "SEARXNG_URL"),
            "SEARXNG_URL",
            gap_s=gap(environ, "SEARXNG_GAP_S", GAP_S),
            kept_s=KEPT_S,
            when_forbidden="Its settings.yml has to list json under search: formats:, and its limiter has to let this server in.",
        )
    )
    return make("search", "Searches the web.", [reading(tools.web_search, "Web search", SHAPE)])


if __name__ == "__main__":
    sys.exit(main("search", build, PORT))
