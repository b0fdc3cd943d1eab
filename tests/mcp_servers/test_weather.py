from collections.abc import Iterator
from typing import Any

import pytest
from fastmcp import Client

from mcp_servers.weather.server import build
from tests.mcp_servers.backends import BERLIN, BERLIN_NH, CURRENT, DAILY, FakeBackend, says
from tests.mcp_servers.running import running
from tests.servers.fake_http import Answer

PLACES = {"results": [BERLIN, BERLIN_NH], "generationtime_ms": 0.6}


def environ(fake: FakeBackend) -> dict[str, str]:
    return {"OPEN_METEO_URL": fake.url, "OPEN_METEO_GEOCODING_URL": fake.url, "OPEN_METEO_GAP_S": "0"}


async def ask(fake: FakeBackend, tool: str, **arguments: Any) -> tuple[bool, str, Any]:
    async with Client(build(environ(fake))) as client:
        result = await client.call_tool(tool, arguments, raise_on_error=False)
        return result.is_error, result.content[0].text, result.structured_content


@pytest.fixture
def fake() -> Iterator[FakeBackend]:
    with FakeBackend(search=says(PLACES), forecast=says(CURRENT)) as server:
        yield server


async def test_the_weather_now(fake: FakeBackend) -> None:
    failed, text, facts = await ask(fake, "get_current_weather", place="Berlin")
    assert not failed
    assert text == (
        "Berlin, State of Berlin, Germany, 2026-01-05 14:15 (Europe/Berlin): light rain, 3.4 °C (feels like -0.6 °C), "
        "humidity 81 %, precipitation 0.2 mm, wind 14.8 km/h from SW. Source: Open-Meteo.com"
    )
    assert facts == {
        "place": "Berlin, State of Berlin, Germany",
        "latitude": 52.52437,
        "longitude": 13.41053,
        "timezone": "Europe/Berlin",
        "time": "2026-01-05T14:15",
        "weather": "light rain",
        "temperature_c": 3.4,
        "feels_like_c": -0.6,
        "humidity_percent": 81,
        "precipitation_mm": 0.2,
        "wind_kmh": 14.8,
        "wind_from": "SW",
    }
    (_, place), (path, weather) = fake.queries
    assert place == {"name": "Berlin", "count": "10", "language": "en", "format": "json"}
    assert path == "/v1/forecast"
    assert weather == {
        "latitude": "52.5244",
        "longitude": "13.4105",
        "timezone": "auto",
        "current": "temperature_2m,apparent_temperature,relative_humidity_2m,precipitation,weather_code,"
        "wind_speed_10m,wind_direction_10m",
    }


async def test_the_weather_of_the_next_days(fake: FakeBackend) -> None:
    fake.answers["forecast"] = says(DAILY)
    failed, text, facts = await ask(fake, "get_weather_forecast", place="Berlin", days=3)
    assert not failed
    assert text.splitlines() == [
        "Berlin, State of Berlin, Germany (Europe/Berlin)",
        "2026-01-05: light rain, 1.2 to 5.1 °C, precipitation 2.4 mm (80 %), wind up to 22.3 km/h",
        "2026-01-06: overcast, -2 to 6 °C, precipitation 0 mm (10 %), wind up to 9 km/h",
        "2026-01-07: thunderstorm, -3.5 to ? °C, precipitation 11 mm (? %), wind up to 41 km/h",
        "Source: Open-Meteo.com",
    ]
    assert [day["high_c"] for day in facts["days"]] == [5.1, 6.0, None]
    assert fake.queries[1][1]["forecast_days"] == "3"


async def test_fewer_days_than_were_sent(fake: FakeBackend) -> None:
    fake.answers["forecast"] = says(DAILY)
    _, _, facts = await ask(fake, "get_weather_forecast", place="Berlin", days=2)
    assert [day["date"] for day in facts["days"]] == ["2026-01-05", "2026-01-06"]


@pytest.mark.parametrize("place", ["44.47, -71.19", "44.47,-71.19", " 44.47 -71.19 ", "44.47;-71.19"])
async def test_coordinates_need_no_search(fake: FakeBackend, place: str) -> None:
    failed, text, _ = await ask(fake, "get_current_weather", place=place)
    assert not failed
    assert text.startswith("44.47,-71.19, 2026-01-05")
    assert [path for path, _ in fake.queries] == ["/v1/forecast"]
    assert (fake.queries[0][1]["latitude"], fake.queries[0][1]["longitude"]) == ("44.4700", "-71.1900")


@pytest.mark.parametrize(
    "place", ["Berlin, New Hampshire", "berlin, united states", "Berlin,US", "Berlin, new hampshire, us"]
)
async def test_of_places_with_one_name_the_right_one(fake: FakeBackend, place: str) -> None:
    _, _, facts = await ask(fake, "get_current_weather", place=place)
    assert facts["place"] == "Berlin, New Hampshire, United States"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("Berlin, Atlantis", "No 'Berlin' is in 'Atlantis'. There is: Berlin, State of Berlin, Germany; Berlin, New"),
        ("91,0", "91,0 is nowhere: latitude goes from -90 to 90 and comes first"),
        ("0,181", "longitude from -180 to 180"),
        ("", "place must have 1 to 120 characters"),
        ("  ", "place must have 1 to 120 characters"),
        ("x" * 121, "place must have 1 to 120 characters"),
    ],
)
async def test_a_place_that_is_none_is_refused(fake: FakeBackend, place: str, said: str) -> None:
    failed, text, _ = await ask(fake, "get_current_weather", place=place)
    assert failed
    assert said in text


async def test_a_name_that_nobody_has(fake: FakeBackend) -> None:
    fake.answers["search"] = says({"generationtime_ms": 0.4})
    failed, text, _ = await ask(fake, "get_current_weather", place="Xyzzy")
    assert failed
    assert text == "No place is called 'Xyzzy'. Check the spelling, or give latitude,longitude."


@pytest.mark.parametrize("days", [0, 8, -1, "many"])
async def test_days_have_a_limit(fake: FakeBackend, days: object) -> None:
    failed, text, _ = await ask(fake, "get_weather_forecast", place="Berlin", days=days)
    assert failed
    assert text.startswith("Wrong arguments: days: ")
    assert fake.requests == []


@pytest.mark.parametrize(
    "changed",
    [
        {"temperature_2m": "warm"},
        {"temperature_2m": 1e300},
        {"time": "now"},
        {"weather_code": "rain"},
        {"weather_code": 61.5},
    ],
)
async def test_a_weather_that_cannot_be_is_refused(fake: FakeBackend, changed: dict[str, object]) -> None:
    fake.answers["forecast"] = says({**CURRENT, "current": {**CURRENT["current"], **changed}})  # type: ignore[dict-item]
    failed, text, _ = await ask(fake, "get_current_weather", place="Berlin")
    assert failed
    assert text.startswith("Open-Meteo sent something else than it documents (at current.")


async def test_a_weather_that_is_not_known_has_question_marks(fake: FakeBackend) -> None:
    fake.answers["forecast"] = says({"timezone": "GMT", "current": {"time": "2026-01-05T14:15", "weather_code": 12}})
    failed, text, facts = await ask(fake, "get_current_weather", place="1,2")
    assert not failed
    assert text == (
        "1,2, 2026-01-05 14:15 (GMT): weather code 12, ? °C (feels like ? °C), humidity ? %, precipitation ? mm, "
        "wind ? km/h. Source: Open-Meteo.com"
    )
    assert facts["temperature_c"] is None


async def test_a_table_with_holes_is_refused(fake: FakeBackend) -> None:
    fake.answers["forecast"] = says({**DAILY, "daily": {**DAILY["daily"], "weather_code": [1]}})  # type: ignore[dict-item]
    failed, text, _ = await ask(fake, "get_weather_forecast", place="Berlin")
    assert failed
    assert text == "Open-Meteo sent a table with holes. Try again later."


async def test_names_of_strangers_are_cleaned(fake: FakeBackend) -> None:
    fake.answers["search"] = says({"results": [{**BERLIN, "name": "Ber\x1b[31m\nlin\u202e", "country": "G" * 5000}]})
    _, text, facts = await ask(fake, "get_current_weather", place="Berlin")
    assert text.startswith("Ber [31m lin, State of Berlin, GGG")
    assert text.isprintable()
    assert len(facts["place"]) < 200


async def test_the_reason_of_the_backend_is_told(fake: FakeBackend) -> None:
    fake.answers["forecast"] = says({"error": True, "reason": "Cannot initialize WeatherVariable"}, 400)
    failed, text, _ = await ask(fake, "get_current_weather", place="Berlin")
    assert failed
    assert text.startswith("Open-Meteo did not take the request (400).")
    assert "Cannot initialize WeatherVariable" in text


async def test_over_http_a_place_is_looked_up_once_and_a_pause_is_kept(fake: FakeBackend) -> None:
    with running("weather", environ(fake)) as server:
        async with Client(server.url) as client:
            tools = await client.list_tools()
            assert [tool.name for tool in tools] == ["get_current_weather", "get_weather_forecast"]
            assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)
            for _ in range(3):
                await client.call_tool("get_current_weather", {"place": "Berlin"})
            assert [path for path, _ in fake.queries] == ["/v1/search", "/v1/forecast"]
            fake.answers["forecast"] = Answer(status=429, headers={"Retry-After": "600"})
            for _ in range(3):
                late = await client.call_tool("get_weather_forecast", {"place": "Berlin"}, raise_on_error=False)
                assert late.is_error
            assert len(fake.queries) == 3
        _, said = server.end()
    assert said == ""
