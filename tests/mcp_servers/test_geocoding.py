from collections.abc import Iterator
from typing import Any

import pytest
from fastmcp import Client

from mcp_servers.geocoding.server import GAP_S, build
from tests.mcp_servers.backends import LONDON, FakeBackend, says
from tests.mcp_servers.running import running

TEXT = "51.48933,-0.14406 London, Greater London, England, United Kingdom [administrative]"
FACTS = {
    "name": "London, Greater London, England, United Kingdom",
    "kind": "administrative",
    "latitude": 51.4893335,
    "longitude": -0.1440551,
}


async def ask(fake: FakeBackend, tool: str, **arguments: Any) -> tuple[bool, str, Any]:
    async with Client(build({"NOMINATIM_URL": fake.url, "NOMINATIM_GAP_S": "0"})) as client:
        result = await client.call_tool(tool, arguments, raise_on_error=False)
        return result.is_error, result.content[0].text, result.structured_content


@pytest.fixture
def fake() -> Iterator[FakeBackend]:
    with FakeBackend(search=says([LONDON, {**LONDON, "type": ""}]), reverse=says(LONDON)) as server:
        yield server


async def test_a_place_is_found(fake: FakeBackend) -> None:
    failed, text, facts = await ask(fake, "geocode", query="  London,\n UK ")
    assert not failed
    assert text.splitlines() == [TEXT, TEXT.removesuffix(" [administrative]"), "© OpenStreetMap contributors"]
    assert facts == {"places": [FACTS, {**FACTS, "kind": ""}]}
    (asked,) = fake.queries
    assert asked == (
        "/search",
        {"q": "London, UK", "format": "jsonv2", "limit": "3", "addressdetails": "0", "accept-language": "en"},
    )


async def test_no_more_places_than_were_asked_for(fake: FakeBackend) -> None:
    fake.answers["search"] = says([LONDON] * 500)
    _, _, facts = await ask(fake, "geocode", query="London", limit=1)
    assert facts == {"places": [FACTS]}


async def test_nothing_found_is_no_error(fake: FakeBackend) -> None:
    fake.answers["search"] = says([])
    failed, text, facts = await ask(fake, "geocode", query="Xyzzy")
    assert (failed, facts) == (False, {"places": []})
    assert text == "Nothing was found for 'Xyzzy'. Leave out parts of the address, or check the spelling."


async def test_coordinates_have_an_address(fake: FakeBackend) -> None:
    failed, text, facts = await ask(fake, "reverse_geocode", latitude=51.4893335, longitude=-0.1440551)
    assert not failed
    assert text == f"{TEXT}\n© OpenStreetMap contributors"
    assert facts == {"places": [FACTS]}
    assert fake.queries == [
        ("/reverse", {"lat": "51.48933", "lon": "-0.14406", "format": "jsonv2", "accept-language": "en"})
    ]


async def test_where_nothing_is(fake: FakeBackend) -> None:
    fake.answers["reverse"] = says({"error": "Unable to geocode"})
    failed, text, facts = await ask(fake, "reverse_geocode", latitude=0, longitude=-30)
    assert (failed, facts) == (False, {"places": []})
    assert text == "Nothing is known at 0,-30 (the sea, perhaps)."


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"latitude": 91, "longitude": 0}, "latitude: Input should be less than or equal to 90"),
        ({"latitude": 0, "longitude": -181}, "longitude: Input should be greater than or equal to -180"),
        ({"latitude": "nan", "longitude": 0}, "latitude: Input should be"),
        ({"latitude": 1}, "longitude: "),
    ],
)
async def test_coordinates_that_are_nowhere_are_refused(
    fake: FakeBackend, arguments: dict[str, Any], said: str
) -> None:
    failed, text, _ = await ask(fake, "reverse_geocode", **arguments)
    assert failed
    assert said in text
    assert fake.requests == []


@pytest.mark.parametrize("query", ["", " \n ", "x" * 201])
async def test_a_query_that_cannot_be_is_refused(fake: FakeBackend, query: str) -> None:
    failed, text, _ = await ask(fake, "geocode", query=query)
    assert failed
    assert text.startswith("query must have 1 to 200 characters")
    assert fake.requests == []


@pytest.mark.parametrize("changed", [{"lat": "north"}, {"lat": "91"}, {"lon": "inf"}, {"display_name": 7}])
async def test_a_place_that_cannot_be_is_refused(fake: FakeBackend, changed: dict[str, object]) -> None:
    fake.answers["search"] = says([{**LONDON, **changed}])
    failed, text, _ = await ask(fake, "geocode", query="London")
    assert failed
    assert text.startswith(f"Nominatim sent something else than it documents (at 0.{next(iter(changed))})")


async def test_names_of_strangers_are_cleaned(fake: FakeBackend) -> None:
    fake.answers["search"] = says([{**LONDON, "display_name": "\x1b]0;title\x07\u202eLon\r\ndon" + "x" * 9000}])
    _, text, facts = await ask(fake, "geocode", query="London")
    assert facts["places"][0]["name"].startswith("]0;title Lon donxxx")
    assert len(facts["places"][0]["name"]) == 200
    assert all(line.isprintable() for line in text.splitlines())


def test_the_public_server_is_asked_at_most_once_a_second() -> None:
    assert GAP_S > 1


async def test_over_http(fake: FakeBackend) -> None:
    with running("geocoding", {"NOMINATIM_URL": fake.url}) as server:
        async with Client(server.url) as client:
            tools = await client.list_tools()
            assert [tool.name for tool in tools] == ["geocode", "reverse_geocode"]
            assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)
            for _ in range(3):
                found = await client.call_tool("geocode", {"query": "London"})
            assert found.structured_content == {"places": [FACTS, {**FACTS, "kind": ""}]}
            assert len(fake.requests) == 1
