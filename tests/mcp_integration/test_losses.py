"""A server that goes away: what becomes of calls, and how it comes back."""

import asyncio
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from py_mono.protocol.tools import ToolCall
from tests.mcp_integration.servers import Raw, answer, call, heard, hub, mini, state, tool, until, web


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_call_in_flight_is_not_repeated_and_says_that_it_may_have_been_done(tmp_path: Path) -> None:
    async with hub(tmp_path / "store", mini(tmp_path / "mini", tool("die_once"))) as servers:
        lost = await call(servers, "mini__die_once")
        assert lost.is_error
        assert "may have been carried out" in lost.content
        assert "exited with status 4" in lost.content
        assert (tmp_path / "mini" / "count").read_text() == "x"
        assert (await call(servers, "mini__die_once")).content == "alive"


async def test_a_call_that_changes_nothing_is_repeated_once(tmp_path: Path) -> None:
    async with hub(tmp_path / "store", mini(tmp_path / "mini", tool("look_once", read_only=True))) as servers:
        assert (await call(servers, "mini__look_once")).content == "alive"
    assert (tmp_path / "mini" / "count").read_text() == "xx"


async def test_a_tool_that_kills_its_server_each_time_is_tried_twice_and_no_more(tmp_path: Path) -> None:
    async with hub(tmp_path / "store", mini(tmp_path / "mini", tool("die", read_only=True))) as servers:
        lost = await call(servers, "mini__die")
    assert lost.is_error
    assert "exited with status 3: fatal: bad luck" in lost.content
    calls = [message for message in heard(tmp_path / "mini") if message.get("method") == "tools/call"]
    assert len(calls) == 2


async def test_a_loss_is_said_with_status_and_last_words_and_the_server_comes_back(tmp_path: Path) -> None:
    async with hub(tmp_path / "store", mini(tmp_path / "mini", tool("die"), tool("echo"))) as servers:
        await call(servers, "mini__die")
        found = await until(servers, "mini", "waiting", "connecting")
        assert found.detail == "it exited with status 3: fatal: bad luck"
        assert (await call(servers, "mini__echo", x=1)).content == '{"x": 1}'
        assert (await state(servers, "mini")).detail == ""


async def test_the_call_of_a_server_that_never_came_ends_with_its_first_failure(tmp_path: Path) -> None:
    async with hub(tmp_path / "store", web("http://127.0.0.1:9/mcp", connect_s=60.0)) as servers:
        await until(servers, "web", "waiting")
        refused = await call(servers, "web__anything")
        assert refused.is_error
        assert "no tool" in refused.content


async def test_a_cancelled_call_tells_the_server_and_goes_on_at_once(tmp_path: Path) -> None:
    async with hub(tmp_path / "store", mini(tmp_path / "mini", tool("hang"), tool("echo"))) as servers:
        calling = asyncio.create_task(call(servers, "mini__hang"))
        await _heard(tmp_path / "mini", lambda messages: any(m.get("method") == "tools/call" for m in messages))
        calling.cancel()
        with pytest.raises(asyncio.CancelledError) as ended:
            await calling
        assert (await call(servers, "mini__echo")).content == "{}"
    assert "may have carried it out" in ended.value.args[0].content
    messages = heard(tmp_path / "mini")
    asked = next(message["id"] for message in messages if message.get("method") == "tools/call")
    cancelled = next(message for message in messages if message.get("method") == "notifications/cancelled")
    assert cancelled["params"]["requestId"] == asked


async def test_a_server_that_reads_nothing_does_not_hold_up_a_cancellation_nor_the_end(tmp_path: Path) -> None:
    async with hub(tmp_path / "store", mini(tmp_path / "mini", tool("deaf"))) as servers:
        await until(servers, "mini", "ready")
        calling = asyncio.create_task(call(servers, "mini__deaf", padding="x" * 2_000_000))
        await _heard(tmp_path / "mini", lambda messages: any(m.get("method") == "tools/call" for m in messages))
        calling.cancel()
        async with asyncio.timeout(5):  # the library alone would wait for its own limits, one after the other
            with suppress(asyncio.CancelledError):
                await calling


async def _heard(folder: Path, wanted: Callable[[list[dict[str, object]]], bool]) -> None:
    while True:
        with suppress(FileNotFoundError, json.JSONDecodeError):
            if wanted(heard(folder)):
                return
        await asyncio.sleep(0.01)


async def test_a_call_that_takes_too_long_is_given_up_and_the_connection_stays(tmp_path: Path) -> None:
    server = mini(tmp_path / "mini", tool("hang"), tool("echo"), timeout_s=0.2)
    async with hub(tmp_path / "store", server) as servers:
        late = await call(servers, "mini__hang")
        assert late.is_error
        assert "did not answer within 0.2 s" in late.content
        assert (await call(servers, "mini__echo")).content == "{}"
    assert sum(message.get("method") == "initialize" for message in heard(tmp_path / "mini")) == 1


async def test_the_end_leaves_no_process_behind_not_even_what_a_program_started(tmp_path: Path) -> None:
    async with hub(tmp_path / "store", mini(tmp_path / "mini", tool("orphan"), tool("env"))) as servers:
        await call(servers, "mini__orphan")
        (pid,) = await _children(os.getpid(), "mini.py")
        (orphan,) = await _children(pid, "sleep")
    assert not alive(pid)
    while alive(orphan):  # whoever adopts it has to see its end
        await asyncio.sleep(0.01)


async def test_what_ignores_the_end_of_its_program_is_ended_with_it(tmp_path: Path) -> None:
    async with hub(tmp_path / "store", mini(tmp_path / "mini", tool("stubborn"))) as servers:
        child = int((await call(servers, "mini__stubborn")).content)
        assert alive(child)
    while alive(child):
        await asyncio.sleep(0.01)


async def test_a_server_that_takes_nothing_any_more_is_lost_and_comes_back(tmp_path: Path) -> None:
    async with hub(tmp_path / "store", mini(tmp_path / "mini", tool("unread"), tool("echo"))) as servers:
        assert (await call(servers, "mini__unread")).content == "reads nothing any more"
        lost = await call(servers, "mini__echo")
        if lost.is_error:  # it may have been asked before it closed its stdin
            assert "it closed its stdin" in lost.content
        assert (await call(servers, "mini__echo")).content == "{}"


async def _children(parent: int, word: str) -> list[int]:
    """Once there are some: the kernel may leave one out of a list that changes."""
    while not (found := _listed(parent, word)):
        await asyncio.sleep(0)
    return found


def _listed(parent: int, word: str) -> list[int]:
    tasks = os.listdir(f"/proc/{parent}/task")
    pids = [pid for task in tasks for pid in Path(f"/proc/{parent}/task/{task}/children").read_text().split()]
    return [int(pid) for pid in pids if word in Path(f"/proc/{pid}/cmdline").read_text()]


async def test_a_web_server_that_forgot_the_session_is_connected_again_and_the_call_made_once(tmp_path: Path) -> None:
    sessions: list[str] = []
    calls: list[str] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
        del reader
        head, _, body = request.partition(b"\r\n\r\n")
        message = json.loads(body or b"{}")
        method, number = message.get("method"), message.get("id")
        session = next(
            (one.split(b": ")[1].decode() for one in head.split(b"\r\n") if one.lower().startswith(b"mcp-session-id")),
            "",
        )
        if method == "initialize":
            sessions.append(f"s{len(sessions)}")
            about = {"capabilities": {"tools": {}}, "serverInfo": {"name": "x", "version": "1"}}
            result: object = {"protocolVersion": "2025-06-18", **about}
        elif session not in sessions[-1:]:
            writer.write(answer("404 Not Found", b"unknown session", "text/plain"))
            return
        elif method == "tools/list":
            result = {"tools": [tool("act")]}
        elif method == "tools/call":
            calls.append(session)
            result = {"content": [{"type": "text", "text": "done"}]}
        else:
            writer.write(answer("202 Accepted") if number is None else answer("400 Bad Request", b"no", "text/plain"))
            return
        reply = json.dumps({"jsonrpc": "2.0", "id": number, "result": result}).encode()
        writer.write(answer("200 OK", reply, "application/json", f"Mcp-Session-Id: {sessions[-1]}"))

    with Raw(behave) as raw:
        async with hub(tmp_path / "store", web(raw.url)) as servers:
            assert (await call(servers, "web__act")).content == "done"
            sessions.append("another one")
            assert (await call(servers, "web__act")).content == "done"
    assert calls == ["s0", "s2"]


async def test_a_web_server_that_is_gone_is_waited_for_and_answers_when_it_is_back(tmp_path: Path) -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
        del reader
        message = json.loads(request.partition(b"\r\n\r\n")[2] or b"{}")
        method, number = message.get("method"), message.get("id")
        results: dict[str, object] = {
            "initialize": {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "x", "version": "1"},
            },
            "tools/list": {"tools": [tool("act")]},
            "tools/call": {"content": [{"type": "text", "text": "done"}]},
        }
        if method not in results:
            writer.write(answer("202 Accepted") if number is None else answer("400 Bad Request"))
            return
        writer.write(answer("200 OK", json.dumps({"jsonrpc": "2.0", "id": number, "result": results[method]}).encode()))

    with Raw(behave) as raw:
        async with hub(tmp_path / "store", web(raw.url)) as servers:
            assert (await call(servers, "web__act")).content == "done"
            raw.stop_listening()
            calling = asyncio.create_task(servers.call(ToolCall("c", "web__act", {}), lambda _: None))
            await until(servers, "web", "waiting")
            raw.listen_again()
            assert (await calling).content == "done"


async def test_servers_are_connected_and_called_at_the_same_time(tmp_path: Path) -> None:
    first, second = mini(tmp_path / "a", tool("echo"), name="a"), mini(tmp_path / "b", tool("echo"), name="b")
    async with hub(tmp_path / "store", first, second) as servers:
        results = await asyncio.gather(call(servers, "a__echo", n=1), call(servers, "b__echo", n=2))
    assert [result.content for result in results] == ['{"n": 1}', '{"n": 2}']
