from collections.abc import Iterator
from typing import Any

import pytest
from fastmcp import Client

from mcp_servers.search.server import build
from tests.mcp_servers.backends import FakeBackend, hit, hits, says
from tests.mcp_servers.running import refused_start, running
from tests.servers.fake_http import Answer


async def ask(fake: FakeBackend, **arguments: Any) -> tuple[bool, str, Any]:
    async with Client(build({"SEARXNG_URL": fake.url, "SEARXNG_GAP_S": "0"})) as client:
        result = await client.call_tool("web_search", arguments, raise_on_error=False)
        return result.is_error, result.content[0].text, result.structured_content


@pytest.fixture
def fake() -> Iterator[FakeBackend]:
    with FakeBackend(search=says(hits(*[hit(number) for number in range(1, 21)]))) as server:
        yield server


async def test_results_have_title_address_and_snippet(fake: FakeBackend) -> None:
    failed, text, facts = await ask(fake, query=" python\tasyncio ", limit=2)
    assert not failed
    assert text.splitlines() == [
        "1. Result 1",
        "   https://example.org/1",
        "   What page 1 says.",
        "2. Result 2",
        "   https://example.org/2",
        "   What page 2 says.",
    ]
    assert facts["results"][1] == {"title": "Result 2", "url": "https://example.org/2", "snippet": "What page 2 says."}
    assert fake.queries == [("/search", {"q": "python asyncio", "format": "json", "pageno": "1"})]


async def test_five_results_where_nothing_is_said(fake: FakeBackend) -> None:
    _, _, facts = await ask(fake, query="python")
    assert len(facts["results"]) == 5


@pytest.mark.parametrize("limit", [0, 11])
async def test_results_have_a_limit(fake: FakeBackend, limit: int) -> None:
    failed, text, _ = await ask(fake, query="python", limit=limit)
    assert failed
    assert text.startswith("Wrong arguments: limit: ")


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "file:///etc/passwd", "/relative", "", None, "https://", "https://a/" + "x" * 400]
)
async def test_what_is_no_web_page_is_left_out(fake: FakeBackend, url: str | None) -> None:
    fake.answers["search"] = says(hits(hit(1, url=url), hit(2)))
    _, _, facts = await ask(fake, query="python")
    assert [result["url"] for result in facts["results"]] == ["https://example.org/2"]


async def test_a_page_comes_once(fake: FakeBackend) -> None:
    fake.answers["search"] = says(hits(hit(1), hit(1, title="Again"), hit(2)))
    _, _, facts = await ask(fake, query="python")
    assert [result["title"] for result in facts["results"]] == ["Result 1", "Result 2"]


async def test_words_of_strangers_are_cleaned_and_cut(fake: FakeBackend) -> None:
    wild = hit(
        1, title="\x1b[2J\x00Title\u202e" + "t" * 900, content="a\n\n2. Fake\n   https://evil.example" + "c" * 9000
    )
    fake.answers["search"] = says(hits(wild, hit(2, title=None, content=None)))
    _, text, facts = await ask(fake, query="python")
    first, second = facts["results"]
    assert first["title"].startswith("[2J Title tt")
    assert (len(first["title"]), len(first["snippet"])) == (120, 240)
    assert second == {"title": "https://example.org/2", "url": "https://example.org/2", "snippet": ""}
    # A snippet's line cannot pass for a result of its own.
    assert [line[0] for line in text.splitlines() if not line.startswith(" ")] == ["1", "2"]
    assert all(line.isprintable() for line in text.splitlines())


async def test_no_results_say_who_was_silent(fake: FakeBackend) -> None:
    fake.answers["search"] = says(hits(unresponsive_engines=[["google", "timeout"], ["brave\x07", "CAPTCHA"]]))
    failed, text, facts = await ask(fake, query="python")
    assert (failed, facts) == (False, {"results": []})
    assert text == "No results for 'python'. These engines did not answer: google, brave. Try other words."


@pytest.mark.parametrize("query", ["", " \n ", "x" * 301])
async def test_a_query_that_cannot_be_is_refused(fake: FakeBackend, query: str) -> None:
    failed, text, _ = await ask(fake, query=query)
    assert failed
    assert text.startswith("query must have 1 to 300 characters")
    assert fake.requests == []


async def test_an_instance_without_json_is_told_how_to_get_it(fake: FakeBackend) -> None:
    fake.answers["search"] = Answer([b"<html>Forbidden</html>"], 403, "text/html")
    failed, text, _ = await ask(fake, query="python")
    assert failed
    assert text == (
        "SearXNG refuses this server (403). Its settings.yml has to list json under search: formats:, and its limiter "
        "has to let this server in."
    )


async def test_an_instance_that_answers_with_a_page(fake: FakeBackend) -> None:
    fake.answers["search"] = Answer([b"<!doctype html><title>SearXNG</title>"], 200, "text/html")
    failed, text, _ = await ask(fake, query="python")
    assert failed
    assert text.startswith("SearXNG sent something else than it documents")


def test_it_does_not_start_without_an_instance() -> None:
    assert refused_start("search", {"SEARXNG_URL": ""}).startswith("SEARXNG_URL is not set; it must be the address")


async def test_over_http(fake: FakeBackend) -> None:
    with running("search", {"SEARXNG_URL": fake.url}) as server:
        async with Client(server.url) as client:
            (tool,) = await client.list_tools()
            assert tool.name == "web_search"
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint is True
            for _ in range(3):
                found = await client.call_tool("web_search", {"query": "python", "limit": 1})
            assert found.content[0].text.startswith("1. Result 1\n")
            assert len(fake.requests) == 1
