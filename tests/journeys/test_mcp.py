"""The real program and real MCP servers: there from the first, late, gone, back with other tools, and gone for good."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tests.journeys.program import Played, Program

SERVER = str(Path(__file__).with_name("mcp_server.py"))
NOW = "get_current_datetime"


@contextmanager
def served(port: int, *names: str) -> Iterator[int]:
    """A server with these tools, at the port; at any one for 0."""
    with subprocess.Popen(
        [sys.executable, SERVER, str(port), *names], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as running:
        try:
            assert running.stdout
            yield int(running.stdout.readline())
        finally:
            running.kill()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def configure(program: Program, **servers: dict[str, Any]) -> None:
    folder = program.home / "config"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mcp.json").write_text(json.dumps({"mcpServers": servers}), encoding="utf-8")


def at(port: int) -> str:
    return f"http://127.0.0.1:{port}/mcp"


def result_of(played: Played) -> dict[str, Any]:
    found: dict[str, Any] = next(event["result"] for event in played.events if event["type"] == "tool_finished")
    return found


def test_what_is_the_current_date_and_time(program: Program) -> None:
    asked = "what is the current date and time"
    with served(0, NOW, "other") as port:
        program.more = {"DATETIME_MCP_URL": at(port)}
        first = program.run("-p", asked, "--json", script=f"expect-tools: {NOW}\ncall: {NOW}\n---\ntext: now")
        assert (first.status, result_of(first)["content"]) == (0, f"served {NOW}")
        both = program.run("tool", "--session", stdin=f'{{"tool": "{NOW}"}}\n{{"tool": "datetime__other"}}\n'.encode())
        assert [line["output"] for line in map(json.loads, both.stdout.splitlines())] == [
            f"served {NOW}",
            "served other",
        ]
    frozen = next(event for event in first.events if event["type"] == "prompt_frozen")
    assert frozen["tools"][-3:] == [NOW, "datetime__other", "call_tool"]
    listed = program.run("tool", "list", "--json").result["tools"]
    assert [tool["name"] for tool in listed][-2:] == [NOW, "datetime__other"]  # known without a connection
    unconfigured: dict[str, Any] = {"DATETIME_MCP_URL": ""}
    for gone in ({}, unconfigured):
        again = program.run(
            "-c", "-p", asked, "--json", script=f"expect-tools: {NOW}\ncall: {NOW}\n---\ntext: no", **gone
        )
        assert (again.status, result_of(again)["is_error"]) == (0, True)
        assert not {"prompt_frozen", "prefix_broken", "tools_announced"} & {event["type"] for event in again.events}
    assert "is gone: its server is not configured any more" in result_of(again)["content"]
    session = program.run("sessions", "list").stdout.split()[0]
    assert "each is the one that was recorded" in program.run("sessions", "replay", session).stdout


class Talk:
    """The program with lines for input; what it says is read as it comes."""

    def __init__(self, stdin: IO[str], stdout: IO[str]) -> None:
        self._stdin, self._stdout = stdin, stdout

    def say(self, line: str, until: str) -> str:
        """Say it, and read until that comes."""
        self.write(line)
        return self.hear(until)

    def write(self, line: str) -> None:
        self._stdin.write(line + "\n")
        self._stdin.flush()

    def hear(self, until: str) -> str:
        heard = ""
        while until not in heard:
            came = self._stdout.readline()
            assert came, heard
            assert "failed ·" not in came, heard
            heard += came
        return heard

    def wait_for_tool(self, name: str) -> None:
        """Until it can be called; connecting is not left to the back-off."""
        self.write("/mcp reconnect datetime")
        while name not in self.say("/tools", "shell  "):
            pass


@contextmanager
def talking(program: Program, script: str) -> Iterator[Talk]:
    program.script(script)
    with subprocess.Popen(
        program.command(), cwd=program.workspace, env=program.environment(), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as running:  # fmt: skip
        assert running.stdin
        assert running.stdout
        try:
            yield Talk(running.stdin, running.stdout)
            running.stdin.close()
            assert running.wait(60) == 0
        finally:
            running.kill()


def dispatched(name: str, expected: str) -> str:
    call = json.dumps({"name": name, "arguments": {}})
    return f"call: call_tool {call}\n---\nexpect-result: {expected}\n"


def test_a_server_comes_late_goes_and_comes_back_with_another_tool_in_one_session(program: Program) -> None:
    port = free_port()
    program.more = {"DATETIME_MCP_URL": at(port)}
    script = "\n---\n".join(
        [
            "expect-no-tools: datetime\ntext: turn one",
            "expect-messages: [More tools can be called now.\n" + dispatched(NOW, f"served {NOW}") + "text: turn two",
            dispatched(NOW, "has no tool") + "text: turn three",
            "expect-messages: datetime__later\n" + dispatched("datetime__later", "served later")
            + "text: turn four",
        ]
    )  # fmt: skip
    with talking(program, script) as talk:
        talk.say("hello", "turn one")
        with served(port, NOW):
            talk.wait_for_tool(NOW)
            talk.say("what is the time?", "turn two")
        talk.write("and now?")  # the call waits for the server, which comes back as another one
        with served(port, "later"):
            assert "✗ get_current_datetime" in talk.hear("turn three")
            talk.wait_for_tool("datetime__later")
            assert "✓ datetime__later" in talk.say("and later?", "turn four")
    shown = program.run("sessions", "export", program.run("sessions", "list").stdout.split()[0]).stdout
    assert shown.count("More tools can be called now") == 2
    session = program.run("sessions", "list").stdout.split()[0]
    assert "Replayed 7 requests in 4 turns: each" in program.run("sessions", "replay", session).stdout
    more = program.run("-c", "-p", "on", "--json", script="expect-messages: datetime__later\ntext: ok")
    assert [event["type"] for event in more.events if event["type"].startswith(("prefix", "tools_", "prompt"))] == []


def test_a_server_that_is_started_reads_in_its_lock_and_a_dead_one_beside_it_costs_nothing(program: Program) -> None:
    configure(
        program,
        clock={"command": sys.executable, "args": ["-m", "mcp_servers.datetime.server", "--stdio"], "cwd": str(Path(__file__).parents[2])},
        dead={"url": at(free_port())},
    )  # fmt: skip
    script = (
        'call: clock__get_current_datetime {"timezone": "Europe/Berlin"}\n---\nexpect-result: (Europe/Berlin)\ntext: ok'
    )
    played = program.run("-p", "what is the time", script=script)
    assert (played.status, played.stdout) == (0, "ok\n"), played.stderr
    assert "✓ clock__get_current_datetime Europe/Berlin" in played.stderr


def test_where_no_server_is_configured_nothing_of_them_is_loaded(program: Program) -> None:
    played = program.run("-p", "hello", PYTHONPROFILEIMPORTTIME="1")
    assert "py_mono.agent.loop" in played.stderr
    for module in ("py_mono.mcp_integration", "fastmcp", "mcp_types", "pydantic", "py_mono.tools.announcing"):
        assert f" {module}" not in played.stderr
