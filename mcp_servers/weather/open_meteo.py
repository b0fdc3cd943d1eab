"""What Open-Meteo answers (https://open-meteo.com/en/docs and /docs/geocoding-api), as far as it is used here."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter

# WMO code table 4677, as Open-Meteo sums it up.
WEATHER = {
    0: "clear sky",
    1: "mainly clear",
    2: "partly cloudy",
    3: "overcast",
    45: "fog",
    48: "fog with rime",
    51: "light drizzle",
    53: "drizzle",
    55: "heavy drizzle",
    56: "light freezing drizzle",
    57: "freezing drizzle",
    61: "light rain",
    63: "rain",
    65: "heavy rain",
    66: "light freezing rain",
    67: "freezing rain",
    71: "light snow",
    73: "snow",
    75: "heavy snow",
    77: "snow grains",
    80: "light showers",
    81: "showers",
    82: "violent showers",
    85: "light snow showers",
    86: "heavy snow showers",
    95: "thunderstorm",
    96: "thunderstorm with light hail",
    99: "thunderstorm with heavy hail",
}
POINTS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")

Latitude = Annotated[FiniteFloat, Field(ge=-90, le=90)]
Longitude = Annotated[FiniteFloat, Field(ge=-180, le=180)]
Number = Annotated[FiniteFloat, Field(ge=-100_000, le=100_000)] | None
Date = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]
Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d$")]


class Answer(BaseModel):
    """Unknown fields are dropped, wrong ones refused."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class Place(Answer):
    """One place of that name."""

    name: str
    latitude: Latitude
    longitude: Longitude
    country: str | None = None
    country_code: str | None = None
    admin1: str | None = None


class Places(Answer):
    """What is called so; nothing where nothing is."""

    results: list[Place] = []


class Now(Answer):
    """Units: °C, %, mm in the last 15 minutes, WMO code, km/h, degrees."""

    time: Time
    temperature_2m: Number = None
    apparent_temperature: Number = None
    relative_humidity_2m: Number = None
    precipitation: Number = None
    weather_code: int | None = None
    wind_speed_10m: Number = None
    wind_direction_10m: Number = None


class Current(Answer):
    """The weather now; ``timezone`` is the place's."""

    timezone: str
    current: Now


class Daily(Answer):
    """One value a day in each list."""

    time: list[Date]
    weather_code: list[int | None]
    temperature_2m_max: list[Number]
    temperature_2m_min: list[Number]
    precipitation_sum: list[Number]
    precipitation_probability_max: list[Number]
    wind_speed_10m_max: list[Number]


class Forecast(Answer):
    """The days to come, in the place's time zone."""

    timezone: str
    daily: Daily


PLACES = TypeAdapter(Places)
CURRENT = TypeAdapter(Current)
FORECAST = TypeAdapter(Forecast)


def asked(model: type[Now | Daily]) -> str:
    """The names of what is asked for, as the API wants them."""
    return ",".join(name for name in model.model_fields if name != "time")


def weather(code: int | None) -> str:
    """The WMO code in words."""
    return "unknown weather" if code is None else WEATHER.get(code, f"weather code {code}")


def point(degrees: float) -> str:
    """The point of the compass the wind comes from."""
    return POINTS[round(degrees / 45) % 8]
