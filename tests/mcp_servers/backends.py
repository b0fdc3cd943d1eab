"""Fakes of Open-Meteo, Nominatim and SearXNG, with answers in the shapes that they document."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.servers.fake_http import Answer, FakeServer, Reaction, Request

JSON = "application/json"

BERLIN = {
    "id": 2950159,
    "name": "Berlin",
    "latitude": 52.52437,
    "longitude": 13.41053,
    "elevation": 74.0,
    "feature_code": "PPLC",
    "country_code": "DE",
    "admin1_id": 2950157,
    "timezone": "Europe/Berlin",
    "population": 3426354,
    "country_id": 2921044,
    "country": "Germany",
    "admin1": "State of Berlin",
}
BERLIN_NH = {
    "id": 5083330,
    "name": "Berlin",
    "latitude": 44.46867,
    "longitude": -71.18508,
    "country_code": "US",
    "timezone": "America/New_York",
    "country": "United States",
    "admin1": "New Hampshire",
}
GRID = {
    "latitude": 52.52,
    "longitude": 13.419998,
    "generationtime_ms": 0.05,
    "utc_offset_seconds": 3600,
    "timezone": "Europe/Berlin",
    "timezone_abbreviation": "GMT+1",
    "elevation": 38.0,
}
CURRENT = {
    **GRID,
    "current_units": {"time": "iso8601", "interval": "seconds", "temperature_2m": "°C"},
    "current": {
        "time": "2026-01-05T14:15",
        "interval": 900,
        "temperature_2m": 3.4,
        "apparent_temperature": -0.6,
        "relative_humidity_2m": 81,
        "precipitation": 0.20,
        "weather_code": 61,
        "wind_speed_10m": 14.8,
        "wind_direction_10m": 228,
    },
}
DAILY = {
    **GRID,
    "daily_units": {"time": "iso8601", "weather_code": "wmo code", "temperature_2m_max": "°C"},
    "daily": {
        "time": ["2026-01-05", "2026-01-06", "2026-01-07"],
        "weather_code": [61, 3, 95],
        "temperature_2m_max": [5.1, 6.0, None],
        "temperature_2m_min": [1.2, -2.0, -3.5],
        "precipitation_sum": [2.4, 0.0, 11.0],
        "precipitation_probability_max": [80, 10, None],
        "wind_speed_10m_max": [22.3, 9.0, 41.0],
    },
}
LONDON = {
    "place_id": 100149,
    "licence": "Data © OpenStreetMap contributors, ODbL 1.0. http://osm.org/copyright",
    "osm_type": "relation",
    "osm_id": 65606,
    "lat": "51.4893335",
    "lon": "-0.1440551",
    "category": "boundary",
    "type": "administrative",
    "place_rank": 10,
    "importance": 0.89,
    "addresstype": "city",
    "name": "London",
    "display_name": "London, Greater London, England, United Kingdom",
    "boundingbox": ["51.2867601", "51.6918741", "-0.5103751", "0.3340155"],
}


def hit(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "url": f"https://example.org/{number}",
        "title": f"Result {number}",
        "content": f"What page {number} says.",
        "engine": "duckduckgo",
        "parsed_url": ["https", "example.org", f"/{number}", "", "", ""],
        "template": "default.html",
        "engines": ["duckduckgo"],
        "positions": [number],
        "score": 1.0 / number,
        "category": "general",
        "publishedDate": None,
        **changes,
    }


def hits(*results: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "query": "q",
        "number_of_results": 0,
        "results": list(results),
        "answers": [],
        "corrections": [],
        "infoboxes": [],
        "suggestions": [],
        "unresponsive_engines": [],
        **changes,
    }


def says(value: object, status: int = 200) -> Answer:
    return Answer([json.dumps(value).encode()], status, JSON)


class FakeBackend(FakeServer):
    """Answers by path; ``answers`` may be changed while it runs."""

    def __init__(self, **answers: Reaction) -> None:
        super().__init__()
        self.answers = answers

    def _reaction(self, request: Request) -> Reaction:
        return self.answers.get(urlsplit(request.target).path.rsplit("/", 1)[-1], self.exhausted)

    @property
    def queries(self) -> list[tuple[str, dict[str, str]]]:
        """Path and parameters of all that was asked."""
        return [
            (at.path, {name: values[0] for name, values in parse_qs(at.query).items()})
            for at in (urlsplit(request.target) for request in self.requests)
        ]
