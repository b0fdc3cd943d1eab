"""The MCP servers of a session as its commands see them, and what the person said of them."""

from typing import TYPE_CHECKING

from py_mono.security.approvals.consents import Consents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from py_mono.mcp_integration.hub import McpServers
    from py_mono.mcp_integration.server import Server
    from py_mono.mcp_integration.servers import Configured
    from py_mono.mcp_integration.state import ServerState
    from py_mono.sandbox.program import Programs

KIND = "mcp"
"""Of consents: a server of the workspace's file, by its name, to the entry as it is written."""


class Trust:
    """What the person said of the servers that a workspace's file names; their own need nothing said."""

    def __init__(self, state_folder: str, workspace: str) -> None:
        self._consents = Consents(state_folder, workspace)

    def __call__(self, server: "Server") -> bool:
        """Whether it may be used."""
        return server.own or self._consents.agreed(KIND, server.name, server.digest)

    def refused(self, server: "Server") -> bool:
        """Whether the person said no to it, as it is written now."""
        return not server.own and self._consents.refused(KIND, server.name, server.digest)

    def agree(self, server: "Server") -> None:
        """Remember a yes; an older word on this name counts no more. Raises OSError where it cannot be kept."""
        self._consents.forget(KIND, server.name)
        self._consents.agree(KIND, server.name, server.digest)

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
        shown: What a yes would mean, by name: what was shown last.
        programs: Those that were started.
    """

    def __init__(self, hub: "McpServers", configured: "Configured", trust: Trust, programs: "Programs") -> None:
        self.hub = hub
        self.servers: Sequence[Server] = configured.servers
        self.problems: Sequence[str] = configured.problems
        self.trust = trust
        self.programs = programs
        self.shown: dict[str, str] = {}

    def state(self, name: str) -> "ServerState":
        """How one stands. Raises McpError where there is none of that name."""
        self.hub.changed(name)
        return next(state for state in self.hub.states() if state.name == name)

    def untrusted(self) -> "Sequence[Server]":
        """Those that the person said nothing of."""
        return [server for server in self.servers if not self.trust(server) and not self.trust.refused(server)]

    async def close(self) -> None:
        """End connections and programs."""
        await self.hub.close()
        self.programs.close()
