"""What the environment says of how to listen."""

from collections.abc import Mapping
from dataclasses import dataclass

VERSION = "0.1.0"
LEVELS = ("debug", "info", "warning", "error")  # the first two with a line for each request


class SettingsError(ValueError):
    """A setting that cannot be: its text says which, and what would be right."""


@dataclass(frozen=True)
class Settings:
    """Where and how to listen."""

    host: str
    port: int
    """0 takes any free one; the line at the start says which."""
    allowed_hosts: tuple[str, ...]
    """What a request's ``Host`` may be, beside localhost: names or patterns, without a port."""
    log_level: str


def settings(name: str, port: int, environ: Mapping[str, str]) -> Settings:
    """Read ``HOST``, ``PORT``, ``ALLOWED_HOSTS`` (comma-separated) and ``LOG_LEVEL``.

    Raises:
        SettingsError: One of them cannot be.
    """
    given = environ.get("PORT") or str(port)
    if not (given.isascii() and given.isdigit() and len(given) < 6 and int(given) < 1 << 16):  # noqa: PLR2004 - digits
        raise SettingsError(f"PORT is {given[:20]!r}; it must be a number from 0 to 65535")
    hosts = [host.strip() for host in environ.get("ALLOWED_HOSTS", "").split(",") if host.strip()]
    for host in hosts:
        if not any(letter.isalnum() for letter in host):  # such as * or ?*
            raise SettingsError(
                f"ALLOWED_HOSTS has {host[:20]!r}, which would switch the guard off; name the hosts, or *.example.org"
            )
    level = (environ.get("LOG_LEVEL") or "error").lower()
    if level not in LEVELS:
        raise SettingsError(f"LOG_LEVEL is {level!r}; it must be one of {', '.join(LEVELS)}")
    return Settings(
        host=environ.get("HOST") or "127.0.0.1",
        port=int(given),
        allowed_hosts=(f"{name}-mcp", *hosts),
        log_level=level,
    )
