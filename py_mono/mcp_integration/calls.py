"""What is asked of a server, over a loss of the connection."""

from collections.abc import Awaitable, Callable
from typing import Any

from py_mono.mcp_integration.link import Link, LinkLost, Said, Told
from py_mono.mcp_integration.supervisor import Supervisor


async def call(
    one: Supervisor, name: str, arguments: dict[str, Any], on_output: Callable[[str], None], *, known: bool
) -> Said:
    """Call a tool by the server's name for it; ``known``: it was, when the call was judged.

    What may have been done is not done again, unless it changes nothing.
    """
    tool = next((tool for tool in one.offer.all() if tool.name == name), None)
    if tool is not None and tool not in one.offer.tools():
        return await read(one, str(arguments.get("uri", "")))

    async def work(link: Link) -> Said:
        # Looked up again: who waited for the connection may find another list.
        now = next((now for now in one.offer.tools() if now.name == name), None)
        if now is None:
            return Said(one.offer.missing(name), is_error=True)
        if not (known and tool) and not now.read_only:  # nobody could judge this call
            return Said(f"{name} came up while this call waited for it, and was not run. Call it again", is_error=True)
        return await link.call(name, arguments, on_output)

    return await _asked(one, work, twice=tool is not None and tool.read_only)


async def read(one: Supervisor, uri: str) -> Said:
    """Read a resource."""
    return await _asked(one, lambda link: link.read(uri), twice=True)


async def prompt(one: Supervisor, name: str, arguments: dict[str, str]) -> Said:
    """Get a prompt."""
    return await _asked(one, lambda link: link.prompt(name, arguments), twice=True)


async def _asked(one: Supervisor, work: Callable[[Link], Awaitable[Said]], *, twice: bool) -> Said:
    """What a server answers; where it was lost, once more: if it cannot have done it, or may do it ``twice``."""
    lost: LinkLost | None = None
    for _ in range(2):
        try:
            return await work(await one.connection())
        except Told as error:
            return Said(one.words(str(error)), is_error=True)
        except LinkLost as error:
            lost = error
            if error.begun and not twice:
                break
    done = " The call may have been carried out all the same." if lost is not None and lost.begun and not twice else ""
    return Said(one.words(f"the MCP server {one.server.name} was lost: {lost}.{done}"), is_error=True)
