"""The weather now and in the days to come: ``python -m mcp_servers.weather.server``."""

import re
import sys
from collections.abc import Mapping
from typing import Annotated, Any

from fastmcp import FastMCP
from fastmcp.tools.base import ToolResult
from pydantic import Field

from mcp_servers.common.backend import Backend, address, gap
from mcp_servers.common.refusing import refused
from mcp_servers.common.serving import main, make, reading
from mcp_servers.common.words import clean
from mcp_servers.weather.open_meteo import (
    CURRENT,
    FORECAST,
    PLACES,
    Daily,
    Now,
    Place,
    asked,
    point,
    weather,
)

PORT = 50052
DAYS = 7
LONGEST_PLACE = 120
SOURCE = "Source: Open-Meteo.com"
GAP_S = 0.2
PLACES_KEPT_S, WEATHER_KEPT_S = 86_400, 600
COORDINATES = re.compile(r"(-?\d{1,3}(?:\.\d{1,12})?)\s*[,;\s]\s*(-?\d{1,3}(?:\.\d{1,12})?)")
NUMBER = {"type": ["number", "null"]}
TEXT = {"type": "string"}

Wanted = Annotated[str, Field(description="Place name, e.g. Berlin or Paris, Texas; or latitude,longitude")]
Days = Annotated[int, Field(ge=1, le=DAYS, description="How many, today included")]


def shape(**properties: object) -> dict[str, Any]:
    """JSON schema of an object with all of these."""
    return {"type": "object", "properties": properties, "required": list(properties)}


PLACE_SHAPE = {"place": TEXT, "latitude": {"type": "number"}, "longitude": {"type": "number"}, "timezone": TEXT}
NOW_SHAPE = shape(
    **PLACE_SHAPE,
    time=TEXT,
    weather=TEXT,
    temperature_c=NUMBER,
    feels_like_c=NUMBER,
    humidity_percent=NUMBER,
    precipitation_mm=NUMBER,
    wind_kmh=NUMBER,
    wind_from=TEXT,
)
DAY_SHAPE = shape(
    date=TEXT,
    weather=TEXT,
    low_c=NUMBER,
    high_c=NUMBER,
    precipitation_mm=NUMBER,
    precipitation_percent=NUMBER,
    wind_kmh=NUMBER,
)
DAYS_SHAPE = shape(**PLACE_SHAPE, days={"type": "array", "items": DAY_SHAPE})


def said(number: object, unit: str) -> str:
    """A number with its unit; a question mark where the backend had none."""
    return f"{number:g}{unit}" if isinstance(number, int | float) else f"?{unit}"


def full_name(place: Place) -> str:
    """The place with what tells it from others of its name."""
    return ", ".join(clean(part, 60) for part in (place.name, place.admin1, place.country) if part)


def fits(place: Place, wanted: list[str]) -> bool:
    """Whether all that was said after the name is true of this place."""
    known = [part.casefold() for part in (place.admin1, place.country, place.country_code) if part]
    return all(any(word.casefold() in part for part in known) for word in wanted)


class Weather:
    """The tools, at two backends of one kind."""

    def __init__(self, forecasts: Backend, places: Backend) -> None:
        self._forecasts = forecasts
        self._places = places

    async def _find(self, wanted: str) -> Place:
        wanted = wanted.strip()
        if not wanted or len(wanted) > LONGEST_PLACE:
            raise refused(f"place must have 1 to {LONGEST_PLACE} characters: a name such as Berlin, or 52.52,13.41")
        if numbers := COORDINATES.fullmatch(wanted):
            latitude, longitude = (round(float(number), 4) for number in numbers.groups())
            if abs(latitude) > 90 or abs(longitude) > 180:  # noqa: PLR2004 - a globe's
                raise refused(
                    f"{wanted} is nowhere: latitude goes from -90 to 90 and comes first, longitude from -180 to 180"
                )
            return Place(name=f"{latitude:g},{longitude:g}", latitude=latitude, longitude=longitude)
        name, *rest = [part.strip() for part in wanted.split(",") if part.strip()] or [wanted]
        params = {"name": name, "count": "10", "language": "en", "format": "json"}
        found = (await self._places.get("/v1/search", params, PLACES)).results
        if not found:
            raise refused(f"No place is called {name!r}. Check the spelling, or give latitude,longitude.")
        matching = [place for place in found if fits(place, rest)]
        if not matching:
            known = "; ".join(full_name(place) for place in found[:4])
            raise refused(f"No {name!r} is in {', '.join(rest)!r}. There is: {known}. Or give latitude,longitude.")
        return matching[0]

    async def get_current_weather(self, place: Wanted) -> ToolResult:
        """Get the weather now at a place."""
        at = await self._find(place)
        answer = await self._forecasts.get("/v1/forecast", {**where(at), "current": asked(Now)}, CURRENT)
        now, zone = answer.current, clean(answer.timezone, 60)
        wind_from = "" if now.wind_direction_10m is None else point(now.wind_direction_10m)
        text = (
            f"{full_name(at)}, {now.time.replace('T', ' ')} ({zone}): {weather(now.weather_code)}, "
            f"{said(now.temperature_2m, ' °C')} (feels like {said(now.apparent_temperature, ' °C')}), "
            f"humidity {said(now.relative_humidity_2m, ' %')}, precipitation {said(now.precipitation, ' mm')}, "
            f"wind {said(now.wind_speed_10m, ' km/h')}{wind_from and ' from ' + wind_from}. {SOURCE}"
        )
        facts = {
            **named(at, zone),
            "time": now.time,
            "weather": weather(now.weather_code),
            "temperature_c": now.temperature_2m,
            "feels_like_c": now.apparent_temperature,
            "humidity_percent": now.relative_humidity_2m,
            "precipitation_mm": now.precipitation,
            "wind_kmh": now.wind_speed_10m,
            "wind_from": wind_from,
        }
        return ToolResult(content=text, structured_content=facts)

    async def get_weather_forecast(self, place: Wanted, days: Days = 3) -> ToolResult:
        """Get the weather of the next days at a place."""
        at = await self._find(place)
        params = {**where(at), "daily": asked(Daily), "forecast_days": str(days)}
        answer = await self._forecasts.get("/v1/forecast", params, FORECAST)
        zone = clean(answer.timezone, 60)
        table = [
            {
                "date": date,
                "weather": weather(code),
                "low_c": low,
                "high_c": high,
                "precipitation_mm": amount,
                "precipitation_percent": chance,
                "wind_kmh": wind,
            }
            for date, code, high, low, amount, chance, wind in rows(answer.daily, days)
        ]
        lines = [
            f"{day['date']}: {day['weather']}, {said(day['low_c'], '')} to {said(day['high_c'], ' °C')}, precipitation "
            f"{said(day['precipitation_mm'], ' mm')} ({said(day['precipitation_percent'], ' %')}), "
            f"wind up to {said(day['wind_kmh'], ' km/h')}"
            for day in table
        ]
        text = "\n".join([f"{full_name(at)} ({zone})", *lines, SOURCE])
        return ToolResult(content=text, structured_content={**named(at, zone), "days": table})


def where(place: Place) -> dict[str, str]:
    """The place as the forecast wants it."""
    return {"latitude": f"{place.latitude:.4f}", "longitude": f"{place.longitude:.4f}", "timezone": "auto"}


def named(place: Place, zone: str) -> dict[str, object]:
    """The place as both tools tell it."""
    return {"place": full_name(place), "latitude": place.latitude, "longitude": place.longitude, "timezone": zone}


def rows(daily: Daily, days: int) -> list[tuple[Any, ...]]:
    """The lists, a row for each day.

    Raises:
        ToolError: They do not have the same length.
    """
    columns = [getattr(daily, name) for name in Daily.model_fields]
    if len({len(column) for column in columns}) != 1:
        raise refused("Open-Meteo sent a table with holes. Try again later.")
    return list(zip(*columns, strict=True))[:days]


def build(environ: Mapping[str, str]) -> FastMCP:
    """The server, with the backends that the environment names: ``OPEN_METEO_URL``, ``OPEN_METEO_GEOCODING_URL``."""
    gap_s = gap(environ, "OPEN_METEO_GAP_S", GAP_S)

    def backend(name: str, variable: str, default: str, kept_s: float) -> Backend:
        return Backend(name, address(environ, variable, default), variable, gap_s=gap_s, kept_s=kept_s)

    tools = Weather(
        backend("Open-Meteo", "OPEN_METEO_URL", "https://api.open-meteo.com", WEATHER_KEPT_S),
        backend(
            "Open-Meteo's geocoding",
            "OPEN_METEO_GEOCODING_URL",
            "https://geocoding-api.open-meteo.com",
            PLACES_KEPT_S,
        ),
    )
    return make(
        "weather",
        "The weather now and in the next days, by place name or coordinates. Data: Open-Meteo.com, CC BY 4.0.",
        [
            reading(tools.get_current_weather, "Weather now", NOW_SHAPE),
            reading(tools.get_weather_forecast, "Weather forecast", DAYS_SHAPE),
        ],
    )


if __name__ == "__main__":
    sys.exit(main("weather", build, PORT))
