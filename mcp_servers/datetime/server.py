"""The time, for those who cannot know it: ``python -m mcp_servers.datetime.server``."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from fastmcp import FastMCP
from fastmcp.tools.base import ToolResult
from pydantic import Field

from mcp_servers.common.refusing import refused
from mcp_servers.common.serving import main, make, reading

PORT = 50051
NAME_LENGTH = 64  # the longest name of the IANA database has 32
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SHAPE = {
    "type": "object",
    "properties": {
        "datetime": {"type": "string", "description": "ISO 8601 with offset"},
        "weekday": {"type": "string"},
        "timezone": {"type": "string", "description": "IANA name"},
    },
    "required": ["datetime", "weekday", "timezone"],
}


def similar(name: str) -> list[str]:
    """Zones that were perhaps meant: the same city, or nearly the same letters."""
    wanted = name.strip().replace(" ", "_").lower()
    zones = {zone.lower(): zone for zone in sorted(available_timezones())}
    of_city = [zone for small, zone in zones.items() if small.rsplit("/", 1)[-1] == wanted.rsplit("/", 1)[-1]]
    return (of_city + [zones[small] for small in get_close_matches(wanted, zones, n=3) if zones[small] not in of_city])[
        :3
    ]


def zone(name: str) -> ZoneInfo:
    """The time zone of this IANA name; UTC for an empty one.

    Raises:
        ToolError: There is none.
    """
    if len(name) > NAME_LENGTH:
        raise refused(f"timezone has {len(name)} characters; give an IANA name such as Europe/Berlin, or leave it out")
    try:
        return ZoneInfo(name.strip() or "UTC")
    except (KeyError, ValueError, OSError) as error:  # unknown; not the shape of a name; a folder of the database
        near = similar(name)
        hint = (
            f"Did you mean {' or '.join(near)}?"
            if near
            else "Give an IANA name such as Europe/Berlin, or leave it out."
        )
        raise refused(f"There is no time zone {name!r}. {hint}") from error


def get_current_datetime(
    timezone: Annotated[str, Field(description="IANA name, e.g. Europe/Berlin")] = "UTC",
) -> ToolResult:
    """Get the current date and time."""
    place = zone(timezone)
    now = datetime.now(UTC).astimezone(place).replace(microsecond=0)
    weekday = WEEKDAYS[now.weekday()]
    return ToolResult(
        content=f"{now.isoformat()} {weekday} ({place.key})",
        structured_content={"datetime": now.isoformat(), "weekday": weekday, "timezone": place.key},
    )


def build(_environ: Mapping[str, str]) -> FastMCP:
    """The server; nothing of it can be set."""
    tool = reading(get_current_datetime, "Date and time", open_world=False, answer=SHAPE)
    return make("datetime", "The current date and time, in UTC or in any time zone.", [tool])


if __name__ == "__main__":
    sys.exit(main("datetime", build, PORT))
