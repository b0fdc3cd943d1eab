"""The gate of a session, made from its settings and its lock."""

import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from py_mono.sandbox.profile import Profile, make_environment
from py_mono.security.approvals.gate import Approvals
from py_mono.security.approvals.places import Places
from py_mono.security.approvals.questions import Ask
from py_mono.security.approvals.rules import Rules
from py_mono.security.approvals.servers import ServerCalls

if TYPE_CHECKING:
    from py_mono.config import Settings
    from py_mono.mcp_integration.server import Server


def make_approvals(
    settings: "Settings",
    profile: Profile,
    notice: Callable[[str], None],
    ask: Callable[[], Ask | None],
    servers: "Sequence[Server]",
) -> Approvals:
    """Who is asked, and what was agreed to; the arguments are those of ``LateGate``, with what gives its ``ask``."""
    folders = settings.folders
    home = settings.environment.get("HOME") or os.path.expanduser("~")
    inside = make_environment(profile, {})
    places = Places(
        workspace=profile.workspace,
        writable=profile.writable,
        readable=profile.readable,
        never=(folders.config, folders.state, *profile.hidden),
        home=home,
        programs=inside["PATH"].split(os.pathsep),
        lock_home=inside["HOME"],
    )
    return Approvals(
        places,
        Rules(folders.state, profile.workspace, notice=notice, clock=time.time),
        ask=ask,
        allowed=settings.allow,
        network=profile.network,
        confined=profile.backend != "off",
        ask_all=settings.tools_mode == "ask",
        servers=ServerCalls(
            {server.name: server.digest for server in servers},
            {(server.name, tool) for server in servers if server.own for tool in server.always_allow},
        ),
    )
