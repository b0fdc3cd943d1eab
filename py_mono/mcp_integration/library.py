"""How the library of MCP is imported: quiet, offline, and configured by nobody but us."""

import asyncio
import logging
import os
from contextlib import contextmanager

from py_mono.utils.lazy import load
from py_mono.utils.threads import in_thread

TYPE_CHECKING = False  # spelled out: this is loaded before the library is wanted
if TYPE_CHECKING:
    from collections.abc import Iterator

    from py_mono.mcp_integration.link import OpenLink

_PREFIX = "FASTMCP_"
_SETTINGS = {
    "ENV_FILE": os.devnull,  # else it reads .env of the current folder, which may be a repository's
    "LOG_ENABLED": "false",
    "DEPRECATION_WARNINGS": "false",
    "CHECK_FOR_UPDATES": "off",
    "TELEMETRY_MODE": "off",
    "CLIENT_DISCONNECT_TIMEOUT": "1",
}
_LOGGERS = ("fastmcp", "mcp", "httpx2", "httpcore2")
"""What they say may hold addresses with keys; what matters of it comes as an error."""


class Library:
    """The library, imported once, by whoever needs it first."""

    def __init__(self) -> None:
        self._loading: asyncio.Future[OpenLink] | None = None

    async def opener(self) -> "OpenLink":
        """What connects; the second that the import takes is spent in a thread."""
        if self._loading is None:
            self._loading = asyncio.ensure_future(in_thread(_imported, "mcp-import"))
        return await asyncio.shield(self._loading)


def _imported() -> "OpenLink":
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
    with _own_settings():
        opened: OpenLink = load("py_mono.mcp_integration.connection:connect")
    return opened


@contextmanager
def _own_settings() -> "Iterator[None]":
    """The environment as the library is to see it; it looks once, when it is imported."""
    before = {name: value for name, value in os.environ.items() if name.upper().startswith(_PREFIX)}
    ours = {_PREFIX + name: value for name, value in _SETTINGS.items()}
    for name in before:
        del os.environ[name]
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)
        os.environ.update(before)
