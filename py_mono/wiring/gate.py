"""The gate of a session, loaded with the first call that passes it."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from py_mono.protocol.gate import Verdict
from py_mono.protocol.ports import Emit, Grant
from py_mono.protocol.tools import ToolCall, ToolResult, ToolSpec
from py_mono.security.approvals.consents import Consents
from py_mono.utils.lazy import load

if TYPE_CHECKING:
    from py_mono.config import Settings
    from py_mono.mcp_integration.server import Server
    from py_mono.sandbox.profile import Profile
    from py_mono.security.approvals.gate import Approvals
    from py_mono.security.approvals.questions import Ask
    from py_mono.security.approvals.rules import Rules


class LateGate:
    """``security.approvals``, made when it is first needed.

    Attributes:
        ask: Asks a person; None where nobody is there.
        servers: Those that are configured, trusted or not; to be known before the first call that passes.
    """

    def __init__(self, settings: "Settings", profile: "Profile", notice: Callable[[str], None]) -> None:
        """``notice`` gets what the person should know of the rules they made."""
        self.ask: Ask | None = None
        self.servers: Sequence[Server] = ()
        self._settings = settings
        self._profile = profile
        self._notice = notice
        self._made: Approvals | None = None

    @property
    def rules(self) -> "Rules":
        """What was agreed to."""
        return self._approvals.rules

    @property
    def consents(self) -> Consents:
        """What was agreed to by its content."""
        return Consents(self._settings.folders.state, self._profile.workspace)

    @property
    def _approvals(self) -> "Approvals":
        if self._made is None:
            make = load("py_mono.wiring.approving:make_approvals")
            self._made = made = make(self._settings, self._profile, self._notice, lambda: self.ask, self.servers)
            return made  # type: ignore[no-any-return]  # its type is known by its name
        return self._made

    async def review_call(self, call: ToolCall, spec: ToolSpec, emit: Emit) -> Verdict:
        """See ``Gate``."""
        return await self._approvals.review_call(call, spec, emit)

    async def review_own(self, call: ToolCall, spec: ToolSpec, emit: Emit) -> Verdict:
        """See ``Approvals``."""
        return await self._approvals.review_own(call, spec, emit)

    def hint(self, call: ToolCall, result: ToolResult, grant: Grant) -> str:
        """See ``Approvals``."""
        return self._approvals.hint(call, result, grant) if result.is_error else ""
