"""An MCP server over streamable HTTP: ``python mcp_server.py PORT NAME…`` has a tool of each name, which changes nothing."""

import socket
import sys

import uvicorn
from fastmcp import FastMCP
from fastmcp.tools.base import Tool
from mcp_types import ToolAnnotations


def _named(name: str) -> Tool:
    def answer() -> str:
        return f"served {name}"

    return Tool.from_function(
        answer, name=name, description=f"Says {name}.", annotations=ToolAnnotations(read_only_hint=True)
    )


listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listening.bind(("127.0.0.1", int(sys.argv[1])))
listening.listen()
server: FastMCP = FastMCP("journey", tools=[_named(name) for name in sys.argv[2:]])
print(listening.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(server.http_app(json_response=True), log_level="critical")).run([listening])
