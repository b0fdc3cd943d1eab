"""One MCP server, as it is configured."""

from typing import Literal

from msgspec import Struct

Origin = Literal["flag", "environment", "project", "user"]
"""Who named it: ``--mcp-config``, ``DATETIME_MCP_URL``, ``.mcp.json`` of the workspace, ``mcp.json`` of the configuration."""


CALL_S = 60.0
"""Seconds a call may take where its entry says nothing."""


class Server(Struct, frozen=True):
    """One entry of ``mcpServers``, its variables filled in.

    Attributes:
        name: As configured: up to 32 of ``A-Za-z0-9_-``; its tools are called ``NAME__TOOL``.
        origin: Who named it. An entry of a workspace is used once its operator has agreed to it.
        digest: BLAKE2b-128, hex, over the entry as it is written, before variables are filled in.
        url: Of a server that speaks streamable HTTP; empty for one that is started.
        headers: What each request to it carries.
        oauth: Whether it is asked for with OAuth.
        command: The program of a server that is started, and speaks over its stdin and stdout; empty for one with a URL.
        args: Its arguments.
        env: Its environment beyond the clean one.
        cwd: Where it starts: absolute; the workspace where empty.
        network: Whether a server that is started reaches the network.
        write: Whether it may change the workspace; it can read it in any case.
        always_allow: Tools that are called without asking; of an operator's own entry alone.
        timeout_s: Seconds that a call may take.
        connect_s: Seconds that connecting may take, the start of its program included.
        variables: Names of the environment's variables whose values its entry is given.
        secrets: Those of these values that no screen shows, for their names say that they are secret.
    """

    name: str
    origin: Origin
    digest: str
    url: str = ""
    headers: dict[str, str] = {}
    oauth: bool = False
    command: str = ""
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    cwd: str = ""
    network: bool = True
    write: bool = False
    always_allow: tuple[str, ...] = ()
    timeout_s: float = CALL_S
    connect_s: float = 30.0
    variables: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()

    @property
    def own(self) -> bool:
        """Whether the operator named it, and no file that came with a repository."""
        return self.origin != "project"
