"""Where places are, and what is at a place: ``python -m mcp_servers.geocoding.server``."""

import sys
from collections.abc import Mapping
from typing import Annotated, Any

from fastmcp import FastMCP
from fastmcp.tools.base import ToolResult
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter

from mcp_servers.common.backend import Backend, address, gap
from mcp_servers.common.refusing import refused
from mcp_servers.common.serving import main, make, reading
from mcp_servers.common.words import clean

PORT = 50053
LONGEST_QUERY = 200
MOST = 10
LONGEST_NAME = 200
SOURCE = "© OpenStreetMap contributors"
GAP_S = 1.1  # the public server's policy is one request a second at most; on the way two can come closer
KEPT_S = 86_400
PLACE_SHAPE = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "kind": {"type": "string"},
        "latitude": {"type": "number"},
        "longitude": {"type": "number"},
    },
    "required": ["name", "kind", "latitude", "longitude"],
}
PLACES_SHAPE = {
    "type": "object",
    "properties": {"places": {"type": "array", "items": PLACE_SHAPE}},
    "required": ["places"],
}

Query = Annotated[str, Field(description="Address or place, e.g. Unter den Linden 1, Berlin")]
Most = Annotated[int, Field(ge=1, le=MOST, description="How many at most")]
Latitude = Annotated[FiniteFloat, Field(ge=-90, le=90)]
Longitude = Annotated[FiniteFloat, Field(ge=-180, le=180)]


class Found(BaseModel):
    """A place in Nominatim's ``jsonv2`` (https://nominatim.org/release-docs/latest/api/Output/); numbers come as text."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    display_name: str
    lat: Latitude
    lon: Longitude
    type: str = ""

    def facts(self) -> dict[str, Any]:
        """The place as the tools tell it."""
        return {
            "name": clean(self.display_name, LONGEST_NAME),
            "kind": clean(self.type.replace("_", " "), 40),
            "latitude": self.lat,
            "longitude": self.lon,
        }


class Nothing(BaseModel):
    """What ``/reverse`` answers, with status 200, where nothing is."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    error: str


FOUND: TypeAdapter[list[Found]] = TypeAdapter(list[Found])
REVERSED: TypeAdapter[Found | Nothing] = TypeAdapter(Found | Nothing)


def line(place: Mapping[str, Any]) -> str:
    """A place for a reader."""
    kind = f" [{place['kind']}]" if place["kind"] else ""
    return f"{place['latitude']:.5f},{place['longitude']:.5f} {place['name']}{kind}"


class Geocoding:
    """The tools, at one Nominatim."""

    def __init__(self, nominatim: Backend) -> None:
        self._nominatim = nominatim

    async def geocode(self, query: Query, limit: Most = 3) -> ToolResult:
        """Find the coordinates of an address or place."""
        query = " ".join(query.split())
        if not query or len(query) > LONGEST_QUERY:
            raise refused(f"query must have 1 to {LONGEST_QUERY} characters, such as: Unter den Linden 1, Berlin")
        params = {"q": query, "format": "jsonv2", "limit": str(limit), "addressdetails": "0", "accept-language": "en"}
        found = await self._nominatim.get("/search", params, FOUND)
        places = [place.facts() for place in found[:limit]]
        if not places:
            text = f"Nothing was found for {query!r}. Leave out parts of the address, or check the spelling."
        else:
            text = "\n".join([*map(line, places), SOURCE])
        return ToolResult(content=text, structured_content={"places": places})

    async def reverse_geocode(self, latitude: Latitude, longitude: Longitude) -> ToolResult:
        """Find the address at coordinates."""
        params = {"lat": f"{latitude:.5f}", "lon": f"{longitude:.5f}", "format": "jsonv2", "accept-language": "en"}
        found = await self._nominatim.get("/reverse", params, REVERSED)
        if isinstance(found, Nothing):
            return ToolResult(
                content=f"Nothing is known at {latitude:g},{longitude:g} (the sea, perhaps).",
                structured_content={"places": []},
            )
        place = found.facts()
        return ToolResult(content=f"{line(place)}\n{SOURCE}", structured_content={"places": [place]})


def build(environ: Mapping[str, str]) -> FastMCP:
    """The server, with the Nominatim that the environment names: ``NOMINATIM_URL``, ``NOMINATIM_GAP_S``."""
    tools = Geocoding(
        Backend(
            "Nominatim",
            address(environ, "NOMINATIM_URL", "https://nominatim.openstreetmap.org"),
            "NOMINATIM_URL",
            gap_s=gap(environ, "NOMINATIM_GAP_S", GAP_S),
            kept_s=KEPT_S,
        )
    )
    return make(
        "geocoding",
        "Coordinates of addresses and places, and addresses at coordinates. Data: © OpenStreetMap contributors, ODbL.",
        [
            reading(tools.geocode, "Find a place", PLACES_SHAPE),
            reading(tools.reverse_geocode, "What is at coordinates", PLACES_SHAPE),
        ],
    )


if __name__ == "__main__":
    sys.exit(main("geocoding", build, PORT))
