"""MCP servers: how they are configured. None is connected, and none is started."""

from py_mono.protocol.errors import ConfigError
from py_mono.ui.doctor.findings import Case, Finding, command_in, said

_TEST = "py-mono mcp test connects them"


def mcp(case: Case) -> Finding:
    """Which there are; what is wrong with how they are named, and what waits for the person."""
    if case.servers is None:
        return Finding("mcp", "not_checked", "it is not known which servers there are")
    try:
        found = case.servers()
    except ConfigError as error:
        return Finding("mcp", "fault", said(error), command_in(error.remedy))
    used = f"{', '.join(found.used)} ({_TEST})" if found.used else ""
    waiting = f"nobody agreed to {', '.join(found.waiting)} of .mcp.json" if found.waiting else ""
    detail = "; ".join(filter(None, (*found.problems, waiting, used))) or "no server is configured"
    if found.problems or found.waiting:
        return Finding("mcp", "warning", detail, "py-mono mcp trust" if found.waiting else "py-mono mcp list")
    return Finding("mcp", "ok", detail)
