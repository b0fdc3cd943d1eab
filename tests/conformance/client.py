"""Our client layer as the conformance suite drives it: ``python -m tests.conformance.client URL``; the suite adds the URL."""

import asyncio
import json
import os
import sys
import tempfile
from typing import Any

import httpx

from py_mono.mcp_integration.asking import Answer, Question
from py_mono.mcp_integration.hub import McpServers
from py_mono.mcp_integration.server import Server
from py_mono.protocol.tools import ToolCall, ToolSpec

SETTLE_S = 20.0
_LOGIN = "wants you to log in: "
_EXAMPLES: dict[str, Any] = {"string": "text", "integer": 2, "number": 3, "boolean": True, "array": [], "object": {}}


class Person:
    """Who sits before the program: agrees to every question as it stands, and logs in where a browser is wanted."""

    def __init__(self) -> None:
        self._browsing: set[asyncio.Task[None]] = set()

    async def answer(self, _question: Question) -> Answer:
        """Accept; every field keeps its default."""
        return Answer("accept")

    def hear(self, notice: str) -> None:
        """A notice; one that names the address of a login opens it."""
        sys.stderr.write(notice + "\n")
        if _LOGIN in notice:
            task = asyncio.create_task(self._browse(notice.partition(_LOGIN)[2]))
            self._browsing.add(task)
            task.add_done_callback(self._browsing.discard)

    async def _browse(self, address: str) -> None:
        async with httpx.AsyncClient(follow_redirects=True, trust_env=False) as browser:
            await browser.get(address)


def show(text: str) -> None:
    """What a running tool tells."""
    sys.stderr.write(text)


def example(spec: ToolSpec) -> dict[str, Any]:
    """Arguments that fit the tool's schema."""
    properties: dict[str, Any] = spec.parameters.get("properties", {})
    return {name: _EXAMPLES.get(about.get("type", ""), "text") for name, about in properties.items()}


async def seen(servers: McpServers, name: str) -> dict[str, Any]:
    """The schema of a tool, as our layer has it."""
    return next(spec.parameters for spec in await servers.specs() if spec.name.endswith(f"__{name}"))


async def use(servers: McpServers) -> bool:
    """Connect, list, and call every tool once; whether it is connected at the end.

    A call that failed is an answer to the model, and no failure of the client: the suite judges what was sent.
    """
    await servers.settle(SETTLE_S)
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
    wanted = {one["name"]: one.get("arguments", {}) for one in context.get("toolCalls", ())}
    for spec in await servers.specs():
        plain = spec.name.partition("__")[2]
        arguments = wanted.get(plain, example(spec))
        if plain == "json_schema_echo":  # which asks for what was seen of the other tool
            arguments = {"schema": await seen(servers, "json_schema_2020_12_tool")}
        result = await servers.call(ToolCall("c1", spec.name, arguments), show)
        sys.stderr.write(f"{spec.name}: {result.content}\n")
    state = servers.states()[0]
    sys.stderr.write(f"{state.phase}: {state.detail}\n")
    return state.phase == "ready"


async def main(url: str) -> int:
    """Use the server at this address; 1 where it is not connected at the end."""
    person = Person()
    oauth = os.environ.get("MCP_CONFORMANCE_SCENARIO", "").startswith("auth/")
    with tempfile.TemporaryDirectory() as folder:
        servers = McpServers(
            [Server("suite", "user", "digest", url=url, oauth=oauth, connect_s=SETTLE_S)],
            workspace=folder,
            store=os.path.join(folder, "store"),
            trusted=lambda _: True,
            program=lambda server: ([server.command], {}),
            notice=person.hear,
            redact=str,
            version="0",
            browser=True,
        )
        servers.ask = person.answer
        servers.start()
        try:
            return 0 if await use(servers) else 1
        finally:
            await servers.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[-1])))
