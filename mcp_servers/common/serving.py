"""How a server is served: over streamable HTTP at ``/mcp``, with a host guard and ``/health``, or over stdio."""

import argparse
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import anyio
import fastmcp
from fastmcp import FastMCP
from fastmcp.utilities.logging import configure_logging
from starlette.requests import Request
from starlette.responses import JSONResponse

from mcp_servers.common.refusing import PlainRefusals

VERSION = "0.1.0"
PATH = "/mcp"
LEVELS = ("debug", "info", "warning", "error")  # the first two with a line for each request
SHUTDOWN_S = 1  # what a call under way has left after SIGTERM
CONNECTIONS = 64


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
    if not (given.isascii() and given.isdigit() and int(given) < 1 << 16):
        raise SettingsError(f"PORT is {given!r}; it must be a number from 0 to 65535")
    hosts = [host.strip() for host in environ.get("ALLOWED_HOSTS", "").split(",") if host.strip()]
    if "*" in hosts:
        raise SettingsError("ALLOWED_HOSTS is '*', which would switch the guard off; name the hosts, or *.example.org")
    level = (environ.get("LOG_LEVEL") or "error").lower()
    if level not in LEVELS:
        raise SettingsError(f"LOG_LEVEL is {level!r}; it must be one of {', '.join(LEVELS)}")
    return Settings(
        host=environ.get("HOST") or "127.0.0.1",
        port=int(given),
        allowed_hosts=(f"{name}-mcp", *hosts),
        log_level=level,
    )


def make(name: str, instructions: str) -> FastMCP:
    """A server without tools yet; what a tool did not foresee is not told to the client."""
    server: FastMCP = FastMCP(
        name, instructions, version=VERSION, mask_error_details=True, middleware=[PlainRefusals()]
    )

    @server.custom_route("/health", methods=["GET"])
    async def health(_request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok", "server": name, "version": VERSION})

    return server


def say(**fact: object) -> None:
    """One line of JSON on stderr; stdout belongs to the protocol."""
    sys.stderr.write(json.dumps(fact) + "\n")
    sys.stderr.flush()


def listener(where: Settings) -> socket.socket:
    """The socket to serve at, listening already.

    Raises:
        SettingsError: The address cannot be had.
    """
    # With the protocol named, asyncio switches Nagle's algorithm off for what is accepted; else each answer waits 40 ms.
    at = None
    try:
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


def main(server: FastMCP, port: int, argv: Sequence[str] | None = None) -> int:
    """Serve until stopped; the process's status.

    Args:
        server: With its tools.
        port: The one of this server where ``PORT`` is not set.
        argv: The command line without the program; None takes the process's own.
    """
    name = server.name
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
        if stdio:
            anyio.run(lambda: server.run_stdio_async(show_banner=False))
            return 0
        with listener(where) as at:
            host, bound = at.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            say(event="listening", server=name, version=VERSION, url=f"http://{shown}:{bound}{PATH}")
            anyio.run(serve, server, where, at)
    except SettingsError as error:
        say(event="error", server=name, message=str(error))
        return 2
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0
