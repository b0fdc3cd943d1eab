"""What the doctor says of MCP servers."""

import pytest

from py_mono.protocol.errors import ConfigError
from py_mono.ui.doctor.findings import Finding, Servers
from py_mono.ui.doctor.servers import mcp
from tests.ui.doctor.cases import case


@pytest.mark.parametrize(
    ("servers", "verdict", "detail", "remedy"),
    [
        (Servers(), "ok", "no server is configured", ""),
        (Servers(used=("a", "b")), "ok", "a, b (py-mono mcp test connects them)", ""),
        (
            Servers(used=("a",), waiting=("b", "c")),
            "warning",
            "nobody agreed to b, c of .mcp.json; a (py-mono mcp test connects them)",
            "py-mono mcp trust",
        ),
        (Servers(problems=("it is no JSON",)), "warning", "it is no JSON", "py-mono mcp list"),
    ],
)
def test_it_says_what_is_used_what_waits_and_what_is_wrong(
    servers: Servers, verdict: str, detail: str, remedy: str
) -> None:
    found = mcp(case(servers=lambda: servers))
    assert (found.verdict, found.detail, found.remedy) == (verdict, detail, remedy)


def test_a_file_of_the_command_line_that_cannot_be_read_is_a_fault() -> None:
    def servers() -> Servers:
        raise ConfigError("--mcp-config: /x does not exist", remedy="name a file with mcpServers")

    assert mcp(case(servers=servers)) == Finding(
        "mcp", "fault", "--mcp-config: /x does not exist: name a file with mcpServers"
    )
    assert mcp(case()).verdict == "not_checked"
