import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from tests.mcp_servers.running import CLEAN, ROOT, Running, refused_start, running


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running("datetime", {"ALLOWED_HOSTS": "clock.example.org, *.inside.example"}) as it:
        yield it


async def ask(url: str, arguments: dict[str, Any]) -> tuple[bool, str, Any]:
    async with Client(url) as client:
        result = await client.call_tool("get_current_datetime", arguments, raise_on_error=False)
        return result.is_error, result.content[0].text, result.structured_content


async def test_the_time_is_utc_where_nothing_is_said(server: Running) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    failed, text, facts = await ask(server.url, {})
    now = datetime.fromisoformat(facts["datetime"])
    assert not failed
    assert before <= now <= datetime.now(UTC)
    assert facts == {"datetime": now.isoformat(), "weekday": f"{now:%A}", "timezone": "UTC"}
    assert facts["datetime"].endswith("+00:00")
    assert text == f"{facts['datetime']} {facts['weekday']} (UTC)"


@pytest.mark.parametrize(
    ("zone", "offset"), [("Asia/Kolkata", 5.5), ("Asia/Tokyo", 9), ("Etc/GMT+12", -12), (" Asia/Tokyo ", 9), ("", 0)]
)
async def test_the_time_of_a_zone_has_its_offset(server: Running, zone: str, offset: float) -> None:
    failed, _, facts = await ask(server.url, {"timezone": zone})
    now = datetime.fromisoformat(facts["datetime"])
    assert not failed
    assert now.utcoffset() == timedelta(hours=offset)
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)
    assert facts["weekday"] == f"{now:%A}"
    assert facts["timezone"] == (zone.strip() or "UTC")


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("berlin", "There is no time zone 'berlin'. Did you mean Europe/Berlin?"),
        ("new york", "America/New_York"),
        ("Europe/Berln", "Europe/Berlin"),
        ("../../../etc/passwd", "Give an IANA name such as Europe/Berlin"),
        ("/etc/passwd", "Give an IANA name"),
        ("America", "There is no time zone 'America'"),
        ("a\0b", "There is no time zone 'a\\x00b'"),
        ("\x1b[31mred", "There is no time zone '\\x1b[31mred'"),
        ("ü✓", "There is no time zone"),
        ("x" * 100_000, "timezone has 100000 characters; give an IANA name"),
    ],
)
async def test_a_zone_that_is_none_is_refused_with_what_was_perhaps_meant(
    server: Running, zone: str, said: str
) -> None:
    failed, text, _ = await ask(server.url, {"timezone": zone})
    assert failed
    assert said in text
    assert len(text) < 200


@pytest.mark.parametrize(
    ("arguments", "said"),
    [({"timezone": 7}, "timezone: Input should be a valid string"), ({"zone": "UTC"}, "zone: Unexpected keyword")],
)
async def test_arguments_of_another_shape_are_refused_in_plain_words(
    server: Running, arguments: dict[str, Any], said: str
) -> None:
    failed, text, _ = await ask(server.url, arguments)
    assert failed
    assert said in text
    assert "pydantic" not in text


async def test_the_tool_is_small_and_says_that_it_only_reads(server: Running) -> None:
    async with Client(server.url) as client:
        (tool,) = await client.list_tools()
    assert tool.name == "get_current_datetime"
    assert tool.annotations is not None
    assert tool.annotations.read_only_hint is True
    assert tool.annotations.open_world_hint is False
    assert tool.input_schema["properties"].keys() == {"timezone"}
    assert len(tool.model_dump_json(include={"name", "description", "input_schema"})) < 300


async def test_it_speaks_over_stdio_too() -> None:
    transport = StdioTransport(
        sys.executable, ["-m", "mcp_servers.datetime.server", "--stdio"], env=CLEAN, cwd=str(ROOT), keep_alive=False
    )
    async with Client(transport) as client:
        result = await client.call_tool("get_current_datetime", {})
    assert result.structured_content is not None
    assert result.structured_content["timezone"] == "UTC"


def request(server: Running, method: str, path: str, headers: dict[str, str], body: str = "") -> tuple[int, bytes]:
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
    try:
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:1234", 200),
        ("127.0.0.1:50051", 200),
        ("[::1]:50051", 200),
        ("datetime-mcp:50051", 200),
        ("clock.example.org", 200),
        ("a.inside.example", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("datetime-mcp.evil.example", 421),
        ("127.0.0.1.evil.example:50051", 421),
        ("weather-mcp:50051", 421),
        ("", 421),
    ],
)
def test_a_host_that_is_not_its_own_is_turned_away(server: Running, host: str, status: int) -> None:
    assert request(server, "GET", "/health", {"Host": host})[0] == status
    initialize = '{"jsonrpc": "2.0", "id": 1, "method": "ping"}'
    headers = {"Host": host, "Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    assert (request(server, "POST", "/mcp", headers, initialize)[0] == 421) == (status == 421)


@pytest.mark.parametrize(
    ("origin", "status"), [("http://localhost:3000", 200), ("http://evil.example", 403), ("null", 403)]
)
def test_a_page_of_another_origin_is_turned_away(server: Running, origin: str, status: int) -> None:
    assert request(server, "GET", "/health", {"Host": "localhost", "Origin": origin})[0] == status


def test_the_health_route_says_who_is_well(server: Running) -> None:
    assert request(server, "GET", "/health", {}) == (200, b'{"status":"ok","server":"datetime","version":"0.1.0"}')


def test_the_health_check_of_the_image_sees_it_and_sees_it_gone(server: Running) -> None:
    def check(port: int) -> int:
        given = {**CLEAN, "PORT": str(port)}
        program = [sys.executable, "-m", "mcp_servers.common.health"]
        return subprocess.run(program, cwd=ROOT, env=given, capture_output=True, check=False).returncode

    with socket.create_server(("127.0.0.1", 0)) as closed:
        free = closed.getsockname()[1]
    assert check(urlsplit(server.url).port or 0) == 0
    assert check(free) == 1


@pytest.mark.parametrize("body", ["", "{", "[]", '{"jsonrpc": "2.0"}', "\0" * 1000, "[" * 100_000])
def test_what_is_no_message_is_answered_with_an_error_and_harms_nothing(server: Running, body: str) -> None:
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    status, _ = request(server, "POST", "/mcp", headers, body)
    assert 400 <= status < 500
    assert request(server, "GET", "/health", {})[0] == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_at_once_and_it_said_one_line(number: signal.Signals) -> None:
    with running("datetime") as server:
        assert server.start == {"event": "listening", "server": "datetime", "version": "0.1.0", "url": server.url}
        async with Client(server.url) as client:
            await client.call_tool("get_current_datetime", {})
            await client.call_tool("get_current_datetime", {"timezone": "nowhere"}, raise_on_error=False)
            await client.call_tool("get_current_datetime", {"timezone": 7}, raise_on_error=False)
            # The client is still connected: it holds nothing up.
            status, said = server.end(number)
        assert said == ""
        assert status in {-number, 128 + number}
        with pytest.raises(ProcessLookupError):
            os.kill(server.process.pid, 0)


async def test_requests_are_told_where_that_is_asked_for() -> None:
    with running("datetime", {"LOG_LEVEL": "info"}) as server:
        assert request(server, "GET", "/health", {})[0] == 200
        _, said = server.end()
    assert '"GET /health HTTP/1.1" 200' in said
    assert "\x1b" not in said


def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused_start("datetime", {"PORT": str(port)})
    assert said.startswith(f"cannot listen on 127.0.0.1 port {port} (Address already in use); set HOST and PORT")
