"""How a server is served: over streamable HTTP at ``/mcp``, with a host guard and ``/health``, or over stdio."""

import argparse
import asyncio
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import fastmcp
from fastmcp import FastMCP
from fastmcp.tools.base import Tool
from fastmcp.utilities.logging import configure_logging
from mcp_types import ToolAnnotations
from starlette.requests import Request
from starlette.responses import JSONResponse

from mcp_servers.common.refusing import PlainRefusals
from mcp_servers.common.settings import LEVELS, VERSION, Settings, SettingsError, settings

PATH = "/mcp"
SHUTDOWN_S = 1  # what a call under way has left after SIGTERM
CONNECTIONS = 64


def make(name: str, instructions: str, tools: Sequence[Tool]) -> FastMCP:
    """A server with these tools; what a tool did not foresee is not told to the client."""
    server: FastMCP = FastMCP(
        name, instructions, version=VERSION, tools=tools, mask_error_details=True, middleware=[PlainRefusals()]
    )

    @server.custom_route("/health", methods=["GET"])
    async def health(_request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok", "server": name, "version": VERSION})

    return server


def reading(function: Callable[..., object], title: str, answer: dict[str, Any], *, open_world: bool = True) -> Tool:
    """A tool that changes nothing anywhere; its docstring is its description.

    Args:
        function: Gives a ``ToolResult``.
        title: For people.
        answer: JSON schema of the structured content.
        open_world: Whether it asks somebody else.
    """
    return Tool.from_function(
        function,
        output_schema=answer,
        annotations=ToolAnnotations(title=title, read_only_hint=True, open_world_hint=open_world),
    )


def say(**fact: object) -> None:
    """One line of JSON on stderr; stdout belongs to the protocol."""
    sys.stderr.write(json.dumps(fact) + "\n")
    sys.stderr.flush()


def listener(where: Settings) -> socket.socket:
    """The socket to serve at, listening already.

    Raises:
        SettingsError: The address cannot be had.
    """
    at = None
    try:
        # With the protocol named, asyncio switches Nagle's algorithm off for what is accepted; else answers wait 40 ms.
        family, kind, protocol, _name, address = socket.getaddrinfo(
            where.host, where.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
        )[0]
        at = socket.socket(family, kind, protocol)
        at.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        at.bind(address)
        at.listen(CONNECTIONS)
    except OSError as error:
        if at:
            at.close()
        raise SettingsError(
            f"cannot listen on {where.host} port {where.port} ({error.strerror}); set HOST and PORT to an address "
            "of this machine that is free"
        ) from error
    return at


async def serve(server: FastMCP, where: Settings, at: socket.socket) -> None:
    """Answer at this socket until a signal says to end."""
    await server.run_http_async(
        show_banner=False,
        host=where.host,
        port=where.port,
        path=PATH,
        stateless_http=True,
        json_response=True,
        host_origin_protection=True,
        allowed_hosts=list(where.allowed_hosts),
        sockets=[at],
        uvicorn_config={
            "log_config": None,
            "log_level": where.log_level,
            "access_log": where.log_level in LEVELS[:2],
            "limit_concurrency": CONNECTIONS,
            "server_header": False,
            "timeout_graceful_shutdown": SHUTDOWN_S,
            "ws": "none",
        },
    )


def log_plainly(level: str) -> None:
    """Lines of the libraries from this level on, without boxes and colours."""
    fastmcp.settings.enable_rich_logging = False
    configure_logging(level=logging.getLevelName(level.upper()))
    logging.basicConfig(level=level.upper(), format="%(levelname)s: %(message)s")


def main(name: str, build: Callable[[Mapping[str, str]], FastMCP], port: int, argv: Sequence[str] | None = None) -> int:
    """Serve until stopped; the process's status.

    Args:
        name: Of the server.
        build: Makes it, with its tools, from the environment.
        port: The one of this server where ``PORT`` is not set.
        argv: The command line without the program; None takes the process's own.
    """
    parser = argparse.ArgumentParser(
        prog=f"{name}-mcp",
        description=f"The MCP server {name}: streamable HTTP at {PATH}, port {port}.",
        epilog="Environment: HOST, PORT, ALLOWED_HOSTS (comma-separated), LOG_LEVEL.",
    )
    parser.add_argument("--stdio", action="store_true", help="speak over stdin and stdout instead")
    stdio = parser.parse_args(argv).stdio
    try:
        where = settings(name, port, os.environ)
        log_plainly(where.log_level)
        server = build(os.environ)
        if stdio:
            asyncio.run(server.run_stdio_async(show_banner=False))
            return 0
        with listener(where) as at:
            host, bound = at.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            say(event="listening", server=name, version=VERSION, url=f"http://{shown}:{bound}{PATH}")
            asyncio.run(serve(server, where, at))
    except SettingsError as error:
        say(event="error", server=name, message=str(error))
        return 2
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0
