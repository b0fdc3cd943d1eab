"""How the library comes in: late, quiet, and configured by nobody else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

QUIET = """
import asyncio, os, sys, threading
from py_mono.mcp_integration.hub import McpServers
from py_mono.mcp_integration.server import Server
from py_mono.protocol.tools import ToolCall

HEAVY = ("fastmcp", "mcp", "mcp_types", "pydantic", "httpx2", "anyio", "jsonschema_rs")
assert not [name for name in HEAVY if name in sys.modules]
before = dict(os.environ)

async def main():
    servers = [Server("dead", "user", "d", url="http://127.0.0.1:9/mcp"), Server("none", "user", "d", command="/bin/false")]
    hub = McpServers(servers, workspace=os.getcwd(), store=os.path.join(os.getcwd(), "store"), trusted=lambda _: True,
                     program=lambda s: ([s.command], {}), notice=print, redact=str, version="0")
    assert not [name for name in HEAVY if name in sys.modules]
    hub.start()
    assert not [name for name in HEAVY if name in sys.modules]
    await hub.settle(60)
    await hub.call(ToolCall("1", "dead__x", {}), print)
    await hub.close()

asyncio.run(main())
import fastmcp
assert dict(os.environ) == before
assert fastmcp.settings.log_level == "INFO", fastmcp.settings.log_level
assert fastmcp.settings.telemetry_mode == "off"
assert fastmcp.settings.check_for_updates == "off"
assert fastmcp.settings.home.name == "fastmcp"
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A folder that would like to configure the library."""
    settings = (
        "FASTMCP_LOG_LEVEL=DEBUG\nFASTMCP_HOME=/tmp/evil\nFASTMCP_TELEMETRY_MODE=native\nFASTMCP_TEST_MODE=true\n"
    )
    (tmp_path / ".env").write_text(settings)
    return tmp_path


@pytest.mark.parametrize(
    "outside", [{}, {"FASTMCP_LOG_LEVEL": "DEBUG", "FASTMCP_ENV_FILE": ".env"}, {"fastmcp_port": "x"}]
)
def test_nothing_is_loaded_early_printed_or_taken_from_a_repository(repository: Path, outside: dict[str, str]) -> None:
    environment = {**os.environ, "PYTHONPATH": os.getcwd(), **outside}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", QUIET],
        cwd=repository,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
