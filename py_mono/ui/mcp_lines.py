"""What is said of MCP servers: the table, one of them, and what agreeing to one means."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from py_mono.mcp_integration.shown import command_line, concealing, where
from py_mono.ui.rendering.exact import spelled_line

if TYPE_CHECKING:
    from py_mono.mcp_integration.listing import Held
    from py_mono.mcp_integration.server import Server
    from py_mono.mcp_integration.state import ServerState
    from py_mono.ui.mcp import Trust

NONE = (
    "No MCP server is configured. Name one in .mcp.json of the workspace, or for all of them in mcp.json of the\n"
    'configuration folder: {"mcpServers": {"NAME": {"command": "npx", "args": ["-y", "PACKAGE"]}}}. The guide: docs/mcp.md.'
)
_FROM = {
    "flag": "--mcp-config",
    "environment": "DATETIME_MCP_URL",
    "project": ".mcp.json",
    "user": "your mcp.json",
}


def table(states: "Sequence[ServerState]", problems: Sequence[str]) -> str:
    """A line each: name, how it stands, its tools, where it is named, and why."""
    rows = [(state.name, state.phase, _count(state.tools, "tool"), _FROM[state.origin]) for state in states]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    lines = []
    for row, state in zip(rows, states, strict=True):
        cells = "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        why = state.detail or (f"/mcp trust {state.name} shows it" if state.phase == "untrusted" else "")
        lines.append(f"{cells}  {why}" if why else cells)
    return "\n".join([*lines, *(f"! {problem}" for problem in problems)])


def one(state: "ServerState", tools: Sequence[str], resources: Sequence[str], prompts: Sequence[str]) -> str:
    """All of one server: how it stands, what it offers, what it said last."""
    lines = [f"{state.name}: {state.phase}, {state.where}, named in {_FROM[state.origin]}"]
    lines += [f"  {state.detail}"] if state.detail else []
    for title, offered in (("tools", tools), ("resources", resources), ("prompts", prompts), ("said", state.log)):
        lines += [f"{title}:", *(f"  {each}" for each in offered)] if offered else []
    return "\n".join(lines)


def explained(server: "Server", files: Collection[str], *, workspace: str, confined: bool) -> str:
    """What agreeing to a server of the workspace's file means: exactly what is started or asked, and what it gets.

    ``files`` are those of the workspace that it starts with.
    """
    concealed = concealing(server)

    def shown(text: str) -> str:
        return spelled_line(concealed(text))

    lines = [f"The MCP server {server.name}, named in .mcp.json of {spelled_line(workspace)}:"]
    if server.url:
        lines += [f"  is asked at {shown(server.url)}" + (", logged in to with OAuth" if server.oauth else "")]
        lines += [f"  with the header {shown(f'{name}: {value}')}" for name, value in server.headers.items()]
        lines += ["  and gets what the model gives its tools, also of what is in the workspace"]
    else:
        lines += [f"  starts {shown(command_line(server))}"]
        lines += [f"  in {shown(server.cwd)}"] if server.cwd else []
        lines += [f"  with {shown(name)}={shown(value)}" for name, value in server.env.items()]
        lines += _powers(server) if confined else ["  WITHOUT A LOCK (--sandbox off): it can do whatever you can"]
        lines += [f"  and runs {shown(path)}: you are asked again when that file changes" for path in files]
        lines += ["  What else it loads from the workspace may change later, also by the model's hand, unasked."]
    if server.variables:
        lines += [f"  It is given these variables of yours: {', '.join(server.variables)}"]
    return "\n".join(lines)


def _powers(server: "Server") -> list[str]:
    may = "reads and changes" if server.write else "reads"
    return [
        f"  in a lock of its own: it {may} the workspace",
        "  and reaches the network, so it can send out what it reads" if server.network else "  without the network",
    ]


def differences(name: str, held: "Sequence[Held]") -> str:
    """What a server's tools say now, beside what was agreed to."""
    lines = [f"{name} says something else of {_count(len(held), 'tool')} than when you agreed:"]
    for each in held:
        lines += [f"  {each.tool}", f"    before: {each.before}", f"    now:    {each.now}"]
    return "\n".join(lines)


def listed(servers: "Sequence[Server]", trust: "Trust", problems: Sequence[str]) -> str:
    """A line each, without connecting: name, where it is, where it is named, and whether it is used."""
    width = max((len(server.name) for server in servers), default=0)
    lines = [
        f"{server.name:{width}}  {where(server)}, named in {_FROM[server.origin]}{_consent(server, trust)}"
        for server in servers
    ]
    return "\n".join([*lines, *(f"! {problem}" for problem in problems)]) or NONE


def _consent(server: "Server", trust: "Trust") -> str:
    if trust(server):
        return ""
    return ": not used, as you said" if trust.refused(server) else f": not used; py-mono mcp trust {server.name}"


def objects(servers: "Sequence[Server]", trust: "Trust") -> list[Mapping[str, Any]]:
    """``mcp list --json``."""
    return [
        {
            "name": server.name,
            "origin": server.origin,
            "where": where(server),
            "trusted": trust(server),
            "network": server.network if server.command else None,
            "write": server.write if server.command else None,
        }
        for server in servers
    ]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
