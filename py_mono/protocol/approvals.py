"""Who was asked about a call that cannot be taken back, and what they said."""

from typing import Literal

from py_mono.protocol.event_base import TaggedEvent

NeedKind = Literal["network", "outside", "install", "mcp", "call"]
"""Why a call is asked about: it reaches the network, a path outside, it installs, a server of the operator's is to
act (``mcp``); ``call``: the operator wants to be asked."""


class ApprovalRequested(TaggedEvent, frozen=True):
    """A person is asked whether a call may run; what they say is ``ApprovalDecided``.

    Attributes:
        call_id: The call.
        kind: What it would take.
        what: The exact command or path.
        reason: Why they are asked, in words.
    """

    call_id: str
    kind: NeedKind
    what: str
    reason: str


class ApprovalDecided(TaggedEvent, frozen=True):
    """A call that cannot be taken back was judged; comes between its ``ToolStarted`` and its ``ToolFinished``.

    Attributes:
        call_id: The call.
        kind: What it would take.
        what: The exact command or path.
        decision: ``once`` and ``always`` are a person's; ``rule`` is what they said before; ``flag`` is ``--allow``.
        reason: Why not, in the person's words or the program's; else empty.
    """

    call_id: str
    kind: NeedKind
    what: str
    decision: Literal["once", "always", "rule", "flag", "denied"]
    reason: str = ""
