"""The MCP servers of a session as its commands see them, and what the person said of them."""

from typing import TYPE_CHECKING

from py_mono.mcp_integration.contents import digest_now, files_of
from py_mono.protocol.tools import FROM_SERVER
from py_mono.security.approvals.consents import Consents

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from py_mono.mcp_integration.hub import McpServers
    from py_mono.mcp_integration.server import Server
    from py_mono.mcp_integration.servers import Configured
    from py_mono.mcp_integration.state import ServerState
    from py_mono.sandbox.program import Programs

KIND = "mcp"
"""Of consents: a server of the workspace's file, by its name, to what ``Trust.meant`` says; a no is to the entry alone."""
NO_LOCK = "there is no lock (--sandbox off): servers that are started can do whatever you can"


class Trust:
    """What the person said of the servers that a workspace's file names; their own need nothing said."""

    def __init__(self, state_folder: str, workspace: str) -> None:
        self._consents = Consents(state_folder, workspace)
        self._workspace = workspace

    def __call__(self, server: "Server") -> bool:
        """Whether it may be used."""
        return server.own or self._consents.agreed(KIND, server.name, self.meant(server))

    def refused(self, server: "Server") -> bool:
        """Whether the person said no to it, as it is written now."""
        return not server.own and self._consents.refused(KIND, server.name, server.digest)

    def files(self, server: "Server") -> "Mapping[str, str]":
        """The files of the workspace that its command line names, each with a digest of what it holds now."""
        return files_of(server, self._workspace)

    def meant(self, server: "Server") -> str:
        """What a yes means now, as a digest."""
        return digest_now(server, self.files(server))

    def agree(self, server: "Server", meant: str) -> None:
        """Remember a yes to what was shown; an older word on this name counts no more. Raises OSError where it cannot be kept."""
        self._consents.forget(KIND, server.name)
        self._consents.agree(KIND, server.name, meant)

    def refuse(self, server: "Server") -> None:
        """Remember a no, the same. Raises OSError."""
        self._consents.forget(KIND, server.name)
        self._consents.refuse(KIND, server.name, server.digest)


class Mcp:
    """What a session has of servers.

    Attributes:
        hub: The servers themselves.
        servers: As they are configured.
        problems: What was wrong with how they are.
        trust: What the person said of them.
        hidden: Those of the workspace's file that others hide until the person agrees.
        shown: What a yes would mean, by name: what was shown last, and its digest.
        programs: Those that were started.
    """

    def __init__(self, hub: "McpServers", configured: "Configured", trust: Trust, programs: "Programs") -> None:
        self.hub = hub
        self.servers: Sequence[Server] = configured.servers
        self.hidden: Sequence[Server] = configured.hidden
        started = any(server.command for server in self.servers)
        self.problems: Sequence[str] = (
            *configured.problems, *(() if programs.confined or not started else (NO_LOCK,))
        )  # fmt: skip
        self.trust = trust
        self.programs = programs
        self.shown: dict[str, tuple[str, str]] = {}

    def state(self, name: str) -> "ServerState":
        """How one stands. Raises McpError where there is none of that name."""
        self.hub.changed(name)
        return next(state for state in self.hub.states() if state.name == name)

    async def tools(self, name: str) -> "list[str]":
        """What can be called of one, by its names in the list of tools."""
        return [spec.name for spec in await self.hub.specs() if spec.source == f"{FROM_SERVER}{name}"]

    def untrusted(self) -> "Sequence[Server]":
        """Those that the person said nothing of."""
        return [server for server in self.servers if not self.trust(server) and not self.trust.refused(server)]

    async def close(self) -> None:
        """End connections and programs."""
        await self.hub.close()
        self.programs.close()
