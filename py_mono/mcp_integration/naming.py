"""What the tools of servers are called in the one list of tools: ``SERVER__TOOL``, fit for every model."""

import re

from py_mono.mcp_integration.listing import Resource, Tool
from py_mono.mcp_integration.server import Server
from py_mono.protocol.tools import FROM_SERVER, Effect, ToolSpec
from py_mono.utils.digests import blake2b

_LONGEST = 64
_UNFIT = re.compile(r"[^A-Za-z0-9_-]")
_PLAIN = {("datetime", "get_current_datetime"): "get_current_datetime"}
"""Listed by their own name alone; by both they are called."""
_READ = "read_resource"
_NAMED_RESOURCES = 10


class Names:
    """A name belongs to the tool that had it first, for as long as this lives: a list that was frozen keeps its meaning."""

    def __init__(self) -> None:
        self._owners = {plain: owner for owner, plain in _PLAIN.items()}
        self._names = dict(_PLAIN)
        for server, tool in _PLAIN:
            self._owners[_fit(server, tool)] = (server, tool)

    def owner(self, name: str) -> tuple[str, str] | None:
        """Server and tool of a name that was given; else None."""
        return self._owners.get(name)

    def name(self, server: Server, tool: Tool) -> str:
        """What a tool is called, from now on if it was not before."""
        owner = (server.name, tool.name)
        if owner not in self._names:
            self._names[owner] = name = self._free(*owner)
            self._owners[name] = owner
        return self._names[owner]

    def spec(self, server: Server, tool: Tool) -> ToolSpec:
        """A tool as the registry lists it."""
        return ToolSpec(
            self.name(server, tool),
            tool.description or f"The tool {tool.name} of the MCP server {server.name}.",
            tool.parameters,
            effect(server, tool),
            f"{FROM_SERVER}{server.name}",
        )

    def _free(self, server: str, tool: str) -> str:
        name = _fit(server, tool)
        number = 2
        while name in self._owners:  # two that differ in what no name may hold: the later one bears a number
            end = f"_{number}"
            name = _fit(server, tool)[: _LONGEST - len(end)] + end
            number += 1
        return name


def prefix(server: Server) -> str:
    """What the names of a server's tools begin with."""
    return _UNFIT.sub("_", f"{server.name}__")


def effect(server: Server, tool: Tool) -> Effect:
    """Who is asked before a call: nobody where it says that it changes nothing; the undo covers the workspace alone.

    One that may change the workspace is not believed that it does not: a dry run and the undo rest on it.
    """
    if server.write:
        return "write"
    return "read" if tool.read_only else "external"


def reader(tools: tuple[Tool, ...], resources: tuple[Resource, ...]) -> Tool | None:
    """A tool that reads a server's resources, for a server that has some, and no tool of that name."""
    if not resources or any(tool.name == _READ for tool in tools):
        return None
    named = "\n".join(f"{one.uri} {one.description or one.name}".rstrip() for one in resources[:_NAMED_RESOURCES])
    more = "\n…" if len(resources) > _NAMED_RESOURCES else ""
    parameters = {"type": "object", "properties": {"uri": {"type": "string"}}, "required": ["uri"]}
    return Tool(
        _READ, f"Read a resource of this server by its URI. Some of them:\n{named}{more}", parameters, read_only=True
    )


def _fit(server: str, tool: str) -> str:
    """The whole name, cut where it is too long, with a digest so that no other one is cut to the same."""
    name = _UNFIT.sub("_", f"{server}__{tool}")
    if len(name) <= _LONGEST:
        return name
    digest = blake2b(f"{server}\0{tool}".encode("utf-8", "replace"), digest_size=3).hexdigest()
    return f"{name[: _LONGEST - 7]}_{digest}"
