"""Servers that refuse, hang, lie and flood: each costs its own line, and nothing else."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from py_mono.mcp_integration.server import Server
from py_mono.protocol.errors import SandboxBusy, SandboxError
from tests.mcp_integration.servers import Raw, answer, call, heard, hub, mini, state, tool, until, web

Talk = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def _id(request: bytes) -> Any:
    return json.loads(request.partition(b"\r\n\r\n")[2] or b"{}").get("id")


def _method(request: bytes) -> str:
    return str(json.loads(request.partition(b"\r\n\r\n")[2] or b"{}").get("method"))


def says(*pieces: bytes) -> Callable[..., Awaitable[None]]:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
        del reader, request
        for piece in pieces:
            writer.write(piece)

    return behave


async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
    del writer, request
    await reader.read()


async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
    del reader, request
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def endless_events(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
    del reader, request
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    while True:
        writer.write(b": nothing\n\n" * 100)
        await writer.drain()
        await asyncio.sleep(0.01)


async def endless_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
    del reader, request
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
    while True:
        writer.write(b"[" * 65536)
        await writer.drain()


async def closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
    del reader, request
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    writer.transport.abort()
    raise OSError("closed")


REFUSALS = {
    "garbage": (says(b"\x00\xff garbage \x1b[2J" * 100 + b"\r\n\r\n"), "waiting", ""),
    "401": (says(answer("401 Unauthorized", b"", "text/plain", "WWW-Authenticate: Bearer")), "failed", "HTTP 401"),
    "403": (says(answer("403 Forbidden")), "failed", "HTTP 403"),
    "404": (says(answer("404 Not Found", b"no", "text/plain")), "failed", "HTTP 404"),
    "500": (says(answer("500 Oh", b"no", "text/plain")), "waiting", "HTTP 500"),
    "503": (says(answer("503 Busy")), "waiting", "HTTP 503"),
    "away": (
        says(answer("302 Found", b"", "text/plain", "Location: http://127.0.0.1:1/x?token=abc")),
        "",
        "not followed",
    ),
    "html": (says(answer("200 OK", b"<html>", "text/html")), "", "content type"),
    "no json": (says(answer("200 OK", b"{nonsense")), "", ""),
    "not of it": (says(answer("200 OK", b'{"jsonrpc":"2.0","id":1,"result":{"x":1}}')), "", ""),
    "hangs": (hangs, "waiting", "did not answer within 1 s"),
    "drips": (drips, "waiting", "did not answer within 1 s"),
    "endless events": (endless_events, "waiting", "did not answer within 1 s"),
    "endless body": (endless_body, "waiting", ""),
    "closes": (closes, "waiting", ""),
    "compressed": (says(answer("200 OK", b"\x1f\x8b", "application/json", "Content-Encoding: gzip")), "", "compressed"),
}


@pytest.mark.parametrize("case", REFUSALS)
async def test_a_web_server_that_refuses_costs_its_line_alone(tmp_path: Path, case: str) -> None:
    behave, phase, words = REFUSALS[case]
    good = mini(tmp_path / "good", tool("echo"), name="good")
    with Raw(behave) as raw:
        bad = web(
            f"{raw.url}/mcp?key=abcdef123", "bad", headers={"Authorization": "Bearer s3cr3t-s3cr3t"}, connect_s=1.0
        )
        async with hub(tmp_path / "store", bad, good) as servers:
            assert (await call(servers, "good__echo", a=1)).content == '{"a": 1}'
            found = await until(servers, "bad", "waiting", "failed")
    assert found.phase in (phase or found.phase)
    assert words in found.detail
    assert found.detail
    assert found.detail.isprintable()
    assert not any(secret in str(found) for secret in ("abcdef123", "s3cr3t", "token=abc"))


PROGRAMS = {
    "exits": ("import sys; print('no config', file=sys.stderr); sys.exit(7)", "exited with status 7: no config"),
    "killed": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended by SIGKILL"),
    "killed without a name": ("import os; os.kill(os.getpid(), 40)", "ended by signal 40"),
    "babbles": ("while True: print('hello \\x1b[2J')", "no messages of MCP"),
    "bytes": ("import sys; sys.stdout.buffer.write(b'\\xff\\x00\\n' * 100)", ""),
    "silent": ("import time; time.sleep(60)", "did not answer within 1 s"),
    "line without end": ("import sys\nwhile True: sys.stdout.write('x' * 65536)", "more than 16 MiB"),
    "stderr without end": ("import sys\nwhile True: sys.stderr.write('x' * 65536)", "did not answer"),
}


@pytest.mark.parametrize("case", PROGRAMS)
async def test_a_program_that_is_no_server_costs_its_line_alone(tmp_path: Path, case: str) -> None:
    script, words = PROGRAMS[case]
    limit = 1.0 if "did not" in words else 20.0
    bad = Server("bad", "user", "d", command=sys.executable, args=("-I", "-c", script), connect_s=limit)
    good = mini(tmp_path / "good", tool("echo"), name="good")
    async with hub(tmp_path / "store", bad, good) as servers:
        found = await until(servers, "bad", "waiting", "failed")
        assert (await call(servers, "good__echo")).content == "{}"
    assert words in found.detail
    assert found.detail.isprintable()
    assert all(line.isprintable() for line in found.log)


async def test_a_program_that_ends_again_and_again_is_given_up_until_the_person_asks(tmp_path: Path) -> None:
    bad = Server("bad", "user", "d", command="/bin/false")
    async with hub(tmp_path / "store", bad) as servers:
        for _ in range(4):
            await until(servers, "bad", "waiting")
            await servers.reconnect("bad")
        found = await until(servers, "bad", "failed")
        assert "status 1" in found.detail
        refused = await call(servers, "bad__anything")
    assert refused.is_error


async def test_what_cannot_be_started_is_not_tried_again(tmp_path: Path) -> None:
    servers = [
        Server("none", "user", "d", command="/nonexistent/program"),
        Server("folder", "user", "d", command="/bin/true", cwd="/nonexistent"),
        Server("url", "user", "d", url="ftp://example.org/"),
    ]
    async with hub(tmp_path / "store", *servers) as started:
        found = [await until(started, server.name, "failed") for server in servers]
    assert ["No such file" in found[0].detail, "no folder" in found[1].detail, bool(found[2].detail)] == [True] * 3


async def test_pages_without_end_are_read_so_far_and_no_further(tmp_path: Path) -> None:
    pages = 0

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
        nonlocal pages
        del reader
        method = _method(request)
        result: dict[str, Any] = {}
        if method == "initialize":
            result = {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "x", "version": "1"},
            }
        elif method == "tools/list":
            pages += 1
            one = {"name": f"tool{pages}", "inputSchema": {"type": "object"}}
            result = {"tools": [one], "nextCursor": str(pages)}
        elif method != "tools/call":
            error = {"jsonrpc": "2.0", "id": _id(request), "error": {"code": -32601, "message": "no"}}
            writer.write(
                answer("200 OK", json.dumps(error).encode()) if _id(request) is not None else answer("202 Accepted")
            )
            return
        writer.write(answer("200 OK", json.dumps({"jsonrpc": "2.0", "id": _id(request), "result": result}).encode()))

    with Raw(behave) as raw:
        async with hub(tmp_path / "store", web(raw.url, "pages")) as servers:
            found = await until(servers, "pages", "ready", "waiting", "failed")
            assert (found.phase, found.tools, pages) == ("ready", 50, 50)


async def test_a_flood_of_log_lines_is_held_to_a_few(tmp_path: Path) -> None:
    output: list[str] = []
    async with hub(tmp_path / "store", mini(tmp_path / "mini", tool("flood"))) as servers:
        result = await call(servers, "mini__flood", output)
        found = await state(servers, "mini")
    assert result.content == "flooded"
    assert len(output) == 50
    assert output[0] == "warning: line 1\n"
    assert len(found.log) == 50
    assert found.log[-1] == "warning: line 1999"


async def test_a_message_of_many_megabytes_ends_the_connection_and_nothing_else(tmp_path: Path) -> None:
    async with hub(tmp_path / "store", mini(tmp_path / "mini", tool("long"), tool("echo"))) as servers:
        lost = await call(servers, "mini__long")
        assert "more than 16 MiB" in lost.content
        assert "may have been carried out" in lost.content
        assert (await call(servers, "mini__echo")).content == "{}"


async def test_prompts_whose_names_hide_something_are_left_out(tmp_path: Path) -> None:
    server = mini(tmp_path / "mini", tool("echo"))
    prompts = [
        {"name": "good", "arguments": [{"name": "who"}]},
        {"name": "bad\x1b[2J"},
        {"name": "worse", "arguments": [{"name": "who"}, {"name": "\x1b]0;owned\x07what"}]},
    ]
    (tmp_path / "mini" / "prompts.json").write_text(json.dumps(prompts), encoding="utf-8")
    async with hub(tmp_path / "store", server) as servers:
        assert [prompt.name for prompt in await servers.prompts("mini")] == ["good"]


async def test_what_a_program_says_on_stderr_without_end_does_not_make_it_stand_still(tmp_path: Path) -> None:
    async with hub(tmp_path / "store", mini(tmp_path / "mini", tool("mutter"), tool("echo"))) as servers:
        assert (await call(servers, "mini__mutter")).content == "said"
        assert (await call(servers, "mini__echo")).content == "{}"
    assert sum(message.get("method") == "initialize" for message in heard(tmp_path / "mini")) == 1


@pytest.mark.parametrize(
    ("error", "phase"),
    [
        (SandboxError("no lock", remedy="get one"), "failed"),
        (SandboxBusy("not now"), "waiting"),
        (KeyError("x"), "waiting"),
    ],
)
async def test_a_program_that_cannot_be_made_costs_its_line_alone(tmp_path: Path, error: Exception, phase: str) -> None:
    def program(server: Server) -> tuple[list[str], dict[str, str]]:
        if server.name == "bad":
            raise error
        return [server.command, *server.args], {}

    bad, good = mini(tmp_path / "bad", name="bad"), mini(tmp_path / "good", tool("echo"), name="good")
    async with hub(tmp_path / "store", bad, good, program=program) as servers:
        found = await until(servers, "bad", "failed", "waiting")
        assert (await call(servers, "good__echo")).content == "{}"
    assert found.phase == phase
    assert found.detail in {"no lock get one", "not now", "KeyError: 'x'"}
