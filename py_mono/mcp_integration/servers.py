"""Which servers there are: ``mcpServers`` as it is written in JSON, read with suspicion."""

import errno
import json
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from py_mono.mcp_integration.entries import EntryError, Lookup, read_entry
from py_mono.mcp_integration.server import Origin, Server
from py_mono.mcp_integration.words import line
from py_mono.protocol.errors import ConfigError

_LARGEST = 1 << 20
_MOST = 64
_SHOWN = 120
_DATETIME = "datetime"


class Source(NamedTuple):
    """A file that may name servers.

    Attributes:
        path: Absolute.
        origin: Whose it is.
    """

    path: str
    origin: Origin


class Configured(NamedTuple):
    """What was read.

    Attributes:
        servers: In the order of their names' first mention; a name stands there once.
        problems: What was wrong, in words; each cost what it names, and nothing else.
        hidden: Those that nobody agreed to, and others hide: they would come first, were they agreed to.
    """

    servers: tuple[Server, ...]
    problems: tuple[str, ...]
    hidden: tuple[Server, ...] = ()


def read_servers(
    sources: Sequence[Source],
    lookup: Callable[[Origin], Lookup],
    *,
    trusted: Callable[[Server], bool],
    datetime_url: str = "",
) -> Configured:
    """The servers of all sources, the first of which comes first: what it names hides what later ones call the same.

    Args:
        sources: In the order of their precedence.
        lookup: Gives a variable's value to an entry of that origin, or None.
        trusted: Whether a server may be used; one that may not hides no other.
        datetime_url: The address of the server ``datetime``, which comes after those of the command line.

    Raises:
        ConfigError: A file that the command line names cannot be read, or holds no servers.
    """
    found: dict[str, Server] = {}
    hidden: list[Server] = []
    problems: list[str] = []
    of_environment = _datetime(datetime_url, problems)
    for source in (*sources, None):
        if of_environment is not None and (source is None or source.origin != "flag"):
            _add(found, hidden, of_environment, trusted)
            of_environment = None
        if source is not None:
            for server in _read_source(source, lookup(source.origin), problems):
                _add(found, hidden, server, trusted)
    return Configured(tuple(found.values()), tuple(problems), tuple(hidden))


def _add(found: dict[str, Server], hidden: list[Server], server: Server, trusted: Callable[[Server], bool]) -> None:
    before = found.get(server.name)
    if before is not None and (trusted(before) or not trusted(server)):
        return
    hidden += [before] if before is not None else []
    found[server.name] = server


def _datetime(url: str, problems: list[str]) -> Server | None:
    if not url:
        return None
    try:
        return read_entry(_DATETIME, {"url": url}, "environment", _nothing)[0]
    except EntryError as error:
        problems.append(f"DATETIME_MCP_URL: {error}")
        return None


def _nothing(_: str) -> str | None:
    return None


def _read_source(source: Source, lookup: Lookup, problems: list[str]) -> Sequence[Server]:
    shown = source.path if source.origin != "project" else os.path.basename(source.path)
    try:
        entries = _entries(_text(source))
    except FileNotFoundError as error:
        if source.origin == "flag":
            raise ConfigError(f"--mcp-config: {shown} does not exist", remedy="name a file with mcpServers") from error
        return ()
    except (OSError, ValueError) as error:
        said = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        if source.origin == "flag":
            raise ConfigError(
                f"--mcp-config: {shown}: {said}", remedy='it should look like {"mcpServers": {"NAME": {"url": "…"}}}'
            ) from error
        problems.append(f"{shown} is not used: {said}")
        return ()
    servers = list[Server]()
    for name, entry in list(entries.items())[:_MOST]:
        try:
            server, odd = read_entry(name, entry, source.origin, lookup)
        except EntryError as error:
            problems.append(f"{shown}: the server {line(name, _SHOWN)!r} is not used: {error}")
            continue
        problems += [f"{shown}: the server {name!r}: {said}" for said in odd]
        servers += [server] if server is not None else []
    if len(entries) > _MOST:
        problems.append(f"{shown} names {len(entries)} servers; the first {_MOST} are used")
    return servers


def _text(source: Source) -> str:
    """The file's text. A repository's must be a file of its own: no link, no pipe. Raises OSError, ValueError."""
    follow = os.O_NOFOLLOW if source.origin == "project" else 0
    try:
        descriptor = os.open(source.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | follow)
    except OSError as error:
        if error.errno == errno.ELOOP and follow:
            raise ValueError("it is a link") from error
        raise
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is no regular file")
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(_LARGEST + 1)
    finally:
        os.close(descriptor)
    if len(data) > _LARGEST:
        raise ValueError(f"it is longer than {_LARGEST:,} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8 (byte {error.start})") from error


def _entries(text: str) -> Mapping[str, Any]:
    """What stands in ``mcpServers``. Raises ValueError."""
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        comment = "; JSON has no comments" if text[error.pos : error.pos + 2] in {"//", "/*"} else ""
        raise ValueError(f"it is no JSON: {error.msg} in line {error.lineno}, column {error.colno}{comment}") from error
    except RecursionError as error:
        raise ValueError("it is no JSON of servers: it is nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("it holds no JSON object")  # noqa: TRY004 - what is wrong with a file, to its caller
    servers = found.get("mcpServers")
    if servers is None:
        near = "; it has servers, which is called mcpServers here" if "servers" in found else ""
        raise ValueError(f"it has no mcpServers{near}")
    if not isinstance(servers, dict):
        raise ValueError("its mcpServers is no object of servers by name")  # noqa: TRY004 - as above
    return servers


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object each of whose keys stands in it once: with two, what is read need not be what a person saw."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{line(key, _SHOWN)!r} stands in it twice")
        found[key] = value
    return found
