"""The protocol's reference server through our own client layer: over stdio in its lock, and over streamable HTTP."""

import asyncio
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from py_mono.mcp_integration.asking import Answer, Question
from py_mono.mcp_integration.hub import McpServers
from py_mono.mcp_integration.server import Server
from py_mono.protocol.tools import ToolCall, ToolResult
from py_mono.sandbox.program import Programs

HERE = Path(__file__).parent
NODE = HERE / "node_modules" / "node" / "bin" / "node"
EVERYTHING = HERE / "node_modules" / "@modelcontextprotocol" / "server-everything" / "dist" / "index.js"

pytestmark = pytest.mark.skipif(not NODE.exists(), reason="Node's packages are not installed: make conformance does it")


class Everything:
    """The server, connected."""

    def __init__(self, servers: McpServers) -> None:
        self.servers = servers
        self.asked: list[Question] = []
        self.heard: list[str] = []
        servers.ask = self._answer

    async def _answer(self, question: Question) -> Answer:
        self.asked.append(question)
        return Answer("accept")

    async def call(self, tool: str, /, **arguments: Any) -> ToolResult:
        return await self.servers.call(ToolCall("c1", f"everything__{tool}", arguments), self.heard.append)


def server(way: str, url: str) -> Server:
    if way == "http":
        return Server("everything", "user", "digest", url=url)
    return Server("everything", "user", "digest", command=str(NODE), args=(str(EVERYTHING), "stdio"), network=False)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The server over HTTP, as a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = {"PATH": os.environ["PATH"], "PORT": str(port)}
    with subprocess.Popen(
        [NODE, EVERYTHING, "streamableHttp"], env=environ, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert any("listening" in line for line in process.stderr), "it ended"  # or pytest's own time is over
        yield f"http://127.0.0.1:{port}/mcp"
        process.kill()


@pytest.fixture(params=["stdio", "http"])
async def everything(request: pytest.FixtureRequest, tmp_path: Path, address: str) -> AsyncIterator[Everything]:
    folder = tmp_path
    programs = Programs(
        workspace=str(HERE), state_folder=str(folder / "state"), environment={**os.environ, "OPENAI_API_KEY": "sk-x"}
    )
    servers = McpServers(
        [server(request.param, address)],
        workspace=str(HERE),
        store=str(folder / "store"),
        trusted=lambda _: True,
        program=lambda one: programs.command(one.name, [one.command, *one.args], one.env, network=one.network),
        notice=lambda _: None,
        redact=str,
        version="0",
    )
    made = Everything(servers)
    servers.start()
    await servers.settle(30)
    assert servers.states()[0].phase == "ready", servers.states()
    yield made
    await servers.close()
    programs.close()


async def test_its_tools_are_listed_in_our_terms(everything: Everything) -> None:
    names = {spec.name for spec in await everything.servers.specs()}
    assert {"everything__echo", "everything__get-sum", "everything__get-tiny-image", "everything__get-env"} <= names


async def test_a_text_comes_back(everything: Everything) -> None:
    assert (await everything.call("echo", message="höla")).content == "Echo: höla"
    assert "5" in (await everything.call("get-sum", a=2, b=3)).content


async def test_wrong_arguments_are_an_error_in_words(everything: Everything) -> None:
    result = await everything.call("get-sum", a="two")
    assert result.is_error
    assert "Traceback" not in result.content


async def test_content_that_is_no_text_is_said_to_be_there(everything: Everything) -> None:
    image = await everything.call("get-tiny-image")
    assert "[image/png, " in image.content
    links = await everything.call("get-resource-links", count=2)
    assert "demo://" in links.content
    embedded = await everything.call("get-resource-reference", resourceType="Text", resourceId=1)
    assert "demo://" in embedded.content


async def test_structured_content_is_text_for_a_model(everything: Everything) -> None:
    result = await everything.call("get-structured-content", location="Chicago")
    assert "temperature" in result.content


async def test_progress_is_heard_while_a_call_runs(everything: Everything) -> None:
    everything.heard.clear()
    result = await everything.call("trigger-long-running-operation", duration=1, steps=4)
    assert not result.is_error
    assert everything.heard


async def test_a_call_that_is_cancelled_ends_at_once_and_the_next_one_works(everything: Everything) -> None:
    running = asyncio.ensure_future(everything.call("trigger-long-running-operation", duration=600, steps=600))
    done, _ = await asyncio.wait({running}, timeout=0.5)
    assert not done
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await everything.call("echo", message="still")).content == "Echo: still"


async def test_its_question_is_put_to_the_person(everything: Everything) -> None:
    names = {spec.name for spec in await everything.servers.specs()}
    assert "everything__trigger-elicitation-request" in names
    result = await everything.call("trigger-elicitation-request")
    assert not result.is_error
    assert everything.asked[-1].server == "everything"
    assert everything.asked[-1].fields


async def test_it_is_given_the_workspace_as_its_one_root(everything: Everything) -> None:
    assert HERE.as_uri() in (await everything.call("get-roots-list")).content


async def test_resources_and_prompts(everything: Everything) -> None:
    resources = await everything.servers.resources("everything")
    assert resources
    assert await everything.servers.resource("everything", resources[0].uri)
    assert {prompt.name for prompt in await everything.servers.prompts("everything")} >= {
        "simple-prompt",
        "args-prompt",
    }
    assert "Oslo" in await everything.servers.prompt("everything", "args-prompt", {"city": "Oslo"})


async def until(found: Callable[[], Awaitable[bool]]) -> None:
    """What a server tells by itself comes when it comes."""
    async with asyncio.timeout(30):
        while not await found():
            await asyncio.sleep(0.05)


async def test_what_it_logs_is_kept_for_the_person(everything: Everything) -> None:
    await everything.call("toggle-simulated-logging")

    async def logged() -> bool:
        return any("level" in line.lower() for line in everything.servers.states()[0].log)

    await until(logged)


async def test_a_list_that_changes_is_read_again(everything: Everything) -> None:
    before = len(await everything.servers.resources("everything"))
    made = await everything.call("gzip-file-as-resource", name="new.gz", data="data:text/plain,hello")
    assert not made.is_error, made.content

    async def grown() -> bool:
        return len(await everything.servers.resources("everything")) > before

    await until(grown)


async def test_in_its_lock_its_environment_is_clean(everything: Everything) -> None:
    if everything.servers.states()[0].where.startswith("http"):
        pytest.skip("a server that is not started by us has its own environment")
    environment = (await everything.call("get-env")).content
    assert "sk-x" not in environment
    assert "OPENAI" not in environment
    assert "PATH" in environment
