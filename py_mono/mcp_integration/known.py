"""What a server's tools said when they were last seen, and what of it the person agreed to: a file for each server.

It lets the tools be listed before the server is connected. It is bound to the entry of the configuration: another entry
is another file. Whole or not at all: a file that is damaged, too large, or not ours is as if there were none.
"""

import os

import msgspec
from msgspec import Struct

from py_mono.mcp_integration.listing import Held, Listing, Resource, Tool
from py_mono.mcp_integration.server import Server
from py_mono.utils.digests import blake2b
from py_mono.utils.private_files import read_private, write_private

_MOST_GONE = 256
_MOST_RESOURCES = 20
"""Kept of a server's resources: as many as are named to the model."""


class Known(Struct, frozen=True):
    """What was agreed to.

    Attributes:
        tools: Those that were listed last, in the server's order.
        gone: Those that are not listed any more, or not as they were: one that comes back changed is another one.
        resources: The first ones it had.
    """

    tools: tuple[Tool, ...] = ()
    gone: tuple[Tool, ...] = ()
    resources: tuple[Resource, ...] = ()


def compared(known: Known, listing: Listing) -> tuple[Known, dict[str, Tool]]:
    """What can be called of a new list, and what is held back: tools that say something else than was agreed to."""
    agreed = {tool.name: tool for tool in (*known.gone, *known.tools)}
    held = {tool.name: tool for tool in listing.tools if agreed.get(tool.name, tool) != tool}
    tools = tuple(tool for tool in listing.tools if tool.name not in held)
    listed = {tool.name for tool in tools}
    gone = tuple(tool for name, tool in agreed.items() if name not in listed)
    return Known(tools, gone[-_MOST_GONE:], listing.resources[:_MOST_RESOURCES]), held


def agreed(known: Known, held: dict[str, Tool]) -> Known:
    """The person agreed to what was held back."""
    gone = tuple(tool for tool in known.gone if tool.name not in held)
    return Known((*known.tools, *held.values()), gone, known.resources)


def differences(known: Known, held: dict[str, Tool]) -> tuple[Held, ...]:
    """What is held back, before and now."""
    before = {tool.name: tool for tool in (*known.gone, *known.tools)}
    return tuple(Held(name, _words(before[name]), _words(tool)) for name, tool in held.items() if name in before)


def read(folder: str, server: Server) -> Known:
    """What is known of a server; nothing where there is no such file, or it is not to be trusted."""
    try:
        return msgspec.json.decode(read_private(_path(folder, server)), type=Known)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return Known()


def write(folder: str, server: Server, known: Known) -> None:
    """Keep it. Raises OSError."""
    write_private(_path(folder, server), msgspec.json.encode(known))


def _path(folder: str, server: Server) -> str:
    whole = f"{server.name}\0{server.origin}\0{server.digest}".encode("utf-8", "surrogateescape")
    return os.path.join(folder, blake2b(whole, digest_size=16).hexdigest() + ".json")


def _words(tool: Tool) -> str:
    """A tool as the person compares it."""
    schema = msgspec.json.format(msgspec.json.encode(tool.parameters), indent=2).decode("utf-8", "replace")
    effect = "\n(it says that it changes nothing)" if tool.read_only else ""
    return f"{tool.description}{effect}\n{schema}"
