"""Real servers, over HTTP and as programs: listed, called, read."""

import asyncio
import sys
from collections.abc import Awaitable, Iterator
from pathlib import Path

import pytest
from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from mcp_types import ToolAnnotations, ToolListChangedNotification

from py_mono.mcp_integration.link import McpError
from py_mono.mcp_integration.listing import Prompt, PromptArgument, Resource
from py_mono.mcp_integration.server import Server
from py_mono.protocol.tools import ToolCall, ToolResult
from tests.mcp_integration.servers import call, hub, mini, served, state, tool, until, web

pytestmark = pytest.mark.filterwarnings(
    "ignore:The logging capability is deprecated"
)  # what the server here says it with
PROGRAM = """
from fastmcp import FastMCP
server = FastMCP("program")
@server.tool
def add(a: int, b: int) -> int:
    return a + b
server.run(show_banner=False)
"""


def _real() -> FastMCP:
    server = FastMCP("real")

    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    def get_current_datetime() -> str:
        """What time it is."""
        return "now"

    @server.tool
    async def work(context: Context) -> str:
        """Work, and tell of it."""
        await context.info("begun")
        await context.warning("careful \x1b[31mnow")
        await context.report_progress(4, 4, "done \x07")
        return "worked"

    @server.tool
    def fail() -> str:
        """Fail."""
        raise ToolError("no such city")

    @server.tool
    async def more(context: Context) -> str:
        """Bring one more tool."""
        server.tool(lambda: "later", name="later")
        await context.send_notification(ToolListChangedNotification())
        return "more"

    @server.resource("data://notes", description="some \x1b[1mnotes")
    def notes() -> str:
        return "one\x07\ntwo"

    @server.prompt
    def greet(name: str) -> str:
        """Greet somebody."""
        return f"Greet {name}!"

    return server


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(_real().http_app()) as address:
        yield f"{address}/mcp"


async def test_the_tools_of_a_web_server_are_listed_and_called(tmp_path: Path, url: str) -> None:
    async with hub(tmp_path / "store", web(url)) as servers:
        await until(servers, "web", "ready")
        specs = {spec.name: spec.effect for spec in await servers.specs()}
        assert (await call(servers, "web__get_current_datetime")).content == "now"
        failed = await call(servers, "web__fail")
    assert specs["web__get_current_datetime"] == "read"
    assert specs["web__work"] == "external"
    assert (failed.content, failed.is_error) == ("no such city", True)


async def test_the_date_is_listed_by_its_plain_name_and_called_by_both(tmp_path: Path, url: str) -> None:
    async with hub(tmp_path / "store", web(url, "datetime")) as servers:
        assert (await call(servers, "get_current_datetime")).content == "now"
        names = [spec.name for spec in await servers.specs()]
        assert (await call(servers, "datetime__get_current_datetime")).content == "now"
    assert "get_current_datetime" in names
    assert "datetime__get_current_datetime" not in names


async def test_a_call_that_came_before_its_tool_waits_and_is_run_only_where_it_changes_nothing(
    tmp_path: Path, url: str
) -> None:
    def now(name: str) -> Awaitable[ToolResult]:
        return servers.call(ToolCall("c1", name, {}), lambda _: None)

    async with hub(tmp_path / "store", web(url, "datetime")) as servers:
        acts, looks, prefixed = await asyncio.gather(
            now("datetime__work"), now("get_current_datetime"), now("datetime__get_current_datetime")
        )
        assert (await now("datetime__work")).content == "worked"
    assert acts.is_error
    assert "was not run. Call it again" in acts.content
    assert (looks.content, prefixed.content) == ("now", "now")


async def test_what_a_tool_tells_while_it_runs_is_shown(tmp_path: Path, url: str) -> None:
    output: list[str] = []
    async with hub(tmp_path / "store", web(url)) as servers:
        assert (await call(servers, "web__work", output)).content == "worked"
        log = (await state(servers, "web")).log
    assert output == ["warning: careful now\n", "100% done\n"]
    assert log == ("info: begun", "warning: careful now")


async def test_a_tool_that_a_web_server_brings_later_is_listed(tmp_path: Path, url: str) -> None:
    async with hub(tmp_path / "store", web(url)) as servers:
        await call(servers, "web__more")
        while "web__later" not in [spec.name for spec in await servers.specs()]:
            await asyncio.sleep(0.01)
        assert (await call(servers, "web__later")).content == "later"


async def test_resources_and_prompts_are_read_by_the_person_and_the_model(tmp_path: Path, url: str) -> None:
    async with hub(tmp_path / "store", web(url)) as servers:
        resources, prompts = await servers.resources("web"), await servers.prompts("web")
        assert await servers.resource("web", "data://notes") == "[data://notes]\none\ntwo"
        assert await servers.prompt("web", "greet", {"name": "Bo"}) == "Greet Bo!"
        reader = next(spec for spec in await servers.specs() if spec.name == "web__read_resource")
        read = await call(servers, "web__read_resource", uri="data://notes")
        with pytest.raises(McpError, match="refused"):
            await servers.resource("web", "data://none")
        with pytest.raises(McpError):
            await servers.prompt("web", "none", {})
    assert resources == (Resource("data://notes", "notes", "some notes", "text/plain"),)
    assert prompts == (Prompt("greet", "Greet somebody.", (PromptArgument("name", "", required=True),)),)
    assert reader.effect == "read"
    assert "data://notes some notes" in reader.description
    assert read.content == "[data://notes]\none\ntwo"


async def test_a_real_program_is_started_and_called(tmp_path: Path) -> None:
    server = Server(
        "std", "user", "d", command=sys.executable, args=("-c", PROGRAM), env={"PYTHONDONTWRITEBYTECODE": "1"}
    )
    async with hub(tmp_path / "store", server) as servers:
        assert (await call(servers, "std__add", a=1, b=2)).content == "3"
        found = await state(servers, "std")
    assert (found.phase, found.tools) == ("ready", 1)


async def test_nothing_is_started_before_start_and_the_end_may_come_twice(tmp_path: Path) -> None:
    async with hub(tmp_path / "store", mini(tmp_path / "mini", tool("echo"))) as servers:
        await servers.settle(20)
        assert (await state(servers, "mini")).phase == "ready"
        await servers.close()
    await servers.close()


async def test_settling_waits_no_longer_than_it_may(tmp_path: Path) -> None:
    slow = Server("slow", "user", "d", command="/bin/sleep", args=("60",))
    async with hub(tmp_path / "store", slow) as servers:
        await servers.settle(0.05)
        assert (await state(servers, "slow")).phase == "connecting"


async def test_connecting_anew_is_a_new_connection(tmp_path: Path) -> None:
    async with hub(tmp_path / "store", mini(tmp_path / "mini", tool("echo"))) as servers:
        await until(servers, "mini", "ready")
        await servers.reconnect("mini")
        assert (await call(servers, "mini__echo")).content == "{}"
    heard = (tmp_path / "mini" / "heard").read_text()
    assert heard.count('"initialize"') == 2
